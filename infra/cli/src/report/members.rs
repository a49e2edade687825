//! The companies of a network as the world shows them: whether each is still a member, and how its network is joined with the others'.

use super::hub_bucket;
use domain::consortium::{FOUNDER, MemberRecord};
use domain::ids;
use domain::manifest::Manifest;
use local_cloud::{Cloud, World};
use serde::Serialize;

/// A company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberReport {
    /// Name.
    pub name: String,
    /// Account.
    pub account: String,
    /// Region.
    pub region: String,
    /// `joined`, `revoked`, ... as the hub knows it; `unknown` if it has no record.
    pub state: String,
}

/// Two companies' peering.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeeringReport {
    /// Both, as the manifest has them in order.
    pub between: [String; 2],
    /// Id; empty if there is none.
    pub id: String,
    /// State in EC2, or `missing`.
    pub state: String,
}

/// What the hub has recorded of everybody that was ever invited.
pub fn records(world: &World, bucket: &str) -> Vec<MemberRecord> {
    let objects = world.buckets.get(bucket).into_iter().flat_map(|b| b.objects.iter());
    objects.filter(|(k, _)| k.starts_with(ids::MEMBERS)).filter_map(|(_, o)| serde_json::from_str(&o.text).ok()).collect()
}

/// The companies of a manifest.
pub fn members(cloud: &Cloud, manifest: &Manifest) -> Vec<MemberReport> {
    let bucket = hub_bucket(cloud).unwrap_or_default();
    let records = records(&cloud.world(), &bucket);
    let state = |name: &str| match records.iter().find(|r| r.name == name) {
        Some(record) => record.state.clone(),
        // Nobody invites the founder.
        None => if name == FOUNDER { "joined" } else { "unknown" }.into(),
    };
    let one = |m: &domain::plan::Member| MemberReport { name: m.name.clone(), account: m.account.clone(), region: m.region.clone(), state: state(&m.name) };
    manifest.members.iter().map(one).collect()
}

/// A peering for each two companies of a manifest: the full mesh that a launch makes.
pub fn peerings(cloud: &Cloud, manifest: &Manifest) -> Vec<PeeringReport> {
    let now = cloud.now_ms();
    let world = cloud.world();
    let mut found = vec![];
    for (i, a) in manifest.members.iter().enumerate() {
        for b in &manifest.members[i + 1..] {
            let peering = world.peerings.values().filter(|p| p.links(&a.vpc, &b.vpc)).max_by_key(|p| (p.is_open(now), p.created_ms));
            found.push(PeeringReport {
                between: [a.name.clone(), b.name.clone()],
                id: peering.map(|p| p.id.clone()).unwrap_or_default(),
                state: peering.map_or("missing", |p| p.state(now)).into(),
            });
        }
    }
    found
}
