//! What exists now, read from the world itself and never through our functions: nodes, heights, votes, leftovers.

mod left;
mod members;

pub use left::{Kept, Left, kept, left};
pub use members::{MemberReport, PeeringReport, members, peerings, records};

use domain::manifest::Manifest;
use local_cloud::Cloud;
use nodectl::Service;
use serde_json::{Value, json};

/// One node as the world shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeReport {
    /// Name.
    pub name: String,
    /// Company whose node it is.
    pub member: String,
    /// Voting power that it has on the chain, 0 = jailed or removed; as recorded while it does not answer.
    pub power: u64,
    /// Instance id.
    pub instance: String,
    /// Its state in EC2.
    pub state: String,
    /// Private address.
    pub ip: String,
    /// Peer id.
    pub peer: String,
    /// Volumes that exist.
    pub volumes: Vec<String>,
    /// Height; 0 when irita does not run.
    pub height: u64,
    /// Its vote is in one of the last three commits below the tip.
    pub signing: bool,
    /// The service that runs irita.
    pub service: Service,
}

/// A network as the world shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkReport {
    /// The last manifest.
    pub manifest: Manifest,
    /// Companies.
    pub members: Vec<MemberReport>,
    /// How their networks are joined.
    pub peerings: Vec<PeeringReport>,
    /// Nodes.
    pub nodes: Vec<NodeReport>,
    /// Height of the chain.
    pub height: u64,
    /// Who signed twice; must stay empty.
    pub double_signs: Vec<String>,
}

fn hub_bucket(cloud: &Cloud) -> Option<String> {
    let world = cloud.world();
    world.stacks.values().find_map(|s| s.outputs.get("HubBucket").cloned())
}

/// Every revision of a network's manifest, oldest first.
pub fn manifests(cloud: &Cloud, network: &str) -> Vec<Manifest> {
    let Some(bucket) = hub_bucket(cloud) else { return vec![] };
    let world = cloud.world();
    let prefix = format!("networks/{network}/manifest/");
    let objects = world.buckets.get(&bucket).into_iter().flat_map(|b| b.objects.iter());
    objects.filter(|(k, _)| k.starts_with(&prefix)).filter_map(|(_, o)| serde_json::from_str(&o.text).ok()).collect()
}

/// The network, if it was ever recorded: each node is asked itself.
pub async fn network(cloud: &Cloud, network: &str) -> Option<NetworkReport> {
    let manifest = manifests(cloud, network).pop()?;
    cloud.settle();
    let mut nodes = vec![];
    for n in &manifest.nodes {
        let status = cloud.rpc(&n.instance, "/status").await.and_then(|b| nodectl::status(&b).ok());
        let service = cloud.service(&n.instance).await;
        let now = cloud.now_ms();
        let world = cloud.world();
        nodes.push(NodeReport {
            name: n.name.clone(),
            member: n.member.clone(),
            power: status.as_ref().map_or(u64::from(n.power), |s| s.power),
            instance: n.instance.clone(),
            state: world.instances.get(&n.instance).map(|i| i.state(now)).unwrap_or("gone").into(),
            ip: n.private_ip.clone(),
            peer: n.node_id.clone(),
            volumes: n.volumes.iter().filter(|v| world.volumes.contains_key(*v)).cloned().collect(),
            height: status.map(|s| s.height).unwrap_or(0),
            signing: false,
            service,
        });
    }
    let height = nodes.iter().map(|n| n.height).max().unwrap_or(0);
    if let Some(best) = nodes.iter().find(|n| n.height == height && height > 0) {
        let mut signed: Vec<String> = vec![];
        for h in nodectl::recent_commits(height) {
            let commit = cloud.rpc(&best.instance, &format!("/commit?height={h}")).await;
            signed.extend(commit.and_then(|b| nodectl::commit(&b).ok().flatten()).into_iter().flat_map(|c| c.signed));
        }
        for (node, n) in nodes.iter_mut().zip(&manifest.nodes) {
            node.signing = node.height > 0 && signed.contains(&n.cons_address);
        }
    }
    let (members, peerings) = (members(cloud, &manifest), peerings(cloud, &manifest));
    let world = cloud.world();
    let chain = world.chains.get(manifest.genesis["sha256"].as_str().unwrap_or_default());
    Some(NetworkReport { nodes, members, peerings, height, double_signs: chain.map(|c| c.double_signs.clone()).unwrap_or_default(), manifest })
}

/// The nodes as `--json` gives them.
pub fn nodes_json(nodes: &[NodeReport]) -> Value {
    let one = |n: &NodeReport| {
        json!({"name": n.name, "member": n.member, "power": n.power, "instance_id": n.instance, "state": n.state, "ip": n.ip, "volumes": n.volumes, "peer": format!("{}@{}:26656", n.peer, n.ip),
            "height": n.height, "signing": n.signing, "service": n.service.state, "restarts": n.service.restarts})
    };
    nodes.iter().map(one).collect()
}

/// The companies and how they are joined as `--json` gives them: of peerings how many there must be and are, and each that is not active.
pub fn joined_json(found: &NetworkReport) -> (Value, Value) {
    let others: Vec<&PeeringReport> = found.peerings.iter().filter(|p| p.state != "active").collect();
    (json!(found.members), json!({"wanted": found.peerings.len(), "active": found.peerings.len() - others.len(), "others": others}))
}
