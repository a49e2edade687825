//! EC2's reads: filters, pages, and the lag between a write and what reads show of it.

use super::ec2::resource_keys;
use super::{only, quotas, text, texts};
use crate::cloud::{ApiError, Call, Cloud, Reply};
use crate::iam::Keys;
use crate::names;
use crate::world::{Instance, Tags, Volume, World};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Threads of a core: two in every family that the suite offers (m5, m5a, m6a, m6i, t3).
const THREADS: u32 = 2;

/// Number that goes with an instance's state.
pub(crate) fn state_code(name: &str) -> u32 {
    match name {
        "pending" => 0,
        "running" => 16,
        "shutting-down" => 32,
        "terminated" => 48,
        _ => 80,
    }
}

pub(crate) fn tag_set(tags: &Tags) -> Value {
    tags.iter().map(|(k, v)| json!({"key": k, "value": v})).collect()
}

fn instance(world: &World, i: &Instance, now: u64) -> Value {
    let state = i.state(now);
    let mapping = |(device, volume): (&String, &String)| {
        let v = world.volumes.get(volume);
        json!({"deviceName": device, "ebs": {"volumeId": volume, "status": "attached", "attachTime": names::time(i.launched_ms),
            "deleteOnTermination": v.is_some_and(|v| v.dies)}})
    };
    // The mappings show up once the volumes are attached.
    let devices: Vec<Value> = if state == "running" { i.devices.iter().map(mapping).collect() } else { vec![] };
    let ip = if state == "terminated" { Value::Null } else { json!(i.ip) };
    json!({"instanceId": i.id, "imageId": i.ami, "instanceState": {"code": state_code(state), "name": state}, "privateIpAddress": ip,
        "amiLaunchIndex": i.launch_index, "instanceType": i.kind, "launchTime": names::time(i.launched_ms),
        "placement": {"availabilityZone": i.zone}, "subnetId": i.subnet, "blockDeviceMapping": devices, "clientToken": i.token,
        "cpuOptions": {"coreCount": quotas::vcpus(&i.kind) / THREADS, "threadsPerCore": THREADS}, "tagSet": tag_set(&i.tags)})
}

/// The answer to RunInstances.
pub(crate) fn reservation(world: &World, ids: &[String], now: u64) -> Value {
    let found: Vec<&Instance> = ids.iter().filter_map(|id| world.instances.get(id)).collect();
    let (id, owner) = found.first().map(|i| (i.reservation.clone(), i.account.clone())).unwrap_or_default();
    json!({"reservationId": id, "ownerId": owner, "groupSet": [], "instancesSet": found.iter().map(|i| instance(world, i, now)).collect::<Vec<_>>()})
}

fn tag_filter(filter: &Value, tags: &Tags) -> Option<bool> {
    let key = text(filter, "Name").strip_prefix("tag:")?;
    let wanted = texts(filter.get("Value"));
    Some(tags.get(key).is_some_and(|v| wanted.contains(v)))
}

fn unknown(filter: &Value) -> ApiError {
    ApiError::new("InvalidParameterValue", 400, format!("The filter '{}' is invalid", text(filter, "Name")))
}

/// Whether a resource passes every filter of a call. `values` = what it has for a filter's name, `None` = there is no such filter.
pub(crate) fn passes(params: &Value, tags: &Tags, values: impl Fn(&str) -> Option<Vec<String>>) -> Result<bool, ApiError> {
    let mut fits = true;
    for filter in params.get("Filter").and_then(Value::as_array).into_iter().flatten() {
        fits &= match tag_filter(filter, tags) {
            Some(fits) => fits,
            None => {
                let has = values(text(filter, "Name")).ok_or_else(|| unknown(filter))?;
                texts(filter.get("Value")).iter().any(|wanted| has.contains(wanted))
            }
        };
    }
    Ok(fits)
}

/// Reads of EC2; everything else is refused.
pub(crate) fn call(cloud: &Cloud, world: &mut World, call: &Call, now: u64) -> Reply {
    let p = &call.params;
    let filters: Vec<Value> = p.get("Filter").and_then(Value::as_array).cloned().unwrap_or_default();
    let known = match call.action.as_str() {
        "DescribeInstances" => ["Filter", "NextToken", "MaxResults", "InstanceId"].as_slice(),
        "DescribeVolumes" => &["Filter", "NextToken", "MaxResults", "VolumeId"],
        "DescribeSubnets" => &["SubnetId"],
        "DescribeInstanceTypeOfferings" => &["LocationType", "Filter", "NextToken", "MaxResults"],
        other => return Err(ApiError::new("InvalidAction", 400, format!("The action {other} is not valid for this web service."))),
    };
    only(p, known)?;
    cloud.authorize(world, &call.principal, &format!("ec2:{}", call.action), "*", &call.principal.account, None, &Keys::new())?;
    let (account, region) = (call.principal.account.clone(), call.region.clone());
    match call.action.as_str() {
        "DescribeInstances" => {
            let ids = texts(p.get("InstanceId"));
            let mut found: Vec<&Instance> = vec![];
            for i in world.instances.values().filter(|i| i.account == account && i.region == region && i.visible_ms <= now) {
                let mut fits = ids.is_empty() || ids.contains(&i.id);
                for f in &filters {
                    fits &= match text(f, "Name") {
                        "instance-state-name" => texts(f.get("Value")).iter().any(|v| v == i.state(now)),
                        _ => tag_filter(f, &i.tags).ok_or_else(|| unknown(f))?,
                    };
                }
                if fits {
                    found.push(i);
                }
            }
            if let Some(missing) = ids.iter().find(|id| !found.iter().any(|i| i.id == **id)) {
                return Err(ApiError::new("InvalidInstanceID.NotFound", 400, format!("The instance ID '{missing}' does not exist")));
            }
            let (page, next) = names::page(&found, p, 1000)?;
            // One entry for what one RunInstances made, as far as it is on this page.
            let mut made: BTreeMap<&str, Vec<&Instance>> = BTreeMap::new();
            page.iter().for_each(|i| made.entry(&i.reservation).or_default().push(i));
            let one = |(id, all): (&&str, &Vec<&Instance>)| {
                let shown: Vec<Value> = all.iter().map(|i| instance(world, i, now)).collect();
                json!({"reservationId": id, "ownerId": account, "groupSet": [], "instancesSet": shown})
            };
            Ok(json!({"reservationSet": made.iter().map(one).collect::<Vec<_>>(), "nextToken": next}))
        }
        "DescribeVolumes" => {
            let ids = texts(p.get("VolumeId"));
            let mut found: Vec<&Volume> = vec![];
            for v in world.volumes.values().filter(|v| v.account == account && v.region == region) {
                let mut fits = ids.is_empty() || ids.contains(&v.id);
                for f in &filters {
                    fits &= tag_filter(f, &v.tags).ok_or_else(|| unknown(f))?;
                }
                if fits {
                    found.push(v);
                }
            }
            if let Some(missing) = ids.iter().find(|id| !world.volumes.get(*id).is_some_and(|v| v.account == account && v.region == region)) {
                return Err(ApiError::new("InvalidVolume.NotFound", 400, format!("The volume '{missing}' does not exist.")));
            }
            let (page, next) = names::page(&found, p, 1000)?;
            let one = |v: &&Volume| {
                let on = (!v.attached_to.is_empty()).then_some(&v.attached_to);
                let attachment =
                    |on: &String| json!({"volumeId": v.id, "instanceId": on, "device": v.device, "status": "attached", "deleteOnTermination": v.dies});
                json!({"volumeId": v.id, "size": v.gb, "status": if on.is_some() { "in-use" } else { "available" }, "availabilityZone": v.zone,
                    "volumeType": "gp3", "encrypted": true, "kmsKeyId": v.key, "attachmentSet": on.map(attachment).into_iter().collect::<Vec<_>>(),
                    "tagSet": tag_set(&v.tags)})
            };
            Ok(json!({"volumeSet": page.iter().map(one).collect::<Vec<_>>(), "nextToken": next}))
        }
        "DescribeSubnets" => {
            let mut set = vec![];
            for id in texts(p.get("SubnetId")) {
                let subnet = world.plain.get(&id).filter(|s| s.kind == "AWS::EC2::Subnet" && s.account == account && s.region == region);
                let s = subnet.ok_or_else(|| ApiError::new("InvalidSubnetID.NotFound", 400, format!("The subnet ID '{id}' does not exist")))?;
                set.push(json!({"subnetId": s.id, "state": "available", "vpcId": s.properties["VpcId"], "cidrBlock": s.properties["CidrBlock"],
                    "availabilityZone": s.properties["AvailabilityZone"], "ownerId": s.account, "tagSet": tag_set(&names::tags_of(&s.properties["Tags"]))}));
            }
            Ok(json!({"subnetSet": set}))
        }
        _ => {
            let values = |name: &str| filters.iter().find(|f| text(f, "Name") == name).map(|f| texts(f.get("Value"))).unwrap_or_default();
            let mut offers = vec![];
            for kind in values("instance-type") {
                offers.extend(values("location").into_iter().map(|zone| json!({"instanceType": kind, "locationType": "availability-zone", "location": zone})));
            }
            let (page, next) = names::page(&offers, p, 1000)?;
            Ok(json!({"instanceTypeOfferingSet": page, "nextToken": next}))
        }
    }
}

/// Tags of an instance as condition keys, for other services' tag conditions.
pub(crate) fn instance_keys(world: &World, id: &str, prefix: &str) -> Keys {
    let tags = world.instances.get(id).map(|i| i.tags.clone()).unwrap_or_default();
    let mut keys: Keys = tags.iter().map(|(k, v)| (format!("{prefix}/{k}"), vec![v.clone()])).collect();
    keys.extend(resource_keys(&tags));
    keys
}
