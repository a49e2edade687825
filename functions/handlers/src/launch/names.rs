//! `ensure-names`: RunInstances tags are per resource type, so a node's name and a volume's role follow by CreateTags.

use crate::launch::nodes::own_batches;
use crate::{Context, guard};
use aws::Instance;
use domain::{Class, Fault, ids};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Role of the volume at a device, as `ensure-nodes` made it.
pub(crate) fn role(device: &str) -> Option<&'static str> {
    ids::DEVICES.iter().find(|(d, _)| *d == device).map(|(_, r)| *r)
}

/// Tags instances and volumes with node and role; safe to repeat. No undo: the tags go with the resources.
/// Which volume is what is read from this account's own machines, never taken from the hub.
pub async fn ensure(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let order = guard::accept(ctx, "ensure-names", event, true).await?;
    let batches = own_batches(ctx, &order)?;
    let mut found = ctx.aws.instances(&order.network, Some(&order.execution)).await?;
    found.sort_by_key(|i| i.launch_index);
    let member = ctx.setting("MEMBER")?;
    let (mut nodes, mut roles): (Vec<Value>, BTreeMap<&str, Vec<String>>) = (vec![], BTreeMap::new());
    for batch in &batches {
        let members: Vec<&Instance> = found.iter().filter(|i| i.tag(ids::TAG_BATCH) == batch.batch && i.state == "running").collect();
        if members.len() != batch.nodes.len() {
            return Err(Fault::new(Class::Busy, format!("{} machines of {} run, {} were made", members.len(), batch.batch, batch.nodes.len())));
        }
        for (name, instance) in batch.nodes.iter().zip(members) {
            let mut all: Vec<String> = instance.volumes.iter().map(|(_, v)| v.clone()).collect();
            nodes.push(json!({"name": name, "member": member, "instance": instance.id, "ip": instance.ip, "volumes": all}));
            all.push(instance.id.clone());
            ctx.aws.add_tag(all, ids::TAG_NODE, name).await?;
            for (device, volume) in &instance.volumes {
                let role = role(device).ok_or_else(|| Fault::internal(format!("{name} has an unknown device {device}")))?;
                roles.entry(role).or_default().push(volume.clone());
            }
        }
    }
    for (role, volumes) in roles {
        ctx.aws.add_tag(volumes, ids::TAG_VOLUME, role).await?;
    }
    nodes.sort_by_key(|n| n["name"].as_str().map(ids::node_number));
    Ok(json!({"nodes": nodes}))
}
