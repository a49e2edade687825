//! EventBridge's API: buses with their policies. Each bus belongs to one account and region; what a service says goes to the default
//! one there. Rules and their targets are in `event_rules`.

use super::{only, text};
use crate::cloud::{ApiError, Call, Cloud, Reply};
use crate::iam::Keys;
use crate::names;
use crate::world::World;
use serde_json::{Value, json};

/// PutEvents takes this many entries and bytes.
const ENTRIES: usize = 10;
const BYTES: usize = 262_144;
/// A bus's policy may have this many characters.
const POLICY: usize = 10_240;
/// Resource type of a bus in templates.
pub(crate) const BUS: &str = "AWS::Events::EventBus";

/// An event bus, by its ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bus(String);

impl Bus {
    /// The bus that every account has in every region.
    pub fn default(account: &str, region: &str) -> Bus {
        Bus::named(account, region, "default")
    }

    /// A bus by its name in an account and region, or by its ARN; without either the default one.
    pub fn named(account: &str, region: &str, name: &str) -> Bus {
        match name {
            "" => Bus::default(account, region),
            arn if arn.starts_with("arn:") => Bus(arn.into()),
            name => Bus(names::arn("events", region, account, &format!("event-bus/{name}"))),
        }
    }

    /// Its ARN.
    pub fn arn(&self) -> &str {
        &self.0
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.0.split_once(":event-bus/").map(|(_, name)| name).unwrap_or_default()
    }

    fn exists(&self, world: &World) -> bool {
        self.name() == "default" || world.plain.get(&self.0).is_some_and(|p| p.kind == BUS)
    }
}

/// Calls of EventBridge.
pub(crate) fn call(cloud: &Cloud, call: &Call) -> Reply {
    match call.action.as_str() {
        "PutEvents" => put_events(cloud, call),
        "PutPermission" => put_permission(cloud, call),
        "DescribeEventBus" => describe(cloud, call),
        other => Err(ApiError::new("UnknownOperationException", 400, other.to_string())),
    }
}

fn absent(bus: &Bus) -> ApiError {
    ApiError::new("ResourceNotFoundException", 400, format!("Event bus {} does not exist.", bus.name()))
}

fn authorize(cloud: &Cloud, world: &World, call: &Call, bus: &Bus, keys: &Keys) -> Result<(), ApiError> {
    let action = format!("events:{}", call.action);
    cloud.authorize(world, &call.principal, &action, bus.arn(), names::account_of(bus.arn()), world.bus_policies.get(bus.arn()), keys)
}

/// A refused bus refuses the call; a wrong entry fails alone. What AWS does with an unknown bus is not documented: it is a failed
/// entry here, so that nobody takes it for sent. A bus of another region is refused, since only rules reach it.
fn put_events(cloud: &Cloud, call: &Call) -> Reply {
    only(&call.params, &["Entries"])?;
    let entries = call.params["Entries"].as_array().cloned().unwrap_or_default();
    let invalid = |why: &str| ApiError::new("ValidationException", 400, why);
    if entries.is_empty() || entries.len() > ENTRIES {
        return Err(invalid("1 validation error detected: Value at 'entries' failed to satisfy constraint: between 1 and 10 entries"));
    }
    if entries.iter().map(|e| ["Source", "DetailType", "Detail"].iter().map(|k| text(e, k).len()).sum::<usize>()).sum::<usize>() > BYTES {
        return Err(invalid("Total size of the entries in the request is over the limit."));
    }
    let bus = |e: &Value| Bus::named(&call.principal.account, &call.region, text(e, "EventBusName"));
    for entry in &entries {
        only(entry, &["Source", "DetailType", "Detail", "EventBusName", "Resources"])?;
        if names::region_of(bus(entry).arn()) != call.region {
            return Err(invalid("EventBusName: the bus is in another region"));
        }
        let keys = [("events:source", "Source"), ("events:detail-type", "DetailType")];
        let keys = keys.map(|(key, field)| (key.to_string(), vec![text(entry, field).to_string()]));
        authorize(cloud, &cloud.world(), call, &bus(entry), &keys.into())?;
    }
    let mut answers: Vec<Value> = vec![];
    for entry in &entries {
        let detail = serde_json::from_str(text(entry, "Detail")).ok().filter(Value::is_object);
        let failed = |code: &str, why: &str| json!({"ErrorCode": code, "ErrorMessage": why});
        answers.push(match detail {
            _ if text(entry, "Source").is_empty() || text(entry, "DetailType").is_empty() => failed("InvalidArgument", "Source and DetailType are needed"),
            _ if text(entry, "Source").starts_with("aws.") => failed("NotAuthorizedForSourceException", "Not authorized for the source."),
            _ if !bus(entry).exists(&cloud.world()) => failed("InvalidArgument", &absent(&bus(entry)).message),
            None => failed("MalformedDetail", "Detail is malformed."),
            Some(detail) => {
                let resources = entry.get("Resources").cloned().unwrap_or_else(|| json!([]));
                let id = cloud.emit(&bus(entry), &call.principal.account, text(entry, "Source"), text(entry, "DetailType"), detail, resources);
                json!({"EventId": id})
            }
        });
    }
    let failed = answers.iter().filter(|a| a.get("ErrorCode").is_some()).count();
    Ok(json!({"FailedEntryCount": failed, "Entries": answers}))
}

/// The policy as a whole; statement by statement is refused.
fn put_permission(cloud: &Cloud, call: &Call) -> Reply {
    let p = &call.params;
    only(p, &["EventBusName", "Policy"])?;
    let mut world = cloud.world();
    let bus = Bus::named(&call.principal.account, &call.region, text(p, "EventBusName"));
    authorize(cloud, &world, call, &bus, &Keys::new())?;
    if !bus.exists(&world) {
        return Err(absent(&bus));
    }
    if text(p, "Policy").len() > POLICY {
        return Err(ApiError::new("PolicyLengthExceededException", 400, "The event bus policy is too long."));
    }
    let policy = serde_json::from_str(text(p, "Policy")).ok().filter(|v: &Value| v.get("Statement").is_some());
    let policy = policy.ok_or_else(|| ApiError::new("ValidationException", 400, "The policy is not JSON with a Statement"))?;
    world.bus_policies.insert(bus.0, policy);
    Ok(json!({}))
}

fn describe(cloud: &Cloud, call: &Call) -> Reply {
    only(&call.params, &["Name"])?;
    let world = cloud.world();
    let bus = Bus::named(&call.principal.account, &call.region, text(&call.params, "Name"));
    authorize(cloud, &world, call, &bus, &Keys::new())?;
    if !bus.exists(&world) {
        return Err(absent(&bus));
    }
    let mut shown = json!({"Name": bus.name(), "Arn": bus.arn()});
    if let Some(policy) = world.bus_policies.get(bus.arn()) {
        shown["Policy"] = json!(policy.to_string());
    }
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    const HUB: &str = "
Resources:
  Bus: {Type: 'AWS::Events::EventBus', Properties: {Name: members}}
  Role: {Type: 'AWS::IAM::Role', Properties: {AssumeRolePolicyDocument: {}}}
  Taker: {Type: 'AWS::Lambda::Function', Properties: {FunctionName: taker, Handler: take, Role: !GetAtt Role.Arn, Code: {S3Bucket: code, S3Key: zip}}}
  Failer: {Type: 'AWS::Lambda::Function', Properties: {FunctionName: failer, Handler: fail, Role: !GetAtt Role.Arn, Code: {S3Bucket: code, S3Key: zip}}}
  Shut: {Type: 'AWS::Lambda::Function', Properties: {FunctionName: shut, Handler: take, Role: !GetAtt Role.Arn, Code: {S3Bucket: code, S3Key: zip}}}
  Joined:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {source: [{prefix: consortium.}], detail: {kind: [joined]}}
      Targets: [{Id: a, Arn: !GetAtt Taker.Arn}, {Id: b, Arn: !GetAtt Failer.Arn}, {Id: c, Arn: !GetAtt Shut.Arn}]
  TakerPermission:
    Type: AWS::Lambda::Permission
    Properties: {Action: 'lambda:InvokeFunction', FunctionName: !Ref Taker, Principal: events.amazonaws.com, SourceArn: !GetAtt Joined.Arn}
  FailerPermission:
    Type: AWS::Lambda::Permission
    Properties: {Action: 'lambda:InvokeFunction', FunctionName: !Ref Failer, Principal: events.amazonaws.com, SourceArn: !GetAtt Joined.Arn}
  ShutPermission:
    Type: AWS::Lambda::Permission
    Properties: {Action: 'lambda:InvokeFunction', FunctionName: !Ref Shut, Principal: events.amazonaws.com, SourceArn: !Sub '${Joined.Arn}-other'}
  Stacks:
    Type: AWS::Events::Rule
    Properties: {EventPattern: {source: [aws.cloudformation]}, Targets: [{Id: a, Arn: !GetAtt Taker.Arn}]}
  StacksPermission:
    Type: AWS::Lambda::Permission
    Properties: {Action: 'lambda:InvokeFunction', FunctionName: !Ref Taker, Principal: events.amazonaws.com, SourceArn: !GetAtt Stacks.Arn}
";

    fn hub(cloud: &Cloud) {
        cloud.make_bucket(EAST.0, EAST.1, "code");
        cloud.put_artefact("code", "zip", "").expect("code");
        cloud.deploy(EAST.0, EAST.1, "hub", HUB, &Default::default()).expect("a stack");
    }

    /// What functions were given: name and event.
    fn given(cloud: &Cloud) -> Vec<(String, Value)> {
        let read = |(_, function, event): &(String, String, String)| {
            (function.rsplit(':').next().unwrap_or_default().to_string(), serde_json::from_str(event).expect("an event"))
        };
        cloud.world().notices.iter().map(read).collect()
    }

    fn entry(source: &str, bus: &str) -> Value {
        json!({"Source": source, "DetailType": "Member", "Detail": "{\"kind\":\"joined\"}", "EventBusName": bus})
    }

    #[tokio::test(start_paused = true)]
    async fn a_member_speaks_on_the_hubs_bus_if_its_policy_lets_it() {
        let cloud = cloud();
        hub(&cloud);
        cloud.idle().await;
        cloud.world().notices.clear();
        let bus = "arn:aws:events:us-east-1:111122223333:event-bus/members";
        let (owner, member) = (Caller::new(&cloud, EAST.0, EAST.1), Caller::new(&cloud, WEST.0, EAST.1));
        let put = json!({"Entries": [entry("consortium.member", bus)]});
        let (status, answer) = member.json("events", "AWSEvents.PutEvents", put.clone()).await;
        assert_eq!((status, &answer["__type"]), (400, &json!("AccessDeniedException")));
        let policy = json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": WEST.0}, "Action": "events:PutEvents", "Resource": bus}]});
        let permit = json!({"EventBusName": "members", "Policy": policy.to_string()});
        assert_eq!(
            member.json("events", "AWSEvents.PutPermission", permit.clone()).await.1["__type"],
            "ResourceNotFoundException",
            "its own account has no such bus"
        );
        assert_eq!(owner.json("events", "AWSEvents.PutPermission", permit).await, (200, json!({})));
        let (_, shown) = owner.json("events", "AWSEvents.DescribeEventBus", json!({"Name": "members"})).await;
        assert_eq!(shown, json!({"Name": "members", "Arn": bus, "Policy": policy.to_string()}));
        // The bus lets the account in; its role must be allowed as well.
        let silent = Caller::new(&cloud, &role(&cloud, WEST.0, json!([])), EAST.1);
        assert_eq!(silent.json("events", "AWSEvents.PutEvents", put.clone()).await.0, 400);

        let (status, answer) = member.json("events", "AWSEvents.PutEvents", put).await;
        assert_eq!((status, &answer["FailedEntryCount"]), (200, &json!(0)));
        assert!(cloud.is_busy());
        cloud.idle().await;
        let given = given(&cloud);
        let names: Vec<&str> = given.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["taker", "failer", "failer", "failer"], "a failed one is retried twice, one without permission never asked");
        let event = &given[0].1;
        assert_eq!([&event["account"], &event["region"], &event["source"]], [WEST.0, EAST.1, "consortium.member"]);
        assert_eq!((&event["detail"], &event["id"]), (&json!({"kind": "joined"}), &answer["Entries"][0]["EventId"]));
        assert!(cloud.refusals().iter().any(|(who, _, what)| who == "events.amazonaws.com" && what.ends_with(":shut")));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_speaks_for_a_service_and_rules_hear_their_own_bus() {
        let cloud = cloud();
        hub(&cloud);
        cloud.idle().await;
        assert_eq!(given(&cloud).len(), 1, "the hub's own stack");
        assert_eq!(given(&cloud)[0].1["detail"]["status-details"]["status"], "CREATE_COMPLETE");
        let owner = Caller::new(&cloud, EAST.0, EAST.1);
        let entries = json!([entry("aws.cloudformation", ""), entry("consortium.member", ""), entry("consortium.member", "none"), entry("other", "members")]);
        let (status, answer) = owner.json("events", "AWSEvents.PutEvents", json!({"Entries": entries})).await;
        assert_eq!((status, &answer["FailedEntryCount"]), (200, &json!(2)));
        assert_eq!(answer["Entries"][0]["ErrorCode"], "NotAuthorizedForSourceException");
        cloud.deploy(WEST.0, EAST.1, "theirs", "Resources: {}", &Default::default()).expect("another account's stack");
        cloud.deploy(EAST.0, WEST.1, "far", "Resources: {}", &Default::default()).expect("another region's stack");
        cloud.idle().await;
        assert_eq!(given(&cloud).len(), 1, "nothing of this is for the rules");
        let far = json!({"Entries": [entry("a", "arn:aws:events:eu-west-1:111122223333:event-bus/default")]});
        assert_eq!(owner.json("events", "AWSEvents.PutEvents", far).await.1["__type"], "ValidationException");
    }
}
