//! Rules of security groups. They lie among the plain resources, as a template's own do, so that whoever reads sees both.

use super::ec2::{before_change, only_tags_for, request_keys, resource_keys};
use super::ec2_describe::{passes, tag_set};
use super::ec2_routes::canonical;
use super::{only, text, texts};
use crate::cloud::{ApiError, Call, Cloud, Reply};
use crate::iam::Keys;
use crate::names;
use crate::world::{Plain, World};
use serde_json::{Value, json};

const KIND: &str = "security-group-rule";
const STORED: &str = "AWS::EC2::SecurityGroupIngress";

/// One rule as EC2 counts them: its id, its properties, and whether it is for outgoing traffic.
struct Rule {
    id: String,
    properties: Value,
    out: bool,
}

/// Every rule of a group: those of their own, those written into the group, and the one that lets everything out.
fn rules(world: &World, group: &Plain) -> Vec<Rule> {
    // A rule inside a group's own properties has no id in the template: it gets one from what it says.
    let inline = |out: bool, p: &Value| {
        let hash = domain::ids::sha256_hex(format!("{}/{out}/{p}", group.id).as_bytes());
        Rule { id: format!("sgr-0{}", &hash[..16]), properties: p.clone(), out }
    };
    let listed = |name: &str| group.properties[name].as_array().cloned().unwrap_or_default();
    let own = world.of_kind(STORED).filter(|r| text(&r.properties, "GroupId") == group.id);
    let mut all: Vec<Rule> = own.map(|r| Rule { id: r.id.clone(), properties: r.properties.clone(), out: false }).collect();
    all.extend(listed("SecurityGroupIngress").iter().map(|p| inline(false, p)));
    match listed("SecurityGroupEgress") {
        none if none.is_empty() => all.push(inline(true, &json!({"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}))),
        some => all.extend(some.iter().map(|p| inline(true, p))),
    }
    all
}

fn own_groups<'a>(world: &'a World, call: &'a Call) -> impl Iterator<Item = &'a Plain> {
    world.of_kind("AWS::EC2::SecurityGroup").filter(|g| g.account == call.principal.account && g.region == call.region)
}

/// The group that a call changes, if the caller may change it.
fn changed(cloud: &Cloud, world: &World, call: &Call) -> Result<Plain, ApiError> {
    let id = text(&call.params, "GroupId");
    let missing = || ApiError::new("InvalidGroup.NotFound", 400, format!("The security group '{id}' does not exist"));
    let group = own_groups(world, call).find(|g| g.id == id).cloned().ok_or_else(missing)?;
    let arn = |kind: &str, id: &str| names::arn("ec2", &call.region, &group.account, &format!("{kind}/{id}"));
    let mut keys = resource_keys(&names::tags_of(&group.properties["Tags"]));
    keys.insert("ec2:Vpc".into(), vec![arn("vpc", text(&group.properties, "VpcId"))]);
    cloud.authorize(world, &call.principal, &format!("ec2:{}", call.action), &arn("security-group", id), &group.account, None, &keys)?;
    Ok(group)
}

/// A port as templates and the API write it.
fn port(rule: &Value, name: &str) -> Option<i64> {
    rule[name].as_i64().or_else(|| rule[name].as_str()?.parse().ok())
}

fn same(a: &Value, b: &Value) -> bool {
    let ports = |r: &Value| (port(r, "FromPort"), port(r, "ToPort"));
    ["IpProtocol", "CidrIp", "SourceSecurityGroupId"].iter().all(|k| a[k] == b[k]) && ports(a) == ports(b)
}

/// Rules from address ranges; all of a call or none.
pub(crate) fn authorize(cloud: &Cloud, world: &mut World, call: &Call, now: u64) -> Reply {
    let p = &call.params;
    only(p, &["GroupId", "IpPermissions", "TagSpecification"])?;
    before_change(world, now);
    let tags = only_tags_for(p, KIND)?;
    let group = changed(cloud, world, call)?;
    if !tags.is_empty() {
        let (arn, mut keys) = (names::arn("ec2", &call.region, &group.account, &format!("{KIND}/*")), request_keys(&tags));
        cloud.authorize(world, &call.principal, "ec2:AuthorizeSecurityGroupIngress", &arn, &group.account, None, &keys)?;
        keys.insert("ec2:CreateAction".into(), vec!["AuthorizeSecurityGroupIngress".into()]);
        cloud.authorize(world, &call.principal, "ec2:CreateTags", &arn, &group.account, None, &keys)?;
    }
    let tags: Value = tags.iter().map(|(k, v)| json!({"Key": k, "Value": v})).collect();
    let mut wanted: Vec<Value> = vec![];
    for permission in p["IpPermissions"].as_array().into_iter().flatten() {
        only(permission, &["IpProtocol", "FromPort", "ToPort", "IpRanges"])?;
        let ports = [port(permission, "FromPort"), port(permission, "ToPort")];
        let (protocol, valid) = match text(permission, "IpProtocol") {
            "tcp" | "6" => ("tcp", matches!(ports, [Some(from), Some(to)] if 0 <= from && from <= to && to <= 65_535)),
            other => return Err(ApiError::new("InvalidParameterValue", 400, format!("Invalid value '{other}' for IP protocol: the local cloud has tcp"))),
        };
        if !valid {
            return Err(ApiError::new("InvalidParameterValue", 400, "Invalid value for portRange. Must specify both from and to ports with TCP/UDP."));
        }
        for range in permission["IpRanges"].as_array().into_iter().flatten() {
            only(range, &["CidrIp", "Description"])?;
            let cidr = canonical(text(range, "CidrIp"), "cidrIp")?;
            wanted.push(json!({"GroupId": group.id, "IpProtocol": protocol, "FromPort": ports[0], "ToPort": ports[1], "CidrIp": cidr,
                "Description": text(range, "Description"), "Tags": tags}));
        }
    }
    if wanted.is_empty() {
        return Err(ApiError::new("MissingParameter", 400, "The request must contain IpPermissions with IpRanges"));
    }
    let there = rules(world, &group);
    for (n, new) in wanted.iter().enumerate() {
        if there.iter().any(|r| !r.out && same(&r.properties, new)) || wanted[..n].iter().any(|before| same(before, new)) {
            let why = format!(
                "the specified rule \"peer: {}, TCP, from port: {}, to port: {}, ALLOW\" already exists",
                text(new, "CidrIp"),
                new["FromPort"],
                new["ToPort"]
            );
            return Err(ApiError::new("InvalidPermission.Duplicate", 400, why));
        }
    }
    let mut made = vec![];
    for properties in wanted {
        let id = world.id("sgr");
        made.push(view(&group, &Rule { id: id.clone(), properties: properties.clone(), out: false }));
        world.plain.insert(id.clone(), Plain { id, kind: STORED.into(), account: group.account.clone(), region: group.region.clone(), properties });
    }
    Ok(json!({"return": true, "securityGroupRuleSet": made}))
}

/// Takes rules away by their ids; all of a call or none.
pub(crate) fn revoke(cloud: &Cloud, world: &mut World, call: &Call, now: u64) -> Reply {
    only(&call.params, &["GroupId", "SecurityGroupRuleId"])?;
    before_change(world, now);
    let group = changed(cloud, world, call)?;
    let ids = texts(call.params.get("SecurityGroupRuleId"));
    if ids.is_empty() {
        return Err(ApiError::new("MissingParameter", 400, "The request must contain the parameter ipPermissions or securityGroupRuleIds"));
    }
    let there: Vec<Rule> = rules(world, &group).into_iter().filter(|r| !r.out).collect();
    if let Some(missing) = ids.iter().find(|id| !there.iter().any(|r| r.id == **id)) {
        return Err(absent(missing));
    }
    let gone: Vec<&Rule> = there.iter().filter(|r| ids.contains(&r.id)).collect();
    for rule in &gone {
        if world.plain.remove(&rule.id).is_none()
            && let Some(listed) = world.plain.get_mut(&group.id).and_then(|g| g.properties["SecurityGroupIngress"].as_array_mut())
        {
            listed.retain(|p| *p != rule.properties);
        }
    }
    let revoked = |r: &&Rule| {
        let p = &r.properties;
        json!({"securityGroupRuleId": r.id, "groupId": group.id, "isEgress": false, "ipProtocol": p["IpProtocol"], "fromPort": port(p, "FromPort"),
            "toPort": port(p, "ToPort"), "cidrIpv4": p["CidrIp"], "referencedGroupId": p["SourceSecurityGroupId"], "description": p["Description"]})
    };
    Ok(json!({"return": true, "revokedSecurityGroupRuleSet": gone.iter().map(revoked).collect::<Vec<_>>()}))
}

fn absent(id: &str) -> ApiError {
    ApiError::new("InvalidSecurityGroupRuleId.NotFound", 400, format!("The security group rule ID '{id}' does not exist"))
}

pub(crate) fn describe(cloud: &Cloud, world: &World, call: &Call) -> Reply {
    let p = &call.params;
    only(p, &["Filter", "SecurityGroupRuleId", "MaxResults", "NextToken"])?;
    cloud.authorize(world, &call.principal, "ec2:DescribeSecurityGroupRules", "*", &call.principal.account, None, &Keys::new())?;
    let ids = texts(p.get("SecurityGroupRuleId"));
    let all: Vec<(&Plain, Rule)> = own_groups(world, call).flat_map(|g| rules(world, g).into_iter().map(move |r| (g, r))).collect();
    if let Some(missing) = ids.iter().find(|id| !all.iter().any(|(_, r)| r.id == **id)) {
        return Err(absent(missing));
    }
    let mut found: Vec<Value> = vec![];
    for (group, rule) in all.iter().filter(|(_, r)| ids.is_empty() || ids.contains(&r.id)) {
        let has = |name: &str| (name == "group-id").then(|| vec![group.id.clone()]);
        if passes(p, &names::tags_of(&rule.properties["Tags"]), has)? {
            found.push(view(group, rule));
        }
    }
    let (page, next) = names::page(&found, p, 1000)?;
    Ok(json!({"securityGroupRuleSet": page, "nextToken": next}))
}

fn view(group: &Plain, rule: &Rule) -> Value {
    let p = &rule.properties;
    // EC2 says -1 where a rule is for every port.
    let number = |name: &str| port(p, name).unwrap_or(-1);
    let source = text(p, "SourceSecurityGroupId");
    let referenced = if source.is_empty() { Value::Null } else { json!({"groupId": source, "userId": group.account}) };
    let arn = names::arn("ec2", &group.region, &group.account, &format!("{KIND}/{}", rule.id));
    json!({"securityGroupRuleId": rule.id, "securityGroupRuleArn": arn, "groupId": group.id, "groupOwnerId": group.account, "isEgress": rule.out,
        "ipProtocol": p["IpProtocol"], "fromPort": number("FromPort"), "toPort": number("ToPort"), "cidrIpv4": p["CidrIp"],
        "referencedGroupInfo": referenced, "description": p["Description"], "tagSet": tag_set(&names::tags_of(&p["Tags"]))})
}
