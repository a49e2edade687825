//! VPC peering connections: asked for in one account and region, accepted in another, shown to each with its own tags.

use super::ec2::{before_change, only_tags_for, request_keys, resource_keys};
use super::ec2_describe::{passes, tag_set};
use super::{only, quotas, text, texts};
use crate::cloud::{ApiError, Call, Cloud, Reply};
use crate::iam::Keys;
use crate::latency::{LAG, PEERING_REQUEST, PEERING_REQUEST_FAR, PEERING_SETUP, PEERING_SETUP_FAR};
use crate::names;
use crate::world::{Peering, Side, Tags, World};
use serde_json::{Value, json};

/// Resource type, as tags and ARNs name it.
pub(crate) const KIND: &str = "vpc-peering-connection";
/// EC2 has one text for every request that cannot become anything.
const FAILED: &str = "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range";

pub(super) fn absent(id: &str) -> ApiError {
    ApiError::new("InvalidVpcPeeringConnectionID.NotFound", 400, format!("The vpcPeeringConnection ID '{id}' does not exist"))
}

fn is(side: &Side, call: &Call) -> bool {
    side.account == call.principal.account && side.region == call.region
}

/// The side that a caller sees it from: the requester's soon after the request, the accepter's once it can be accepted.
fn side<'a>(p: &'a Peering, call: &Call, now: u64) -> Option<&'a Side> {
    match () {
        _ if is(&p.requester, call) && now >= p.visible_ms => Some(&p.requester),
        _ if is(&p.accepter, call) && now >= p.pending_ms && p.failure.is_empty() => Some(&p.accepter),
        _ => None,
    }
}

/// Tags of the caller's side; `None` if the caller does not see the connection.
pub(crate) fn own_tags<'a>(p: &'a mut Peering, call: &Call, now: u64) -> Option<&'a mut Tags> {
    side(p, call, now)?;
    Some(if is(&p.requester, call) { &mut p.requester.tags } else { &mut p.accepter.tags })
}

/// A connection that the caller sees.
pub(crate) fn seen<'a>(world: &'a World, call: &Call, id: &str, now: u64) -> Result<&'a Peering, ApiError> {
    world.peerings.get(id).filter(|p| side(p, call, now).is_some()).ok_or_else(|| absent(id))
}

fn vpc_arn(s: &Side) -> String {
    names::arn("ec2", &s.region, &s.account, &format!("vpc/{}", s.vpc))
}

/// Condition keys of a connection: both VPCs, and the tags of one side.
fn keys(p: &Peering, tags: Keys) -> Keys {
    let ends = [("ec2:RequesterVpc".to_string(), vec![vpc_arn(&p.requester)]), ("ec2:AccepterVpc".to_string(), vec![vpc_arn(&p.accepter)])];
    tags.into_iter().chain(ends).collect()
}

/// Condition keys of a VPC.
fn vpc_keys(world: &World, s: &Side) -> Keys {
    let tags = world.plain.get(&s.vpc).map(|v| names::tags_of(&v.properties["Tags"])).unwrap_or_default();
    resource_keys(&tags)
}

/// The end of a connection, with the VPC's range if there is such a VPC.
fn end(world: &World, account: &str, region: &str, vpc: &str) -> Side {
    let found = world.plain.get(vpc).filter(|v| v.kind == "AWS::EC2::VPC" && v.account == account && v.region == region);
    let cidr = found.map(|v| text(&v.properties, "CidrBlock").to_string()).unwrap_or_default();
    Side { account: account.into(), region: region.into(), vpc: vpc.into(), cidr, tags: Tags::new() }
}

/// Connections of a VPC that count against its quota.
fn count(world: &World, vpc: &str, counts: impl Fn(&Peering) -> bool) -> f64 {
    world.peerings.values().filter(|p| p.touches(vpc) && counts(p)).count() as f64
}

/// Codes are in EC2's list of error codes (docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html). Which of them a
/// request meets is not documented: `Pending…` was seen live (github.com/amplify-education/asiaq/pull/254) where too many requests of
/// an account were open; `…PerVpc…` is "the number of VPC peering connections that you can have per VPC", so open requests count too.
fn check_quotas(world: &World, own: &Side, now: u64) -> Result<(), ApiError> {
    let asked = |p: &&Peering| p.requester.account == own.account && p.requester.region == own.region;
    let open = |p: &&Peering| matches!(p.state(now), "initiating-request" | "pending-acceptance");
    if world.peerings.values().filter(asked).filter(open).count() as f64 >= quotas::value(world, &own.account, &own.region, quotas::PEERING_REQUESTS) {
        return Err(ApiError::new("PendingVpcPeeringConnectionLimitExceeded", 400, "Vpc peering connection request limit exceeded."));
    }
    if count(world, &own.vpc, |p| p.is_open(now)) >= quotas::value(world, &own.account, &own.region, quotas::PEERINGS) {
        let why = format!("The maximum number of VPC peering connections has been reached for {}", own.vpc);
        return Err(ApiError::new("VpcPeeringConnectionsPerVpcLimitExceeded", 400, why));
    }
    Ok(())
}

/// A second request for the same pair while the first is open gives the first one, without the new tags: so AWS does
/// (github.com/hashicorp/terraform-provider-aws/issues/27750). A request in the other direction is one of its own.
pub(crate) fn create(cloud: &Cloud, world: &mut World, call: &Call, now: u64) -> Reply {
    let p = &call.params;
    only(p, &["VpcId", "PeerVpcId", "PeerOwnerId", "PeerRegion", "TagSpecification"])?;
    let or = |name: &str, other: &str| if text(p, name).is_empty() { other.to_string() } else { text(p, name).to_string() };
    let mut own = end(world, &call.principal.account, &call.region, text(p, "VpcId"));
    if own.cidr.is_empty() {
        return Err(ApiError::new("InvalidVpcID.NotFound", 400, format!("The vpc ID '{}' does not exist", own.vpc)));
    }
    if text(p, "PeerVpcId").is_empty() {
        return Err(ApiError::new("MissingParameter", 400, "The request must contain the parameter peerVpcId"));
    }
    own.tags = only_tags_for(p, KIND)?;
    let mut peer = end(world, &or("PeerOwnerId", &own.account), &or("PeerRegion", &own.region), text(p, "PeerVpcId"));
    if names::partition(&peer.region) != names::partition(&own.region) {
        // Nothing leads from one partition into another.
        peer.cidr.clear();
    }
    let far = own.region != peer.region;
    let overlaps = names::range(&own.cidr).zip(names::range(&peer.cidr)).is_none_or(|(a, b)| names::overlap(a, b));
    let failure = if overlaps { FAILED.to_string() } else { String::new() };
    let mut made = Peering { requester: own, accepter: peer, created_ms: now, failure, ..Peering::default() };

    let (who, own) = (&call.principal, &made.requester);
    let any = names::arn("ec2", &own.region, &own.account, &format!("{KIND}/*"));
    let asked = keys(&made, request_keys(&own.tags));
    cloud.authorize(world, who, "ec2:CreateVpcPeeringConnection", &vpc_arn(own), &own.account, None, &vpc_keys(world, own))?;
    cloud.authorize(world, who, "ec2:CreateVpcPeeringConnection", &any, &own.account, None, &asked)?;
    if !own.tags.is_empty() {
        let mut asked = asked;
        asked.insert("ec2:CreateAction".into(), vec!["CreateVpcPeeringConnection".into()]);
        cloud.authorize(world, who, "ec2:CreateTags", &any, &own.account, None, &asked)?;
    }
    let place = |s: &Side| (s.account.clone(), s.region.clone(), s.vpc.clone());
    let same = |p: &&Peering| place(&p.requester) == place(own) && place(&p.accepter) == place(&made.accepter) && p.is_open(now);
    if let Some(found) = world.peerings.values().find(same) {
        return Ok(json!({"vpcPeeringConnection": view(found, &found.requester, now)}));
    }
    check_quotas(world, own, now)?;
    made.id = world.id("pcx");
    made.visible_ms = now + cloud.lasts(world, &LAG, "");
    made.pending_ms = now + cloud.lasts(world, if far { &PEERING_REQUEST_FAR } else { &PEERING_REQUEST }, "");
    let shown = view(&made, &made.requester, now);
    world.peerings.insert(made.id.clone(), made);
    Ok(json!({"vpcPeeringConnection": shown}))
}

fn forbidden(call: &Call, what: &str, id: &str) -> ApiError {
    ApiError::new("OperationNotPermitted", 400, format!("User {} cannot {what} peering {id}", call.principal.account))
}

fn wrong_state(p: &Peering, to: &str, now: u64) -> ApiError {
    let why = format!("Invalid state transition for {}, attempted to transition from {} to {to}", p.id, p.state(now));
    ApiError::new("InvalidStateTransition", 400, why)
}

/// Accepted only by the accepter's account, in the accepter's region.
pub(crate) fn accept(cloud: &Cloud, world: &mut World, call: &Call, now: u64) -> Reply {
    only(&call.params, &["VpcPeeringConnectionId"])?;
    before_change(world, now);
    let id = text(&call.params, "VpcPeeringConnectionId");
    let found = seen(world, call, id, now)?.clone();
    let (who, own) = (&call.principal, &found.accepter);
    if own.account != who.account {
        return Err(forbidden(call, "accept", id));
    }
    if own.region != call.region {
        let why = format!("Incorrect region ({}) specified for this request. {id} must be accepted in region {}", call.region, own.region);
        return Err(ApiError::new("OperationNotPermitted", 400, why));
    }
    let arn = names::arn("ec2", &call.region, &own.account, &format!("{KIND}/{id}"));
    cloud.authorize(world, who, "ec2:AcceptVpcPeeringConnection", &vpc_arn(own), &own.account, None, &vpc_keys(world, own))?;
    cloud.authorize(world, who, "ec2:AcceptVpcPeeringConnection", &arn, &own.account, None, &keys(&found, resource_keys(&own.tags)))?;
    if found.state(now) != "pending-acceptance" {
        return Err(wrong_state(&found, "provisioning", now));
    }
    let there = |p: &Peering| matches!(p.state(now), "provisioning" | "active");
    if world.peerings.values().any(|p| p.links(&found.requester.vpc, &own.vpc) && there(p)) {
        return Err(ApiError::new("VpcPeeringConnectionAlreadyExists", 400, "A VPC peering connection between the VPCs already exists."));
    }
    for end in [&found.requester, own] {
        if count(world, &end.vpc, there) >= quotas::value(world, &end.account, &end.region, quotas::PEERINGS) {
            let why = format!("The maximum number of active VPC peering connections has been reached for {}", end.vpc);
            return Err(ApiError::new("ActiveVpcPeeringConnectionPerVpcLimitExceeded", 400, why));
        }
    }
    let took = cloud.lasts(world, if found.requester.region == own.region { &PEERING_SETUP } else { &PEERING_SETUP_FAR }, "");
    let p = world.peerings.get_mut(id).ok_or_else(|| absent(id))?;
    (p.accepted_ms, p.active_ms) = (now, now + took);
    Ok(json!({"vpcPeeringConnection": view(p, &p.accepter, now)}))
}

/// Either side ends what is there; only the requester takes back a request (the accepter would reject it, which nobody here does).
pub(crate) fn delete(cloud: &Cloud, world: &mut World, call: &Call, now: u64) -> Reply {
    only(&call.params, &["VpcPeeringConnectionId"])?;
    before_change(world, now);
    let id = text(&call.params, "VpcPeeringConnectionId");
    let found = seen(world, call, id, now)?;
    let own = side(found, call, now).ok_or_else(|| absent(id))?;
    let arn = names::arn("ec2", &call.region, &own.account, &format!("{KIND}/{id}"));
    cloud.authorize(world, &call.principal, "ec2:DeleteVpcPeeringConnection", &arn, &own.account, None, &keys(found, resource_keys(&own.tags)))?;
    match found.state(now) {
        "active" | "provisioning" => {}
        "pending-acceptance" | "initiating-request" if is(&found.requester, call) => {}
        "pending-acceptance" => return Err(forbidden(call, "delete", id)),
        _ => return Err(wrong_state(found, "deleting", now)),
    }
    if let Some(p) = world.peerings.get_mut(id) {
        (p.deleted_ms, p.deleted_by) = (now, call.principal.account.clone());
    }
    Ok(json!({"return": true}))
}

/// A VPC is gone, and with it its connections.
pub(crate) fn end_all(world: &mut World, vpc: &str, account: &str, now: u64) {
    for p in world.peerings.values_mut().filter(|p| p.touches(vpc) && p.is_open(now)) {
        (p.deleted_ms, p.deleted_by) = (now, account.into());
    }
}

pub(crate) fn describe(cloud: &Cloud, world: &World, call: &Call, now: u64) -> Reply {
    let p = &call.params;
    only(p, &["VpcPeeringConnectionId", "Filter", "MaxResults", "NextToken"])?;
    cloud.authorize(world, &call.principal, "ec2:DescribeVpcPeeringConnections", "*", &call.principal.account, None, &Keys::new())?;
    let ids = texts(p.get("VpcPeeringConnectionId"));
    if let Some(missing) = ids.iter().find(|id| seen(world, call, id, now).is_err()) {
        return Err(absent(missing));
    }
    let mut found: Vec<Value> = vec![];
    for x in world.peerings.values().filter(|x| ids.is_empty() || ids.contains(&x.id)) {
        let Some(own) = side(x, call, now) else { continue };
        let has = |name: &str| {
            let one = match name {
                "status-code" => x.state(now),
                "requester-vpc-info.vpc-id" => &x.requester.vpc,
                "accepter-vpc-info.vpc-id" => &x.accepter.vpc,
                "vpc-peering-connection-id" => &x.id,
                _ => return None,
            };
            Some(vec![one.to_string()])
        };
        if passes(p, &own.tags, has)? {
            found.push(view(x, own, now));
        }
    }
    let (page, next) = names::page(&found, p, 1000)?;
    Ok(json!({"vpcPeeringConnectionSet": page, "nextToken": next}))
}

/// A connection as one side sees it: its own tags, and the accepter's range only once it was accepted.
fn view(p: &Peering, viewer: &Side, now: u64) -> Value {
    let state = p.state(now);
    let message = match state {
        "initiating-request" => format!("Initiating Request to {}", p.accepter.account),
        "pending-acceptance" => format!("Pending Acceptance by {}", p.accepter.account),
        "provisioning" => "Provisioning".into(),
        "active" => "Active".into(),
        "failed" => p.failure.clone(),
        "expired" => "Expired".into(),
        _ => format!("Deleted by {}", p.deleted_by),
    };
    let info = |s: &Side, shows: bool| {
        let mut info = json!({"ownerId": s.account, "vpcId": s.vpc, "region": s.region});
        if shows {
            info["cidrBlock"] = json!(s.cidr);
            info["cidrBlockSet"] = json!([{"cidrBlock": s.cidr}]);
        }
        info
    };
    let expires = if state == "pending-acceptance" { json!(names::time(p.expires_ms())) } else { Value::Null };
    json!({"vpcPeeringConnectionId": p.id, "status": {"code": state, "message": message}, "expirationTime": expires,
        "requesterVpcInfo": info(&p.requester, true), "accepterVpcInfo": info(&p.accepter, p.accepted_ms > 0 || viewer == &p.accepter),
        "tagSet": tag_set(&viewer.tags)})
}

#[cfg(test)]
mod tests {
    use crate::testing::*;
    use serde_json::json;

    const DAY: u64 = 86_400;

    #[tokio::test(start_paused = true)]
    async fn each_side_sees_its_own_and_only_the_accepter_accepts() {
        let cloud = cloud();
        let (east, west) = (Member::new(&cloud, EAST), Member::new(&cloud, WEST));
        let tag = [
            ("TagSpecification.1.ResourceType", "vpc-peering-connection"),
            ("TagSpecification.1.Tag.1.Key", "side"),
            ("TagSpecification.1.Tag.1.Value", "east"),
        ];
        let asked = east.ask(&west, &tag).await;
        assert_eq!(element(element(&asked.1, "status"), "code"), "initiating-request");
        let id = element(&asked.1, "vpcPeeringConnectionId").to_string();
        let accept = [("VpcPeeringConnectionId", id.as_str())];
        assert_eq!(code_of(&west.ec2("AcceptVpcPeeringConnection", &accept).await), (400, "InvalidVpcPeeringConnectionID.NotFound"));
        wait(120).await;
        assert_eq!(element(&east.ask(&west, &[]).await.1, "vpcPeeringConnectionId"), id, "the same request again");
        assert_eq!(code_of(&east.ec2("AcceptVpcPeeringConnection", &accept).await), (400, "OperationNotPermitted"));
        let elsewhere = Caller::new(&cloud, WEST.0, "us-east-1");
        assert_eq!(code_of(&elsewhere.ec2("AcceptVpcPeeringConnection", &accept).await), (400, "InvalidVpcPeeringConnectionID.NotFound"));
        let taken = west.ec2("AcceptVpcPeeringConnection", &accept).await;
        assert_eq!(element(element(&taken.1, "status"), "code"), "provisioning");
        assert_eq!(code_of(&west.ec2("AcceptVpcPeeringConnection", &accept).await), (400, "InvalidStateTransition"));
        wait(60).await;
        assert_eq!(west.state(&id).await, "active");

        let mark = [("ResourceId.1", id.as_str()), ("Tag.1.Key", "side"), ("Tag.1.Value", "west")];
        assert!(!west.ec2("DescribeVpcPeeringConnections", &[]).await.1.contains("<key>side</key>"), "tags do not cross accounts");
        assert_eq!(west.ec2("CreateTags", &mark).await.0, 200);
        let by_tag = |value: &'static str| [("Filter.1.Name", "tag:side"), ("Filter.1.Value.1", value)];
        assert!(east.ec2("DescribeVpcPeeringConnections", &by_tag("east")).await.1.contains(&id));
        assert!(!east.ec2("DescribeVpcPeeringConnections", &by_tag("west")).await.1.contains(&id));
        assert!(west.ec2("DescribeVpcPeeringConnections", &by_tag("west")).await.1.contains(&id));
        assert_eq!(code_of(&west.ec2("DescribeVpcPeeringConnections", &[("Filter.1.Name", "x"), ("Filter.1.Value.1", "y")]).await).0, 400);

        // A request in the other direction can be made, not accepted.
        let other = element(&west.ask(&east, &[]).await.1, "vpcPeeringConnectionId").to_string();
        wait(120).await;
        let answer = east.ec2("AcceptVpcPeeringConnection", &[("VpcPeeringConnectionId", &other)]).await;
        assert_eq!(code_of(&answer), (400, "VpcPeeringConnectionAlreadyExists"));
        assert_eq!(code_of(&east.ec2("DeleteVpcPeeringConnection", &[("VpcPeeringConnectionId", &other)]).await), (400, "OperationNotPermitted"));

        assert_eq!(west.ec2("DeleteVpcPeeringConnection", &accept).await.0, 200);
        assert_eq!(east.state(&id).await, "deleted");
        assert_eq!(code_of(&east.ec2("DeleteVpcPeeringConnection", &accept).await), (400, "InvalidStateTransition"));
        wait(2 * 3_600).await;
        assert_eq!(east.state(&id).await, "", "forgotten after two hours");
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_fails_and_what_nobody_answers_expires() {
        let cloud = cloud();
        let (east, west) = (Member::new(&cloud, EAST), Member::new(&cloud, WEST));
        let twin = Member::new(&cloud, ("777788889999", "us-east-1", "10.64.8.0/21"));
        let overlapping = element(&east.ask(&twin, &[]).await.1, "vpcPeeringConnectionId").to_string();
        let (vpc, peer) = (east.ids["Vpc"].as_str(), west.ids["Vpc"].as_str());
        let answer = east.ec2("CreateVpcPeeringConnection", &[("VpcId", vpc), ("PeerVpcId", peer), ("PeerOwnerId", "777788889999")]).await;
        let nobody = element(&answer.1, "vpcPeeringConnectionId").to_string();
        let open = element(&east.ask(&west, &[]).await.1, "vpcPeeringConnectionId").to_string();
        assert_eq!(code_of(&east.ec2("CreateVpcPeeringConnection", &[("VpcId", peer), ("PeerVpcId", vpc)]).await), (400, "InvalidVpcID.NotFound"));
        wait(120).await;
        assert_eq!([east.state(&overlapping).await, east.state(&nobody).await, east.state(&open).await], ["failed", "failed", "pending-acceptance"]);
        assert_eq!(twin.state(&overlapping).await, "");
        wait(7 * DAY).await;
        assert_eq!(west.state(&open).await, "expired");
        assert_eq!(code_of(&west.ec2("AcceptVpcPeeringConnection", &[("VpcPeeringConnectionId", &open)]).await), (400, "InvalidStateTransition"));
        assert_ne!(element(&east.ask(&west, &[]).await.1, "vpcPeeringConnectionId"), open, "a new request after that");
    }

    #[tokio::test(start_paused = true)]
    async fn quotas_and_policies_hold() {
        let cloud = cloud();
        let (east, west) = (Member::new(&cloud, EAST), Member::new(&cloud, WEST));
        let north = Member::new(&cloud, ("777788889999", "us-east-1", "10.64.32.0/20"));
        cloud.world().quotas.insert("111122223333/us-east-1/vpc/L-7E9ECCDB".into(), 1.0);
        assert_eq!(north.ask(&east, &[]).await.0, 200);
        assert_eq!(code_of(&east.ask(&west, &[]).await), (400, "VpcPeeringConnectionsPerVpcLimitExceeded"));
        cloud.world().quotas.insert("111122223333/us-east-1/vpc/L-DC9F7029".into(), 0.0);
        assert_eq!(code_of(&east.ask(&west, &[]).await), (400, "PendingVpcPeeringConnectionLimitExceeded"));
        cloud.world().quotas.clear();

        let vpc = |m: &Member| format!("arn:aws:ec2:{}:{}:vpc/{}", m.region, m.account, m.ids["Vpc"]);
        let statements = json!([
            {"Effect": "Allow", "Action": "ec2:CreateVpcPeeringConnection", "Resource": vpc(&east), "Condition": {"StringEquals": {"aws:ResourceTag/member": "one"}}},
            {"Effect": "Allow", "Action": "ec2:CreateVpcPeeringConnection", "Resource": "arn:aws:ec2:*:*:vpc-peering-connection/*",
                "Condition": {"ArnEquals": {"ec2:RequesterVpc": vpc(&east), "ec2:AccepterVpc": vpc(&west)}, "ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}},
        ]);
        let tested = Caller::new(&cloud, &role(&cloud, EAST.0, statements), EAST.1);
        for (tag, to, status) in [("", &north, 403), ("b", &west, 403), ("a", &west, 403), ("", &west, 200)] {
            let pair = [("VpcId", east.ids["Vpc"].as_str()), ("PeerVpcId", &to.ids["Vpc"]), ("PeerOwnerId", &to.account), ("PeerRegion", &to.region)];
            let kind = ("TagSpecification.1.ResourceType", "vpc-peering-connection");
            let tags = [kind, ("TagSpecification.1.Tag.1.Key", tag), ("TagSpecification.1.Tag.1.Value", "v")];
            let parameters = if tag.is_empty() { pair.to_vec() } else { [&pair[..], &tags].concat() };
            assert_eq!(tested.ec2("CreateVpcPeeringConnection", &parameters).await.0, status, "{tag} {}", to.account);
        }
        let refused = cloud.refusals();
        assert_eq!(refused.last().map(|r| r.1.as_str()), Some("ec2:CreateTags"), "asking with the tag was allowed, setting it was not");
    }
}
