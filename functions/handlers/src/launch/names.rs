//! `ensure-names`: RunInstances tags are per resource type, so a node's name and a volume's role follow by CreateTags.

use crate::{Context, guard};
use domain::{Fault, ids};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Named {
    name: String,
    instance: String,
    ip: String,
    volumes: Vec<Attached>,
}

#[derive(Deserialize)]
struct Attached {
    device: String,
    id: String,
}

/// Tags instances and volumes with node and role; safe to repeat. No undo: the tags go with the resources.
pub async fn ensure(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let order = guard::accept(ctx, "ensure-names", event, true).await?;
    let nodes: Vec<Named> = guard::param(&order.params, "nodes")?;
    let mut roles: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for node in &nodes {
        let mut all: Vec<String> = node.volumes.iter().map(|v| v.id.clone()).collect();
        all.push(node.instance.clone());
        ctx.aws.add_tag(all, ids::TAG_NODE, &node.name).await?;
        for volume in &node.volumes {
            let role = ids::DEVICES.iter().find(|(d, _)| *d == volume.device).map(|(_, r)| *r);
            let role = role.ok_or_else(|| Fault::internal(format!("{} has an unknown device {}", node.name, volume.device)))?;
            roles.entry(role).or_default().push(volume.id.clone());
        }
    }
    for (role, volumes) in roles {
        ctx.aws.add_tag(volumes, ids::TAG_VOLUME, role).await?;
    }
    let member = ctx.setting("MEMBER")?;
    let plain = |n: &Named| {
        let volumes: Vec<&String> = n.volumes.iter().map(|v| &v.id).collect();
        json!({"name": n.name, "member": member, "instance": n.instance, "ip": n.ip, "volumes": volumes})
    };
    // What a node mounts, in the order data, identity, authority; the root volume is none of its business.
    let disk = |n: &Named, role: &str| {
        let device = ids::DEVICES.iter().find(|(_, r)| *r == role).map(|(d, _)| *d);
        n.volumes.iter().find(|v| Some(v.device.as_str()) == device).map(|v| v.id.clone())
    };
    let disks = |n: &Named| ["data", "identity", "authority"].iter().filter_map(|r| disk(n, r)).collect::<Vec<_>>();
    let all: BTreeMap<&String, Vec<String>> = nodes.iter().map(|n| (&n.name, disks(n))).collect();
    let authority = nodes.iter().find_map(|n| disk(n, "authority"));
    Ok(json!({"nodes": nodes.iter().map(plain).collect::<Vec<_>>(), "disks": all, "authority_volume": authority}))
}
