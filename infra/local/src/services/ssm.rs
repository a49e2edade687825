//! Systems Manager: Run Command with documents, delivery, truncated output and its lags.

use super::{ec2_describe, only, text, texts};
use crate::cloud::{ApiError, Call, Cloud, Reply};
use crate::iam::Keys;
use crate::latency::{DELIVERY, LAG};
use crate::names;
use crate::world::{Command, Invocation, Plain, World};
use serde_json::{Value, json};
use std::time::Duration;

/// ListCommandInvocations shows this much of a plugin's output.
const SHOWN: usize = 2_500;

/// Calls of Systems Manager.
pub(crate) fn call(cloud: &Cloud, call: &Call) -> Reply {
    match call.action.as_str() {
        "SendCommand" => send_command(cloud, call),
        "CancelCommand" => cancel_command(cloud, call),
        "ListCommands" | "ListCommandInvocations" | "DescribeInstanceInformation" => {
            let world = cloud.world();
            cloud.authorize(&world, &call.principal, &format!("ssm:{}", call.action), "*", &call.principal.account, None, &Keys::new())?;
            match call.action.as_str() {
                "ListCommands" => list_commands(&world, call, cloud.now_ms()),
                "ListCommandInvocations" => list_invocations(&world, call, cloud.now_ms()),
                _ => instance_information(&world, call, cloud.now_ms()),
            }
        }
        other => Err(ApiError::new("UnknownOperationException", 400, other.to_string())),
    }
}

/// A document by its name, which another account or region may use too.
fn document<'a>(world: &'a World, account: &str, region: &str, name: &str) -> Option<&'a Plain> {
    world.of_kind("AWS::SSM::Document").find(|d| d.id == name && d.account == account && d.region == region)
}

fn send_command(cloud: &Cloud, call: &Call) -> Reply {
    let p = &call.params;
    only(p, &["DocumentName", "Comment", "InstanceIds", "MaxConcurrency", "MaxErrors", "TimeoutSeconds", "Parameters"])?;
    let now = cloud.now_ms();
    let mut world = cloud.world();
    let (account, region) = (call.principal.account.clone(), call.region.clone());
    let name = text(p, "DocumentName").to_string();
    let found = document(&world, &account, &region, &name).cloned();
    let document = found.ok_or_else(|| ApiError::new("InvalidDocument", 400, format!("Document with name {name} does not exist.")))?;
    let instances = texts(p.get("InstanceIds"));
    if instances.len() > 50 || text(p, "Comment").len() > 100 {
        return Err(ApiError::new("ValidationException", 400, "at most 50 instance ids, at most 100 characters of comment"));
    }
    let arn = names::arn("ssm", &region, &account, &format!("document/{name}"));
    cloud.authorize(&world, &call.principal, "ssm:SendCommand", &arn, &account, None, &Keys::new())?;
    for id in &instances {
        let arn = names::arn("ec2", &region, &account, &format!("instance/{id}"));
        cloud.authorize(&world, &call.principal, "ssm:SendCommand", &arn, &account, None, &ec2_describe::instance_keys(&world, id, "ssm:resourceTag"))?;
        let ours = world.instances.get(id).is_some_and(|i| i.account == account && i.region == region);
        if !ours || !is_online(&world, id, now) {
            return Err(ApiError::new("InvalidInstanceId", 400, format!("Instances [[{id}]] not in a valid state for account {account}")));
        }
    }
    check_parameters(&document.properties["Content"], &p["Parameters"])?;
    let id = world.uuid();
    let visible_ms = now + cloud.lasts(&mut world, &LAG, "");
    let pending = Invocation { status: "Pending".into(), output: String::new(), code: -1 };
    let command = Command {
        id: id.clone(),
        account,
        region,
        document: name,
        comment: text(p, "Comment").into(),
        parameters: p["Parameters"].clone(),
        sent_ms: now,
        visible_ms,
        timeout_s: p["TimeoutSeconds"].as_u64().unwrap_or(3600),
        invocations: instances.iter().map(|i| (i.clone(), pending.clone())).collect(),
    };
    let shown = describe(&command);
    world.commands.insert(id.clone(), command);
    drop(world);
    instances.into_iter().for_each(|i| deliver(cloud, &id, &i));
    Ok(json!({"Command": shown}))
}

/// Every declared parameter must fit its own pattern; undeclared ones are refused.
fn check_parameters(content: &Value, given: &Value) -> Result<(), ApiError> {
    let invalid = |why: String| ApiError::new("InvalidParameters", 400, why);
    for (name, values) in given.as_object().into_iter().flatten() {
        let declared = content["parameters"].get(name).ok_or_else(|| invalid(format!("undeclared parameter {name}")))?;
        let value = values[0].as_str().unwrap_or_default();
        let most = declared["maxChars"].as_u64().unwrap_or(u64::MAX) as usize;
        let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if declared["allowedPattern"] == "^[A-Za-z0-9_-]+$" && (!plain || value.is_empty()) || value.len() > most {
            return Err(invalid(format!("{name} does not match its allowed pattern or length")));
        }
    }
    Ok(())
}

fn describe(c: &Command) -> Value {
    let count = |f: &dyn Fn(&str) -> bool| c.invocations.values().filter(|i| f(&i.status)).count();
    json!({"CommandId": c.id, "DocumentName": c.document, "Comment": c.comment, "Parameters": c.parameters, "Status": status(c),
        "StatusDetails": status(c), "RequestedDateTime": c.sent_ms as f64 / 1000.0, "InstanceIds": c.invocations.keys().collect::<Vec<_>>(),
        "MaxConcurrency": "100%", "MaxErrors": "100%", "TargetCount": c.invocations.len(), "TimeoutSeconds": c.timeout_s,
        "CompletedCount": count(&|s| ended(s)), "ErrorCount": count(&|s| s == "Failed" || s == "TimedOut")})
}

fn ended(status: &str) -> bool {
    !matches!(status, "Pending" | "InProgress")
}

fn status(c: &Command) -> &'static str {
    let any = |s: &str| c.invocations.values().any(|i| i.status == s);
    match () {
        _ if any("InProgress") || (any("Pending") && c.invocations.values().any(|i| ended(&i.status))) => "InProgress",
        _ if any("Pending") => "Pending",
        _ if any("Cancelled") => "Cancelled",
        _ if any("TimedOut") => "TimedOut",
        _ if any("Failed") => "Failed",
        _ => "Success",
    }
}

fn is_own(c: &Command, call: &Call) -> bool {
    c.account == call.principal.account && c.region == call.region
}

fn list_commands(world: &World, call: &Call, now: u64) -> Reply {
    only(&call.params, &["Filters", "MaxResults", "NextToken"])?;
    let mut found: Vec<&Command> = vec![];
    for c in world.commands.values().filter(|c| is_own(c, call) && c.visible_ms <= now) {
        let mut fits = true;
        for f in call.params["Filters"].as_array().into_iter().flatten() {
            fits &= match text(f, "key") {
                "DocumentName" => text(f, "value") == c.document,
                other => return Err(ApiError::new("InvalidFilterKey", 400, other.to_string())),
            };
        }
        if fits {
            found.push(c);
        }
    }
    found.sort_by_key(|c| std::cmp::Reverse(c.sent_ms));
    let (page, next) = names::page(&found, &call.params, 50)?;
    Ok(with_token(json!({"Commands": page.iter().map(|c| describe(c)).collect::<Vec<_>>()}), next))
}

fn with_token(mut answer: Value, next: Value) -> Value {
    if !next.is_null() {
        answer["NextToken"] = next;
    }
    answer
}

fn list_invocations(world: &World, call: &Call, now: u64) -> Reply {
    only(&call.params, &["CommandId", "Details", "MaxResults", "NextToken"])?;
    let id = text(&call.params, "CommandId");
    let mut all: Vec<Value> = vec![];
    // An unknown or too fresh command has no invocations yet; it is not an error here.
    if let Some(c) = world.commands.get(id).filter(|c| is_own(c, call) && c.visible_ms <= now) {
        for (instance, i) in &c.invocations {
            let shown: String = i.output.chars().take(SHOWN).collect();
            all.push(json!({"CommandId": id, "InstanceId": instance, "DocumentName": c.document, "Comment": c.comment, "Status": i.status,
                "StatusDetails": i.status, "RequestedDateTime": c.sent_ms as f64 / 1000.0,
                "CommandPlugins": [{"Name": "RunNodectl", "Status": i.status, "StatusDetails": i.status, "ResponseCode": i.code, "Output": shown}]}));
        }
    }
    let (page, next) = names::page(&all, &call.params, 50)?;
    Ok(with_token(json!({"CommandInvocations": page}), next))
}

fn is_online(world: &World, id: &str, now: u64) -> bool {
    world.instances.get(id).is_some_and(|i| i.online_ms <= now && i.ending_ms == 0) && names_sabotage(world, id) != Some("never")
}

fn names_sabotage<'a>(world: &'a World, id: &str) -> Option<&'a str> {
    let node = crate::node::name_of(world, id)?;
    world.sabotage.get(&format!("{node}:ssm")).map(String::as_str)
}

fn instance_information(world: &World, call: &Call, now: u64) -> Reply {
    only(&call.params, &["Filters", "MaxResults", "NextToken"])?;
    let mut wanted = None;
    for f in call.params["Filters"].as_array().into_iter().flatten() {
        match text(f, "Key") {
            "InstanceIds" => wanted = Some(texts(f.get("Values"))),
            other => return Err(ApiError::new("InvalidFilter", 400, other.to_string())),
        }
    }
    let is_wanted = |id: &String| wanted.as_ref().is_none_or(|ids| ids.contains(id));
    let known = world.instances.values().filter(|i| i.account == call.principal.account && i.region == call.region && is_wanted(&i.id));
    let item = |i: &crate::world::Instance| {
        json!({"InstanceId": i.id, "PingStatus": "Online", "LastPingDateTime": now as f64 / 1000.0, "AgentVersion": "3.3.3050.0", "PlatformType": "Linux",
            "PlatformName": "Amazon Linux", "PlatformVersion": "2023", "ResourceType": "EC2Instance", "IPAddress": i.ip})
    };
    let all: Vec<Value> = known.filter(|i| is_online(world, &i.id, now)).map(item).collect();
    let (page, next) = names::page(&all, &call.params, 50)?;
    Ok(with_token(json!({"InstanceInformationList": page}), next))
}

fn cancel_command(cloud: &Cloud, call: &Call) -> Reply {
    only(&call.params, &["CommandId"])?;
    let mut world = cloud.world();
    cloud.authorize(&world, &call.principal, "ssm:CancelCommand", "*", &call.principal.account, None, &Keys::new())?;
    let id = text(&call.params, "CommandId");
    let command =
        world.commands.get_mut(id).filter(|c| is_own(c, call)).ok_or_else(|| ApiError::new("InvalidCommandId", 400, "The command ID is not valid"))?;
    command.invocations.values_mut().filter(|i| !ended(&i.status)).for_each(|i| i.status = "Cancelled".into());
    Ok(json!({}))
}

/// The agent's part: fetches the command after a while, runs it, reports. It ends with its machine.
fn deliver(cloud: &Cloud, command: &str, instance: &str) {
    let (cloud, command, instance) = (cloud.clone(), command.to_string(), instance.to_string());
    tokio::spawn(async move {
        cloud.pass(&DELIVERY, &instance).await;
        let (order, content) = {
            let now = cloud.now_ms();
            let mut world = cloud.world();
            let content = world.commands.get(&command).and_then(|c| document(&world, &c.account, &c.region, &c.document));
            let content = content.map(|d| d.properties["Content"].clone()).unwrap_or_default();
            if !is_online(&world, &instance, now) {
                return;
            }
            let Some(c) = world.commands.get_mut(&command) else { return };
            let order = c.parameters["Order"][0].as_str().unwrap_or_default().to_string();
            match c.invocations.get_mut(&instance) {
                Some(i) if !ended(&i.status) => i.status = "InProgress".into(),
                _ => return,
            }
            (order, content)
        };
        cloud.changed();
        let limit: u64 = content["mainSteps"][0]["inputs"]["timeoutSeconds"].as_str().and_then(|s| s.parse().ok()).unwrap_or(3600);
        // The last line of the document hands nodectl the order and the stack's image.
        let lines = content["mainSteps"][0]["inputs"]["runCommand"].as_array().cloned().unwrap_or_default();
        let image = lines.last().and_then(Value::as_str).and_then(|l| l.split('\'').nth(3)).unwrap_or_default().to_string();
        let run = crate::node::run_order(&cloud, &instance, &order, &image);
        let (status, output, code) = match tokio::time::timeout(Duration::from_secs(limit), run).await {
            Ok((output, 0)) => ("Success", output, 0),
            Ok((output, code)) => ("Failed", output, code),
            Err(_) => ("TimedOut", String::new(), -1),
        };
        {
            let now = cloud.now_ms();
            let mut world = cloud.world();
            if !is_online(&world, &instance, now) {
                return;
            }
            if let Some(i) = world.commands.get_mut(&command).and_then(|c| c.invocations.get_mut(&instance))
                && !ended(&i.status)
            {
                *i = Invocation { status: status.into(), output: output.chars().take(24_000).collect(), code };
            }
        }
        cloud.changed();
    });
}

/// Commands that were under way when the world was written go on: nodes do not stop because a laptop did.
pub(crate) fn resume(cloud: &Cloud) {
    let open: Vec<(String, String)> = {
        let world = cloud.world();
        let of = |c: &Command| c.invocations.iter().filter(|(_, i)| !ended(&i.status)).map(|(n, _)| (c.id.clone(), n.clone())).collect::<Vec<_>>();
        world.commands.values().flat_map(of).collect()
    };
    open.iter().for_each(|(command, instance)| deliver(cloud, command, instance));
}
