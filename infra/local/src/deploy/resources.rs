//! What each resource type becomes in the world.

use super::template::{Scope, by_url};
use crate::cloud::Cloud;
use crate::names;
use crate::services::{event_rules, events, lambda};
use crate::world::{Function, Machine, Plain, Role, World};
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Made = (String, BTreeMap<String, String>);

fn text(p: &Value, key: &str) -> String {
    p[key].as_str().unwrap_or_default().into()
}

fn attributes<const N: usize>(pairs: [(&str, String); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(k, v)| (k.to_string(), v)).collect()
}

/// Makes a resource: its physical id (what Ref gives) and its attributes.
pub(crate) fn create(cloud: &Cloud, scope: &Scope, kind: &str, logical: &str, p: &Value) -> Result<Made, String> {
    if kind == "AWS::CloudFormation::Stack" {
        return nested(cloud, scope, logical, p);
    }
    let mut guard = cloud.world();
    let world = &mut *guard;
    let (account, region) = (scope.account.as_str(), scope.region.as_str());
    let arn = |service: &str, resource: String| names::arn(service, region, account, &resource);
    match kind {
        "AWS::IAM::Role" => role(world, scope, logical, p),
        "AWS::IAM::ManagedPolicy" => {
            let name = physical(world, scope, logical);
            let id = format!("arn:{}:iam::{account}:policy/{name}", names::partition(region));
            Ok((plain(world, scope, kind, id, p), BTreeMap::new()))
        }
        "AWS::IAM::InstanceProfile" => {
            let name = physical(world, scope, logical);
            let id = format!("arn:{}:iam::{account}:instance-profile/{name}", names::partition(region));
            // Ref gives the name, the launch template is given the ARN.
            plain(world, scope, kind, id.clone(), p);
            Ok((name, attributes([("Arn", id)])))
        }
        "AWS::S3::Bucket" => {
            let name = if p["BucketName"].is_string() {
                text(p, "BucketName")
            } else {
                format!("{}-{}-{}", scope.stack, logical, &hex::encode(world.bytes(6))).to_lowercase()
            };
            let bucket = world.buckets.entry(name.clone()).or_default();
            (bucket.account, bucket.region) = (account.into(), region.into());
            Ok((name.clone(), attributes([("Arn", format!("arn:{}:s3:::{name}", names::partition(region)))])))
        }
        "AWS::S3::BucketPolicy" => {
            let bucket = world.buckets.get_mut(&text(p, "Bucket")).filter(|b| b.account == account).ok_or("there is no such bucket")?;
            bucket.policy = p["PolicyDocument"].clone();
            Ok((format!("{}-policy", text(p, "Bucket")), BTreeMap::new()))
        }
        "AWS::Lambda::Function" => function(world, scope, p),
        "AWS::Lambda::Permission" => {
            let name = text(p, "FunctionName");
            let arn = lambda::find(world, account, region, &name).map(|f| f.arn.clone());
            let found = arn.and_then(|arn| world.functions.get_mut(&arn)).ok_or_else(|| format!("there is no function {name}"))?;
            let who = text(p, "Principal");
            let is_service = who.ends_with(".amazonaws.com") || who.ends_with(".amazonaws.com.cn");
            let sid = format!("{}-{logical}", scope.stack);
            let mut statement = json!({"Sid": sid, "Effect": "Allow", "Action": p["Action"], "Resource": found.arn,
                "Principal": {if is_service { "Service" } else { "AWS" }: who}});
            if p["SourceArn"].is_string() {
                statement["Condition"] = json!({"ArnLike": {"aws:SourceArn": p["SourceArn"]}});
            }
            found.permissions.push(statement);
            Ok((sid, BTreeMap::new()))
        }
        "AWS::StepFunctions::StateMachine" => machine(world, scope, p),
        "AWS::KMS::Key" => {
            let id = plain_uuid(world, scope, kind, p);
            Ok((id.clone(), attributes([("Arn", arn("kms", format!("key/{id}")))])))
        }
        "AWS::SSM::Document" => {
            // Its name is its own account's and region's only.
            let (name, key) = (text(p, "Name"), arn("ssm", format!("document/{}", text(p, "Name"))));
            world.plain.insert(key, made(scope, kind, name.clone(), p));
            Ok((name, BTreeMap::new()))
        }
        events::BUS => {
            let name = text(p, "Name");
            let bus = events::Bus::named(account, region, &name);
            if name.is_empty() || name == "default" || world.plain.contains_key(bus.arn()) {
                return Err(format!("there cannot be a new event bus {name}"));
            }
            let id = plain(world, scope, kind, bus.arn().into(), p);
            Ok((name.clone(), attributes([("Arn", id), ("Name", name)])))
        }
        "AWS::Events::Rule" => {
            event_rules::check_rule(p)?;
            let id = world.id("rule");
            let arn = event_rules::rule_arn(account, region, &text(p, "EventBusName"), &id);
            Ok((plain(world, scope, kind, id, p), attributes([("Arn", arn)])))
        }
        "AWS::SNS::Topic" => {
            let name = physical(world, scope, logical);
            let id = arn("sns", name.clone());
            Ok((plain(world, scope, kind, id, p), attributes([("TopicName", name)])))
        }
        "AWS::EC2::SecurityGroup" => {
            let id = world.id("sg");
            Ok((plain(world, scope, kind, id.clone(), p), attributes([("GroupId", id)])))
        }
        "AWS::EC2::LaunchTemplate" => {
            let id = world.id("lt");
            Ok((plain(world, scope, kind, id, p), attributes([("LatestVersionNumber", "1".into())])))
        }
        _ => {
            let prefix = match kind {
                "AWS::EC2::VPC" => "vpc",
                "AWS::EC2::Subnet" => "subnet",
                "AWS::EC2::InternetGateway" => "igw",
                "AWS::EC2::RouteTable" => "rtb",
                "AWS::EC2::VPCEndpoint" => "vpce",
                "AWS::EC2::SecurityGroupIngress" => "sgr",
                _ => "resource",
            };
            let id = world.id(prefix);
            Ok((plain(world, scope, kind, id, p), BTreeMap::new()))
        }
    }
}

fn physical(world: &mut World, scope: &Scope, logical: &str) -> String {
    let tail = hex::encode(world.bytes(4)).to_uppercase();
    format!("{}-{logical}-{tail}", scope.stack)
}

fn made(scope: &Scope, kind: &str, id: String, properties: &Value) -> Plain {
    Plain { id, kind: kind.into(), account: scope.account.clone(), region: scope.region.clone(), properties: properties.clone() }
}

fn plain(world: &mut World, scope: &Scope, kind: &str, id: String, properties: &Value) -> String {
    world.plain.insert(id.clone(), made(scope, kind, id.clone(), properties));
    id
}

fn plain_uuid(world: &mut World, scope: &Scope, kind: &str, properties: &Value) -> String {
    let id = world.uuid();
    plain(world, scope, kind, id, properties)
}

fn nested(cloud: &Cloud, scope: &Scope, logical: &str, p: &Value) -> Result<Made, String> {
    let url = text(p, "TemplateURL");
    let template = by_url(&cloud.world(), &url).ok_or_else(|| format!("there is no template at {url}"))?;
    let given = p["Parameters"].as_object().into_iter().flatten();
    let parameters: BTreeMap<String, String> = given.map(|(k, v)| (k.clone(), v.as_str().map(String::from).unwrap_or_else(|| v.to_string()))).collect();
    let name = format!("{}-{logical}", scope.stack);
    let outputs = cloud.deploy(&scope.account, &scope.region, &name, &template, &parameters)?;
    // Ref of a nested stack is its ARN.
    let id = cloud.world().stacks.get(&format!("{}/{}/{name}", scope.account, scope.region)).map(|s| s.id.clone()).unwrap_or_default();
    Ok((id, outputs.into_iter().map(|(k, v)| (format!("Outputs.{k}"), v)).collect()))
}

fn role(world: &mut World, scope: &Scope, logical: &str, p: &Value) -> Result<Made, String> {
    let name = if p["RoleName"].is_string() { text(p, "RoleName") } else { physical(world, scope, logical) };
    let path = if p["Path"].is_string() { text(p, "Path") } else { "/".into() };
    let arn = format!("arn:{}:iam::{}:role{path}{name}", names::partition(&scope.region), scope.account);
    let mut policies: Vec<Value> = p["Policies"].as_array().into_iter().flatten().map(|x| x["PolicyDocument"].clone()).collect();
    let document = |id: &str| {
        world.plain.get(id).filter(|m| m.kind == "AWS::IAM::ManagedPolicy" && m.account == scope.account).map(|m| m.properties["PolicyDocument"].clone())
    };
    for managed in p["ManagedPolicyArns"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        // AWS's own policies grant what the local cloud does not check (an agent's own calls).
        if !managed.contains(":iam::aws:") {
            policies.push(document(managed).ok_or_else(|| format!("there is no policy {managed}"))?);
        }
    }
    let boundary = match p["PermissionsBoundary"].as_str() {
        Some(id) => Some(document(id).ok_or_else(|| format!("there is no policy {id}"))?),
        None => None,
    };
    world.roles.insert(arn.clone(), Role { arn: arn.clone(), trust: p["AssumeRolePolicyDocument"].clone(), policies, boundary });
    Ok((name, attributes([("Arn", arn)])))
}

fn function(world: &mut World, scope: &Scope, p: &Value) -> Result<Made, String> {
    let name = text(p, "FunctionName");
    let arn = names::arn("lambda", &scope.region, &scope.account, &format!("function:{name}"));
    let (bucket, key) = (text(&p["Code"], "S3Bucket"), text(&p["Code"], "S3Key"));
    // Code comes from the function's own region, the role from its own account.
    if !world.buckets.get(&bucket).is_some_and(|b| b.region == scope.region && b.objects.contains_key(&key)) {
        return Err(format!("its code {bucket}/{key} does not exist in {}", scope.region));
    }
    if !world.roles.contains_key(&text(p, "Role")) || names::account_of(&text(p, "Role")) != scope.account {
        return Err("its role does not exist".into());
    }
    let environment = p["Environment"]["Variables"].as_object().into_iter().flatten();
    let environment = environment.map(|(k, v)| (k.clone(), v.as_str().map(String::from).unwrap_or_else(|| v.to_string()))).collect();
    let timeout_s = p["Timeout"].as_u64().unwrap_or(3);
    world.functions.insert(
        arn.clone(),
        Function { arn: arn.clone(), handler: text(p, "Handler"), role: text(p, "Role"), timeout_s, environment, permissions: vec![], warm: false },
    );
    Ok((name, attributes([("Arn", arn)])))
}

fn machine(world: &mut World, scope: &Scope, p: &Value) -> Result<Made, String> {
    let place = &p["DefinitionS3Location"];
    let found = world.buckets.get(&text(place, "Bucket")).filter(|b| b.region == scope.region).and_then(|b| b.objects.get(&text(place, "Key")));
    let mut definition = found.ok_or_else(|| format!("there is no definition {}", text(place, "Key")))?.text.clone();
    for (name, value) in p["DefinitionSubstitutions"].as_object().into_iter().flatten() {
        if !definition.contains(&format!("${{{name}}}")) {
            return Err(format!("the definition has no ${{{name}}}"));
        }
        definition = definition.replace(&format!("${{{name}}}"), value.as_str().unwrap_or_default());
    }
    if let Some((_, rest)) = definition.split_once("${") {
        return Err(format!("nothing is substituted for ${{{}", rest.split('}').next().unwrap_or_default()));
    }
    let definition: Value = serde_json::from_str(&definition).map_err(|e| format!("the definition is not JSON: {e}"))?;
    let name = text(p, "StateMachineName");
    let arn = names::arn("states", &scope.region, &scope.account, &format!("stateMachine:{name}"));
    world.machines.insert(arn.clone(), Machine { arn: arn.clone(), role: text(p, "RoleArn"), definition });
    Ok((arn.clone(), attributes([("Arn", arn), ("Name", name)])))
}
