//! What exists now, read from the world itself and never through our functions: nodes, heights, votes, leftovers.

use domain::ids;
use domain::manifest::{Lock, Manifest};
use local_cloud::Cloud;
use nodectl::Service;
use serde_json::{Value, json};

/// One node as the world shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeReport {
    /// Name.
    pub name: String,
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
    let world = cloud.world();
    let chain = world.chains.get(manifest.genesis["sha256"].as_str().unwrap_or_default());
    Some(NetworkReport { nodes, height, double_signs: chain.map(|c| c.double_signs.clone()).unwrap_or_default(), manifest })
}

/// What exists with a network's tags and belongs to nothing that was asked for.
/// `kept` = volumes that a person asked to keep.
pub fn left(cloud: &Cloud, network: &str, kept: &[String]) -> Vec<String> {
    cloud.settle();
    let owned = match manifests(cloud, network).pop() {
        Some(m) if m.state == "launched" => m.nodes,
        _ => vec![],
    };
    let bucket = hub_bucket(cloud).unwrap_or_default();
    let now = cloud.now_ms();
    let world = cloud.world();
    let ours = |tags: &local_cloud::world::Tags| tags.get(ids::TAG_NETWORK).is_some_and(|n| n == network);
    let mut left: Vec<String> = vec![];
    let running = world.instances.values().filter(|i| ours(&i.tags) && i.state(now) != "terminated");
    left.extend(running.filter(|i| !owned.iter().any(|n| n.instance == i.id)).map(|i| i.id.clone()));
    let volumes = world.volumes.values().filter(|v| ours(&v.tags) && !kept.contains(&v.id));
    left.extend(volumes.filter(|v| !owned.iter().any(|n| n.volumes.contains(&v.id))).map(|v| v.id.clone()));
    if owned.is_empty() {
        // What peering makes belongs to the whole network.
        let peerings = world.peerings.values().filter(|p| ours(&p.requester.tags) && p.state(now) != "deleted");
        left.extend(peerings.map(|p| p.id.clone()));
        let tagged = |p: &local_cloud::world::Plain| {
            p.properties["Tags"].as_array().into_iter().flatten().any(|t| t["Key"] == ids::TAG_NETWORK && t["Value"] == network)
        };
        left.extend(world.of_kind("AWS::EC2::SecurityGroupIngress").filter(|p| tagged(p)).map(|p| p.id.clone()));
    }
    for (key, object) in world.buckets.get(&bucket).into_iter().flat_map(|b| b.objects.iter()) {
        if owned.is_empty() && key.starts_with(&format!("exchange/{network}/")) {
            left.push(format!("s3://{bucket}/{key}"));
        }
        let lock: Option<Lock> = (*key == ids::lock_key(network)).then(|| serde_json::from_str(&object.text).ok()).flatten();
        if let Some(lock) = lock.filter(|l| !l.execution.is_empty()) {
            left.push(format!("lock of {network}, held by {}", lock.execution));
        }
    }
    left
}

/// The nodes as `--json` gives them.
pub fn nodes_json(nodes: &[NodeReport]) -> Value {
    let one = |n: &NodeReport| {
        json!({"name": n.name, "instance_id": n.instance, "state": n.state, "ip": n.ip, "volumes": n.volumes, "peer": format!("{}@{}:26656", n.peer, n.ip),
            "height": n.height, "signing": n.signing, "service": n.service.state, "restarts": n.service.restarts})
    };
    nodes.iter().map(one).collect()
}
