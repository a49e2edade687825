//! What a network left behind, and what was kept on purpose: read from tags, and for what carries none from its tagged parent.

use super::{hub_bucket, manifests};
use crate::lang::{Key, Lang};
use domain::ids;
use domain::manifest::{Lock, Manifest};
use local_cloud::world::{Plain, Tags, Volume};
use local_cloud::{Cloud, World};
use serde::{Serialize, Serializer};
use std::fmt;

/// Something that belongs to nothing that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// A thing, by its id; a route by its table and range.
    Thing(String),
    /// The lock of a network.
    Lock {
        /// Network.
        network: String,
        /// Execution that holds it.
        holder: String,
    },
}

impl Left {
    /// As a person reads it.
    pub fn text(&self, lang: Lang) -> String {
        match self {
            Left::Thing(id) => id.clone(),
            Left::Lock { network, holder } => lang.say(Key::LeftLock, &[network, holder]),
        }
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Lang::En))
    }
}

impl Serialize for Left {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// A volume that a removal kept and that still costs money.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kept {
    /// Id.
    pub volume: String,
    /// Size.
    pub gb: u64,
    /// Zone.
    pub zone: String,
    /// Dollars a month.
    pub monthly: f64,
    /// `data`: as asked. `identity`: the member's stack does not let go of it.
    pub kind: &'static str,
}

/// Volumes that the last removal of a network kept, as far as they exist. A removal that failed kept nothing: what it did not take away is left.
pub fn kept(world: &World, network: &str) -> Vec<Kept> {
    let removals = world.executions.values().filter(|e| e.machine.ends_with("-remove-network") && e.input["network"] == network);
    let Some(last) = removals.max_by_key(|e| e.start_ms) else { return vec![] };
    let of = |list: &str, kind: &'static str| {
        let ids = last.output[list].as_array().into_iter().flatten().filter_map(|id| id.as_str());
        let one = move |v: &Volume| Kept { volume: v.id.clone(), gb: v.gb, zone: v.zone.clone(), monthly: v.gb as f64 * domain::price::GP3.dollars, kind };
        ids.filter_map(|id| world.volumes.get(id)).map(one).collect::<Vec<_>>()
    };
    [of("kept_data", "data"), of("kept_identities", "identity")].concat()
}

/// What exists of a network and belongs to nothing that was asked for.
pub fn left(cloud: &Cloud, network: &str) -> Vec<Left> {
    cloud.settle();
    let manifest = manifests(cloud, network).pop();
    let bucket = hub_bucket(cloud).unwrap_or_default();
    let now = cloud.now_ms();
    let world = cloud.world();
    let owned = manifest.as_ref().filter(|m| m.state == "launched").map(|m| m.nodes.as_slice()).unwrap_or_default();
    let ours = |tags: &Tags| tags.get(ids::TAG_NETWORK).is_some_and(|n| n == network);
    let mut left: Vec<String> = vec![];
    let running = world.instances.values().filter(|i| ours(&i.tags) && i.state(now) != "terminated");
    left.extend(running.filter(|i| !owned.iter().any(|n| n.instance == i.id)).map(|i| i.id.clone()));
    let kept = kept(&world, network);
    let volumes = world.volumes.values().filter(|v| ours(&v.tags) && !kept.iter().any(|k| k.volume == v.id));
    left.extend(volumes.filter(|v| !owned.iter().any(|n| n.volumes.contains(&v.id))).map(|v| v.id.clone()));
    if owned.is_empty() {
        // What peering makes belongs to the whole network.
        let peerings = world.peerings.values().filter(|p| ours(&p.requester.tags) && p.state(now) != "deleted");
        left.extend(peerings.map(|p| p.id.clone()));
        let tagged = |p: &Plain| p.properties["Tags"].as_array().into_iter().flatten().any(|t| t["Key"] == ids::TAG_NETWORK && t["Value"] == network);
        left.extend(world.of_kind("AWS::EC2::SecurityGroupIngress").filter(|p| tagged(p)).map(|p| p.id.clone()));
    }
    left.extend(routes(&world, network, manifest.as_ref(), !owned.is_empty(), now));
    let mut found: Vec<Left> = left.into_iter().map(Left::Thing).collect();
    for (key, object) in world.buckets.get(&bucket).into_iter().flat_map(|b| b.objects.iter()) {
        if owned.is_empty() && key.starts_with(&format!("exchange/{network}/")) {
            found.push(Left::Thing(format!("s3://{bucket}/{key}")));
        }
        let lock: Option<Lock> = (*key == ids::lock_key(network)).then(|| serde_json::from_str(&object.text).ok()).flatten();
        if let Some(lock) = lock.filter(|l| !l.execution.is_empty()) {
            found.push(Left::Lock { network: network.into(), holder: lock.execution });
        }
    }
    found
}

/// Routes that lead nowhere, or over a peering of a network that is gone. They carry no tags: one is the network's if its peering is, or if
/// it is in a member's table, to another member's range, and its peering is not known any more.
fn routes(world: &World, network: &str, manifest: Option<&Manifest>, launched: bool, now: u64) -> Vec<String> {
    let members = manifest.map(|m| m.members.as_slice()).unwrap_or_default();
    let text = |p: &Plain, field: &str| p.properties[field].as_str().unwrap_or_default().to_string();
    let is_left = |route: &&Plain| match world.peerings.get(&text(route, "VpcPeeringConnectionId")) {
        _ if text(route, "VpcPeeringConnectionId").is_empty() => false,
        Some(p) => p.requester.tags.get(ids::TAG_NETWORK).is_some_and(|n| n == network) && !(launched && p.is_open(now)),
        None => {
            let vpc = world.plain.get(&text(route, "RouteTableId")).map(|t| text(t, "VpcId")).unwrap_or_default();
            members.iter().any(|m| m.vpc == vpc) && members.iter().any(|m| m.vpc != vpc && m.cidr == text(route, "DestinationCidrBlock"))
        }
    };
    let left = world.of_kind("AWS::EC2::Route").filter(is_left);
    left.map(|r| format!("{}/{}", text(r, "RouteTableId"), text(r, "DestinationCidrBlock"))).collect()
}
