//! EC2: instances, volumes and tags. Describe calls are in `ec2_describe`.

use super::{ec2_describe, ec2_peering, ec2_routes, ec2_rules, only, quotas, text, texts};
use crate::cloud::{ApiError, Call, Cloud, Reply};
use crate::iam::Keys;
use crate::latency::{AGENT, BOOT, LAG, TERMINATE};
use crate::node::first_boot;
use crate::world::{Instance, Plain, Tags, Volume, World};
use crate::{chain, names};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Calls of EC2.
pub(crate) fn call(cloud: &Cloud, call: &Call) -> Reply {
    let now = cloud.now_ms();
    let mut world = cloud.world();
    settle(&mut world, now);
    match call.action.as_str() {
        "RunInstances" => run_instances(cloud, &mut world, call, now),
        "TerminateInstances" => terminate_instances(cloud, &mut world, call, now),
        "CreateTags" => create_tags(cloud, &mut world, call, now),
        "AttachVolume" => attach_volume(cloud, &mut world, call, now),
        "DeleteVolume" => delete_volume(cloud, &mut world, call),
        "CreateVpcPeeringConnection" => ec2_peering::create(cloud, &mut world, call, now),
        "AcceptVpcPeeringConnection" => ec2_peering::accept(cloud, &mut world, call, now),
        "DeleteVpcPeeringConnection" => ec2_peering::delete(cloud, &mut world, call, now),
        "DescribeVpcPeeringConnections" => ec2_peering::describe(cloud, &world, call, now),
        "CreateRoute" => ec2_routes::create(cloud, &mut world, call, now),
        "DeleteRoute" => ec2_routes::delete(cloud, &mut world, call, now),
        "DescribeRouteTables" => ec2_routes::describe(cloud, &world, call, now),
        "AuthorizeSecurityGroupIngress" => ec2_rules::authorize(cloud, &mut world, call, now),
        "RevokeSecurityGroupIngress" => ec2_rules::revoke(cloud, &mut world, call, now),
        "DescribeSecurityGroupRules" => ec2_rules::describe(cloud, &world, call),
        _ => ec2_describe::call(cloud, &mut world, call, now),
    }
}

/// Longer than any world lives, ms.
const NOT_YET: u64 = 1 << 50;

/// What time alone has done: ended machines let go of their volumes.
pub(crate) fn settle(world: &mut World, now: u64) {
    let gone: Vec<String> = world.instances.values().filter(|i| i.state(now) == "terminated").map(|i| i.id.clone()).collect();
    for id in &gone {
        world.volumes.retain(|_, v| v.attached_to != *id || !v.dies);
        world.volumes.values_mut().filter(|v| v.attached_to == *id).for_each(|v| v.attached_to.clear());
    }
    // EC2 lists a terminated instance for about an hour.
    world.instances.retain(|_, i| i.state(now) != "terminated" || now < i.ended_ms + 3_600_000);
    world.peerings.retain(|_, p| !p.is_forgotten(now));
}

/// A change of networks: every block that is due was made in the networks as they were.
pub(crate) fn before_change(world: &mut World, now: u64) {
    chain::advance(world, now);
}

fn tag_keys(prefix: &str, tags: &Tags) -> Keys {
    tags.iter().map(|(k, v)| (format!("{prefix}/{k}"), vec![v.clone()])).collect()
}

/// Condition keys of an existing resource.
pub(crate) fn resource_keys(tags: &Tags) -> Keys {
    let mut keys = tag_keys("aws:ResourceTag", tags);
    keys.extend(tag_keys("ec2:ResourceTag", tags));
    keys
}

/// Condition keys of tags that a call sets.
pub(crate) fn request_keys(tags: &Tags) -> Keys {
    let mut keys = tag_keys("aws:RequestTag", tags);
    keys.insert("aws:TagKeys".into(), tags.keys().cloned().collect());
    keys
}

/// Tags that a call puts on what it makes. Tags for anything else are refused.
pub(crate) fn only_tags_for(params: &Value, kind: &str) -> Result<Tags, ApiError> {
    for spec in params.get("TagSpecification").and_then(Value::as_array).into_iter().flatten() {
        only(spec, &["ResourceType", "Tag"])?;
        if text(spec, "ResourceType") != kind {
            return Err(ApiError::new("InvalidParameterValue", 400, format!("'{}' is not a valid taggable resource type", text(spec, "ResourceType"))));
        }
    }
    Ok(requested(params, kind))
}

fn requested(params: &Value, kind: &str) -> Tags {
    let specs = params.get("TagSpecification").and_then(Value::as_array).into_iter().flatten();
    let tags = specs.filter(|s| text(s, "ResourceType") == kind).flat_map(|s| s["Tag"].as_array().cloned().unwrap_or_default());
    tags.map(|t| (text(&t, "Key").to_string(), text(&t, "Value").to_string())).collect()
}

fn run_instances(cloud: &Cloud, world: &mut World, call: &Call, now: u64) -> Reply {
    let p = &call.params;
    only(p, &["LaunchTemplate", "InstanceType", "SubnetId", "MinCount", "MaxCount", "ClientToken", "TagSpecification", "BlockDeviceMapping"])?;
    let account = call.principal.account.clone();
    let invalid = |code: &str, what: &str| ApiError::new(code, 400, what.to_string());
    let template = world
        .plain
        .get(text(&p["LaunchTemplate"], "LaunchTemplateId"))
        .filter(|t| t.kind == "AWS::EC2::LaunchTemplate" && t.account == account && t.region == call.region)
        .cloned();
    let template = template.ok_or_else(|| invalid("InvalidLaunchTemplateId.NotFound", "The specified launch template does not exist"))?;
    let data = &template.properties["LaunchTemplateData"];
    let subnet = world.plain.get(text(p, "SubnetId")).filter(|s| s.kind == "AWS::EC2::Subnet" && s.account == account && s.region == call.region).cloned();
    let subnet = subnet.ok_or_else(|| invalid("InvalidSubnetID.NotFound", "The subnet ID does not exist"))?;
    let count: usize = text(p, "MaxCount").parse().map_err(|_| invalid("InvalidParameterValue", "MaxCount"))?;
    if text(p, "MinCount") != text(p, "MaxCount") || count == 0 {
        return Err(ApiError::new("InvalidParameterValue", 400, "the local cloud starts all or none: MinCount must equal MaxCount"));
    }
    let profile = world.plain.get(text(&data["IamInstanceProfile"], "Arn")).filter(|p| p.account == account).cloned();
    let profile = profile.ok_or_else(|| invalid("InvalidParameterValue", "Invalid IAM Instance Profile"))?;
    let is_role = |arn: &&String, name: &str| names::account_of(arn) == account && arn.ends_with(&format!("/{name}"));
    let role = profile.properties["Roles"][0].as_str().and_then(|name| world.roles.keys().find(|a| is_role(a, name))).cloned();
    let role = role.ok_or_else(|| invalid("InvalidParameterValue", "the instance profile has no role"))?;
    let groups = texts(data.get("SecurityGroupIds"));
    authorize_run(cloud, world, call, &subnet.id, &template.id, text(data, "ImageId"), &groups, &role)?;

    let slot = format!("{account}/{}/{}", call.region, text(p, "ClientToken"));
    let fingerprint = domain::ids::sha256_hex(p.to_string().as_bytes());
    if let Some((before, ids)) = world.tokens.get(&slot).cloned() {
        if before != fingerprint {
            return Err(ApiError::new("IdempotentParameterMismatch", 400, "the token was used with other parameters"));
        }
        return Ok(ec2_describe::reservation(world, &ids, now));
    }
    quotas::spare_vcpus(world, &account, &call.region, text(p, "InstanceType"), count, now)?;
    let reservation = world.id("r");
    let mut ids = vec![];
    for launch_index in 0..count {
        let id = world.id("i");
        let ip = names::next_ip(world, &subnet);
        let running_ms = now + cloud.lasts(world, &BOOT, &id);
        let online_ms = running_ms + cloud.lasts(world, &AGENT, &id);
        let visible_ms = now + cloud.lasts(world, &LAG, &id);
        let mut devices = BTreeMap::new();
        for m in p["BlockDeviceMapping"].as_array().into_iter().flatten() {
            let volume = make_volume(world, call, &subnet.properties, m, &id)?;
            devices.insert(volume.device.clone(), volume.id.clone());
            world.volumes.insert(volume.id.clone(), volume);
        }
        let mut instance = Instance {
            id: id.clone(),
            account: account.clone(),
            region: call.region.clone(),
            subnet: subnet.id.clone(),
            zone: text(&subnet.properties, "AvailabilityZone").into(),
            kind: text(p, "InstanceType").into(),
            ip,
            groups: groups.clone(),
            role: role.clone(),
            ami: text(data, "ImageId").into(),
            launch_index,
            reservation: reservation.clone(),
            token: text(p, "ClientToken").into(),
            tags: requested(p, "instance"),
            devices,
            mounts: BTreeMap::new(),
            launched_ms: now,
            visible_ms,
            running_ms,
            online_ms,
            docker_ms: 0,
            pulled: BTreeMap::new(),
            ending_ms: 0,
            ended_ms: 0,
        };
        first_boot::draw(cloud, world, &mut instance, text(data, "UserData"));
        world.instances.insert(id.clone(), instance);
        ids.push(id);
    }
    if !text(p, "ClientToken").is_empty() {
        world.tokens.insert(slot, (fingerprint, ids.clone()));
    }
    Ok(ec2_describe::reservation(world, &ids, now))
}

/// A key by its id in the caller's account, or by its ARN in any; always of the call's region.
fn kms_key<'a>(world: &'a World, call: &Call, key: &str) -> Option<&'a Plain> {
    let own = |k: &Plain| k.id == key && k.account == call.principal.account;
    world.of_kind("AWS::KMS::Key").find(|k| k.region == call.region && (own(k) || names::kms_arn(k) == key))
}

fn make_volume(world: &mut World, call: &Call, subnet: &Value, mapping: &Value, instance: &str) -> Result<Volume, ApiError> {
    let ebs = &mapping["Ebs"];
    only(ebs, &["VolumeSize", "VolumeType", "Encrypted", "KmsKeyId", "DeleteOnTermination"])?;
    let key = text(ebs, "KmsKeyId");
    if !key.is_empty() && kms_key(world, call, key).is_none() {
        return Err(ApiError::new("InvalidKmsKey.NotFound", 400, format!("the key {key} does not exist")));
    }
    Ok(Volume {
        id: world.id("vol"),
        account: call.principal.account.clone(),
        region: call.region.clone(),
        zone: text(subnet, "AvailabilityZone").into(),
        gb: text(ebs, "VolumeSize").parse().unwrap_or(8),
        key: key.into(),
        tags: requested(&call.params, "volume"),
        attached_to: instance.into(),
        device: text(mapping, "DeviceName").into(),
        dies: text(ebs, "DeleteOnTermination") == "true",
        label: String::new(),
        files: BTreeMap::new(),
    })
}

/// RunInstances is authorised on everything it touches, on the tags it sets, on the role it passes and on the keys it uses.
#[allow(clippy::too_many_arguments, reason = "RunInstances is decided on everything that it touches")]
fn authorize_run(cloud: &Cloud, world: &World, call: &Call, subnet: &str, template: &str, image: &str, groups: &[String], role: &str) -> Result<(), ApiError> {
    let (who, account) = (&call.principal, call.principal.account.as_str());
    let arn = |kind: &str, id: &str, owner: &str| names::arn("ec2", &call.region, owner, &format!("{kind}/{id}"));
    let check = |action: &str, resource: &str, keys: &Keys| cloud.authorize(world, who, action, resource, account, None, keys);
    let plain = |id: &str| world.plain.get(id).map(|p| resource_keys(&names::tags_of(&p.properties["Tags"]))).unwrap_or_default();
    let mut base = Keys::from([("ec2:InstanceType".to_string(), vec![text(&call.params, "InstanceType").to_string()])]);
    base.insert("ec2:LaunchTemplate".into(), vec![arn("launch-template", template, account)]);
    let with = |more: Keys| base.clone().into_iter().chain(more).collect::<Keys>();
    for kind in ["instance", "volume"] {
        let tags = requested(&call.params, kind);
        let keys = with(request_keys(&tags));
        check("ec2:RunInstances", &arn(kind, "*", account), &keys)?;
        if !tags.is_empty() {
            let mut keys = keys;
            keys.insert("ec2:CreateAction".into(), vec!["RunInstances".into()]);
            check("ec2:CreateTags", &arn(kind, "*", account), &keys)?;
        }
    }
    check("ec2:RunInstances", &arn("network-interface", "*", account), &with(Keys::new()))?;
    check("ec2:RunInstances", &arn("subnet", subnet, account), &with(plain(subnet)))?;
    check("ec2:RunInstances", &arn("image", image, ""), &with(Keys::new()))?;
    check("ec2:RunInstances", &arn("launch-template", template, account), &with(plain(template)))?;
    for group in groups {
        check("ec2:RunInstances", &arn("security-group", group, account), &with(plain(group)))?;
    }
    check("iam:PassRole", role, &Keys::from([("iam:PassedToService".into(), vec![names::service_host("ec2", &call.region)])]))?;
    for m in call.params["BlockDeviceMapping"].as_array().into_iter().flatten() {
        let key = text(&m["Ebs"], "KmsKeyId");
        if let Some(found) = kms_key(world, call, key) {
            let mut keys = Keys::from([("kms:ViaService".to_string(), vec![format!("ec2.{}.{}", call.region, names::suffix(&call.region))])]);
            keys.insert("kms:GrantIsForAWSResource".into(), vec!["true".into()]);
            for action in ["CreateGrant", "DescribeKey", "Decrypt", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo"] {
                // The key's own policy lets the account's identity policies decide.
                cloud.authorize(world, who, &format!("kms:{action}"), &names::kms_arn(found), &found.account, None, &keys)?;
            }
        }
    }
    Ok(())
}

fn terminate_instances(cloud: &Cloud, world: &mut World, call: &Call, now: u64) -> Reply {
    only(&call.params, &["InstanceId"])?;
    let ids = texts(call.params.get("InstanceId"));
    for id in &ids {
        let found = world.instances.get(id).filter(|i| i.account == call.principal.account && i.region == call.region);
        let found = found.ok_or_else(|| ApiError::new("InvalidInstanceID.NotFound", 400, format!("The instance ID '{id}' does not exist")))?;
        let arn = names::arn("ec2", &call.region, &found.account, &format!("instance/{id}"));
        cloud.authorize(world, &call.principal, "ec2:TerminateInstances", &arn, &found.account, None, &resource_keys(&found.tags))?;
    }
    let mut changes = vec![];
    for id in ids {
        chain::stop(world, &id, now);
        // A machine that is a process has ended when its processes have: whoever switches it off says so.
        let took = if cloud.machines().is_some() { NOT_YET } else { cloud.lasts(world, &TERMINATE, &id) };
        let Some(instance) = world.instances.get_mut(&id) else { continue };
        let before = instance.state(now);
        if instance.ending_ms == 0 {
            (instance.ending_ms, instance.ended_ms) = (now, now + took);
        }
        let after = instance.state(now);
        let state = |name: &str| json!({"code": ec2_describe::state_code(name), "name": name});
        changes.push(json!({"instanceId": id, "currentState": state(after), "previousState": state(before)}));
    }
    Ok(json!({"instancesSet": changes}))
}

/// Tags of what the caller's account has in the call's region, with its type.
fn taggable<'a>(world: &'a mut World, call: &Call, id: &str, now: u64) -> Option<(&'static str, &'a mut Tags)> {
    let (account, region) = (&call.principal.account, &call.region);
    if let Some(i) = world.instances.get_mut(id).filter(|i| i.account == *account && i.region == *region) {
        return Some(("instance", &mut i.tags));
    }
    if let Some(v) = world.volumes.get_mut(id).filter(|v| v.account == *account && v.region == *region) {
        return Some(("volume", &mut v.tags));
    }
    ec2_peering::own_tags(world.peerings.get_mut(id)?, call, now).map(|tags| (ec2_peering::KIND, tags))
}

fn create_tags(cloud: &Cloud, world: &mut World, call: &Call, now: u64) -> Reply {
    only(&call.params, &["ResourceId", "Tag"])?;
    let added: Tags = call.params["Tag"].as_array().into_iter().flatten().map(|t| (text(t, "Key").into(), text(t, "Value").into())).collect();
    for id in texts(call.params.get("ResourceId")) {
        let missing = || {
            let code = match id.split('-').next().unwrap_or_default() {
                "i" => "InvalidInstanceID.NotFound",
                "vol" => "InvalidVolume.NotFound",
                "pcx" => "InvalidVpcPeeringConnectionID.NotFound",
                _ => "InvalidID",
            };
            ApiError::new(code, 400, format!("The ID '{id}' does not exist"))
        };
        let (kind, mut keys) = taggable(world, call, &id, now).map(|(kind, tags)| (kind, resource_keys(tags))).ok_or_else(missing)?;
        keys.extend(request_keys(&added));
        let owner = call.principal.account.as_str();
        let arn = names::arn("ec2", &call.region, owner, &format!("{kind}/{id}"));
        cloud.authorize(world, &call.principal, "ec2:CreateTags", &arn, owner, None, &keys)?;
        let (_, tags) = taggable(world, call, &id, now).ok_or_else(missing)?;
        tags.extend(added.clone());
    }
    Ok(json!({"return": true}))
}

/// A volume hangs on one machine at a time, in its own zone: half of what keeps two signers apart.
fn attach_volume(cloud: &Cloud, world: &mut World, call: &Call, now: u64) -> Reply {
    only(&call.params, &["VolumeId", "InstanceId", "Device"])?;
    let (id, instance, device) = (text(&call.params, "VolumeId"), text(&call.params, "InstanceId"), text(&call.params, "Device"));
    let account = call.principal.account.clone();
    let volume = world.volumes.get(id).filter(|v| v.account == account && v.region == call.region).cloned();
    let volume = volume.ok_or_else(|| ApiError::new("InvalidVolume.NotFound", 400, format!("The volume '{id}' does not exist.")))?;
    let machine = world.instances.get(instance).filter(|i| i.account == account && i.region == call.region).cloned();
    let machine = machine.ok_or_else(|| ApiError::new("InvalidInstanceID.NotFound", 400, format!("The instance ID '{instance}' does not exist")))?;
    for (kind, id, tags) in [("volume", id, &volume.tags), ("instance", instance, &machine.tags)] {
        let arn = names::arn("ec2", &call.region, &account, &format!("{kind}/{id}"));
        cloud.authorize(world, &call.principal, "ec2:AttachVolume", &arn, &account, None, &resource_keys(tags))?;
    }
    if !volume.attached_to.is_empty() {
        return Err(ApiError::new("VolumeInUse", 400, format!("{id} is already attached to an instance")));
    }
    if volume.zone != machine.zone {
        return Err(ApiError::new(
            "InvalidVolume.ZoneMismatch",
            400,
            format!("The volume '{id}' is not in the same availability zone as instance '{instance}'"),
        ));
    }
    if machine.state(now) != "running" {
        return Err(ApiError::new("IncorrectState", 400, format!("Instance '{instance}' is not 'running'.")));
    }
    if machine.devices.contains_key(device) {
        return Err(ApiError::new(
            "InvalidParameterValue",
            400,
            format!("Invalid value '{device}' for unixDevice. Attachment point {device} is already in use"),
        ));
    }
    if let (Some(v), Some(i)) = (world.volumes.get_mut(id), world.instances.get_mut(instance)) {
        (v.attached_to, v.device) = (instance.into(), device.into());
        i.devices.insert(device.into(), id.into());
    }
    Ok(json!({"volumeId": id, "instanceId": instance, "device": device, "status": "attaching"}))
}

fn delete_volume(cloud: &Cloud, world: &mut World, call: &Call) -> Reply {
    only(&call.params, &["VolumeId"])?;
    let id = text(&call.params, "VolumeId");
    let found = world.volumes.get(id).filter(|v| v.account == call.principal.account && v.region == call.region).cloned();
    let found = found.ok_or_else(|| ApiError::new("InvalidVolume.NotFound", 400, format!("The volume '{id}' does not exist.")))?;
    let arn = names::arn("ec2", &call.region, &found.account, &format!("volume/{id}"));
    cloud.authorize(world, &call.principal, "ec2:DeleteVolume", &arn, &found.account, None, &resource_keys(&found.tags))?;
    if !found.attached_to.is_empty() {
        return Err(ApiError::new("VolumeInUse", 400, format!("Volume {id} is currently attached to {}", found.attached_to)));
    }
    world.volumes.remove(id);
    Ok(json!({"return": true}))
}
