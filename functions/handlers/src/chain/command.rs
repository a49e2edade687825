//! `send-command` / `check-command` / `remove-commands`: one Run Command for many nodes, found again by its Comment.

use crate::{Context, guard};
use domain::order::{MemberOrder, NodeAnswer, NodeOrder, OrderNode, is_plain, is_reading, only, params_of};
use domain::{Class, Fault, ids};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The most instances that SendCommand takes by id.
const BATCH: usize = 50;

/// Sends a verb to the `targets` among `nodes`. Undo: `remove-commands`.
/// SendCommand has no token: a command with this Comment that is already there is the answer.
pub async fn send(ctx: &Context, event: Value) -> Result<Value, Fault> {
    // A look needs no lock, so it may come while another execution holds it.
    let changes = !event["params"]["verb"].as_str().is_some_and(is_reading);
    let order = guard::accept(ctx, "send-command", event, changes).await?;
    if !changes {
        // The member's log has every order, looks too.
        guard::log(ctx, "send-command", &order).await?;
    }
    let (verb, round): (String, String) = (guard::param(&order.params, "verb")?, guard::param(&order.params, "round")?);
    if !is_plain(&round, 32) {
        return Err(Fault::field("round", "not a node's name or a turn of one", "\"node1\""));
    }
    let tolerate: bool = guard::param(&order.params, "tolerate")?;
    only("params.params", &order.params["params"], params_of(&verb)?)?;
    for node in order.params["nodes"].as_array().into_iter().flatten() {
        // `volumes` comes with what ensure-names answered; which volume is what is read here, never taken from there.
        only("nodes", node, &["name", "instance", "ip", "member", "volumes"])?;
    }
    let nodes: Vec<OrderNode> = guard::param(&order.params, "nodes")?;
    let targets: Vec<String> = guard::param(&order.params, "targets")?;
    let seconds: i32 = guard::param(&order.params, "seconds")?;
    let meant = |n: &&OrderNode| targets.is_empty() || targets.contains(&n.name);
    if !nodes.iter().any(|n| meant(&n)) {
        return Err(Fault::field("targets", "none of them is among the nodes", "[\"node0\"]"));
    }
    let member = ctx.setting("MEMBER")?;
    let mut targeted: Vec<&OrderNode> = nodes.iter().filter(meant).filter(|n| n.member == member).collect();
    if targeted.is_empty() {
        // Every member is asked the same; the others have the nodes that are meant.
        return Ok(json!({"commands": [], "instances": []}));
    }
    if tolerate {
        // SendCommand refuses a machine that is gone, and with it all the others.
        let online = ctx.aws.online(&targeted.iter().map(|n| n.instance.clone()).collect::<Vec<_>>()).await?;
        targeted.retain(|n| online.contains(&n.instance));
    }
    let params = own_params(ctx, &order, &verb, &targeted).await?;
    if verb == "start" {
        // From here on this member's own record says that the chain may have been launched.
        let mark = json!({"execution": order.execution}).to_string().into_bytes();
        ctx.aws.put_new(ctx.setting("BUCKET")?, &ids::started_key(&order.network), mark).await?;
    }
    let document = ctx.setting("DOCUMENT")?;
    let instances: Vec<String> = targeted.iter().map(|n| n.instance.clone()).collect();
    let mut commands = vec![];
    for (i, part) in instances.chunks(BATCH).enumerate() {
        let op = ids::op(&order.network, &order.execution, &format!("{verb}{round}.{i}"));
        let node_order = NodeOrder {
            op: op.clone(),
            epoch: order.epoch,
            network: order.network.clone(),
            execution: order.execution.clone(),
            member: member.into(),
            verb: verb.clone(),
            bucket: ctx.setting("HUB_BUCKET")?.into(),
            region: ctx.setting("HUB_REGION")?.into(),
            nodes: nodes.clone(),
            params: params.clone(),
        };
        let command = match ctx.aws.find_command(document, &op).await? {
            Some(found) => found,
            None => ctx.aws.send_command(document, &op, part.to_vec(), &node_order.encode()?, seconds).await?,
        };
        commands.push(json!({"member": member, "id": command}));
    }
    Ok(json!({"commands": commands, "instances": instances}))
}

/// The verb's parameters, and which volume of each node is what: from this account's own machines, never from the hub.
/// `Denied` when a target is not a machine of the order's network.
async fn own_params(ctx: &Context, order: &MemberOrder, verb: &str, targeted: &[&OrderNode]) -> Result<Value, Fault> {
    let found = ctx.aws.instances(&order.network, None).await?;
    let mut volumes: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for node in targeted {
        let own = found.iter().find(|i| i.id == node.instance && i.ip == node.ip);
        // A name that was just given may not be seen yet; one that is another's never becomes this one.
        if own.is_some_and(|i| i.tag(ids::TAG_NODE).is_empty()) {
            return Err(Fault::new(Class::Busy, format!("{} has no name yet", node.instance)));
        }
        let own = own.filter(|i| i.tag(ids::TAG_NODE) == node.name);
        let own = own.ok_or_else(|| Fault::new(Class::Denied, format!("{} at {} is not {} of {}", node.instance, node.ip, node.name, order.network)))?;
        let roles = own.volumes.iter().filter_map(|(device, id)| Some((crate::launch::names::role(device)?, id.as_str())));
        volumes.insert(&node.name, roles.filter(|(role, _)| *role != "root").collect());
    }
    if !is_reading(verb) {
        fence(&found, targeted)?;
    }
    let mut params = order.params["params"].clone();
    if let ("prepare", Some(object)) = (verb, params.as_object_mut()) {
        // What this member's stack agreed to, in its own words: its nodes refuse any other plan.
        object.insert("agreement".into(), json!(ctx.setting("AGREEMENT")?));
    }
    // Only these mount something; in every order of a hundred nodes the list would not fit.
    if let (true, Some(object)) = (["prepare", "sign-certificates", "adopt-identity"].contains(&verb), params.as_object_mut()) {
        object.insert("volumes".into(), json!(volumes));
    }
    Ok(params)
}

/// Nothing is changed on a machine while another one of the same node can still have its key in memory: each one must be *seen*
/// stopped or terminated, whatever the order says. Two live machines of one node are never right.
fn fence(found: &[aws::Instance], targeted: &[&OrderNode]) -> Result<(), Fault> {
    for node in targeted {
        let holder = |i: &&aws::Instance| i.tag(ids::TAG_NODE) == node.name && i.id != node.instance && !matches!(i.state.as_str(), "stopped" | "terminated");
        if let Some(other) = found.iter().find(holder) {
            let why = format!(
                "{} is {}: it may still sign as {}; its identity moves only when that machine is seen stopped or terminated",
                other.id, other.state, node.name
            );
            return Err(Fault::new(Class::Conflict, why));
        }
    }
    Ok(())
}

/// One look at a command: `Pending`, `Ready` with every node's answer, or `Failed` with the first fault. With `tolerate` a node's
/// fault is an answer like any other, and at the `last` look its silence too.
pub async fn check(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let order = guard::accept(ctx, "check-command", event, false).await?;
    let commands: Vec<Value> = guard::param(&order.params, "commands")?;
    let nodes: Vec<OrderNode> = guard::param(&order.params, "nodes")?;
    let expected: Vec<String> = guard::param(&order.params, "instances")?;
    let member = ctx.setting("MEMBER")?;
    let ours = |instance: &String| nodes.iter().any(|n| n.instance == *instance && n.member == member);
    let (tolerate, last): (bool, bool) = (guard::param(&order.params, "tolerate")?, guard::param(&order.params, "last")?);
    let mut answers: Vec<NodeAnswer> = vec![];
    let mut pending: Vec<String> = expected.into_iter().filter(ours).collect();
    for command in commands.iter().filter(|c| c["member"] == json!(member)).filter_map(|c| c["id"].as_str()) {
        for invocation in ctx.aws.invocations(command).await? {
            let name = nodes.iter().find(|n| n.instance == invocation.instance).map(|n| n.name.clone()).unwrap_or_else(|| invocation.instance.clone());
            match invocation.status.as_str() {
                "Pending" | "InProgress" | "Delayed" | "Cancelling" if tolerate && last => answers.push(silent(&name, &invocation.status)),
                "Pending" | "InProgress" | "Delayed" | "Cancelling" => continue,
                "Success" | "Failed" => match last_json(&invocation.output) {
                    Some(answer) => answers.push(NodeAnswer { node: name, ..answer }),
                    None if tolerate => answers.push(silent(&name, &invocation.status)),
                    None => return Ok(failed(Class::Internal, &name, &format!("{}: {}", invocation.status, invocation.output))),
                },
                other if tolerate => answers.push(silent(&name, other)),
                other => return Ok(failed(Class::Transient, &name, &format!("the command ended as {other}: the node did not answer"))),
            }
            pending.retain(|i| *i != invocation.instance);
        }
    }
    if let Some(bad) = answers.iter().find(|a| a.fault.is_some() && !tolerate) {
        let fault = bad.fault.clone().unwrap_or_else(|| Fault::internal("no fault"));
        return Ok(failed(fault.class, &bad.node, &fault.to_string()));
    }
    if !pending.is_empty() {
        if last {
            // Who is waited for is known here only: the machine that waits would say no more than that time is up.
            let name = |i: &String| nodes.iter().find(|n| n.instance == *i).map(|n| n.name.clone());
            let names: Vec<String> = pending.iter().filter_map(name).collect();
            let why = "did not answer in time; the machine or its agent may be gone; look at the command in Systems Manager";
            return Ok(failed(Class::Transient, &names.join(", "), why));
        }
        return Ok(json!({"status": "Pending", "waiting_for": pending}));
    }
    // Who answered well comes first: a machine that needs one of them takes the first.
    answers.sort_by_key(|a| (a.fault.is_some(), ids::node_number(&a.node)));
    Ok(json!({"status": "Ready", "answers": answers}))
}

fn silent(node: &str, status: &str) -> NodeAnswer {
    let fault = Fault::new(Class::Transient, format!("the command ended as {status}: the node did not answer"));
    NodeAnswer { node: node.into(), result: Value::Null, fault: Some(fault) }
}

fn failed(class: Class, node: &str, message: &str) -> Value {
    json!({"status": "Failed", "fault": {"class": class.error_name(), "message": format!("{node}: {message}")}})
}

/// The answer is the last line of a node's output that is a JSON object.
fn last_json(output: &str) -> Option<NodeAnswer> {
    output.lines().rev().find_map(|line| serde_json::from_str(line.trim()).ok())
}

/// Cancels what an execution's commands have not done yet. Undo of `send-command`.
pub async fn remove(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let order = guard::accept(ctx, "remove-commands", event, true).await?;
    let scope = ids::op_scope(&order.network, crate::remove::nodes::scope(&order.params));
    let open = ctx.aws.open_commands(ctx.setting("DOCUMENT")?, &scope).await?;
    for command in &open {
        ctx.aws.cancel_command(command).await?;
    }
    Ok(json!({"cancelled": open}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_found_below_other_output() {
        let found = last_json("pulling\n{\"node\":\"node0\",\"result\":{\"a\":1}}\n").expect("json");
        assert_eq!(found.node, "node0");
        assert!(last_json("Error: no\n").is_none());
    }
}
