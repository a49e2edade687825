//! What a launched network's nodes are really doing: machines, agents, volumes, ports, blocks, votes.

use super::Check;
use crate::commands::status::Watched;
use crate::commands::tables;
use crate::lang::{Key, Lang};
use crate::session::Session;
use domain::ids::{TAG_NETWORK, TAG_NODE};
use domain::manifest::ManifestNode;
use local_cloud::World;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Ports of a validator that nobody may reach from another machine.
const CLOSED: [u64; 5] = [22, 26657, 1317, 8545, 9090];
/// The peers' port: open to peers only.
const PEERS: u64 = 26656;

/// All of them.
pub fn checks(session: &Session, network: &str, watched: &Watched, lang: Lang) -> Vec<Check> {
    let (found, manifest) = (&watched.found, &watched.found.manifest);
    let now = session.cloud.now_ms();
    let world = session.cloud.world();
    let nodes = &manifest.nodes;
    let check = |key, wrong, remedy, fine: String| Check::of(network, key, wrong, lang, remedy, fine);
    let text = |key: Key| lang.text(key).to_string();

    let state = |n: &ManifestNode| world.instances.get(&n.instance).map(|i| i.state(now)).unwrap_or(lang.text(Key::Gone));
    let machines = nodes.iter().filter(|n| state(n) != "running").map(|n| lang.say(Key::MachineState, &[&n.name, &n.instance, &state(n)])).collect();
    let offline = nodes.iter().filter(|n| !is_online(&world, n, now)).map(|n| lang.say(Key::AgentSilent, &[&n.name, &n.instance])).collect();
    let silent: Vec<_> = found.nodes.iter().zip(nodes).filter(|(n, m)| m.kind == "validator" && !n.signing).map(|(n, _)| n).collect();
    let names: Vec<String> = silent.iter().map(|n| n.name.clone()).collect();
    let votes = silent.iter().map(|n| lang.say(Key::VoteMissing, &[&n.name, &tables::service(lang, &n.service.state), &n.height])).collect();
    let (grows, word) = (found.height > watched.from, lang.seconds(session.real()));
    let height = if grows { vec![] } else { vec![lang.say(Key::HeightStands, &[&found.height, &watched.seconds, &word])] };
    let digest = if manifest.image_digest.is_empty() { vec![text(Key::NoDigest)] } else { vec![] };
    let count = nodes.len().to_string();
    vec![
        check(Key::CheckMachines, machines, text(Key::MachineRemedy), count.clone()),
        check(Key::CheckTwins, twins(&world, network, now, lang), text(Key::TwinsRemedy), String::new()),
        check(Key::CheckAgents, offline, text(Key::AgentRemedy), count.clone()),
        check(Key::CheckVolumes, volumes(&world, nodes, lang), text(Key::VolumeRemedy), nodes.iter().map(|n| n.volumes.len()).sum::<usize>().to_string()),
        check(Key::CheckPorts, ports(&world, nodes, lang), text(Key::PortRemedy), PEERS.to_string()),
        check(Key::CheckHeight, height, lang.say(Key::HeightRemedy, &[&network]), lang.say(Key::HeightGrows, &[&watched.from, &found.height])),
        check(Key::CheckVotes, votes, lang.say(Key::VoteRemedy, &[&network, &names.join(" ")]), count),
        check(Key::CheckDoubles, found.double_signs.clone(), text(Key::DoubleRemedy), String::new()),
        check(Key::CheckImage, digest, text(Key::DigestRemedy), manifest.image_digest.clone()),
    ]
}

/// Whether Systems Manager would hear from it.
fn is_online(world: &World, node: &ManifestNode, now: u64) -> bool {
    let muted = world.sabotage.get(&format!("{}:ssm", node.name)).is_some_and(|how| how == "never");
    !muted && world.instances.get(&node.instance).is_some_and(|i| i.online_ms <= now && i.state(now) == "running")
}

/// More than one live machine under a node's name: two of them could sign with one key.
fn twins(world: &World, network: &str, now: u64, lang: Lang) -> Vec<String> {
    let mut live: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for i in world.instances.values().filter(|i| i.state(now) != "terminated" && i.tags.get(TAG_NETWORK).is_some_and(|n| n == network)) {
        if let Some(node) = i.tags.get(TAG_NODE) {
            live.entry(node).or_default().push(i.id.clone());
        }
    }
    live.iter().filter(|(_, ids)| ids.len() > 1).map(|(node, ids)| lang.say(Key::Twins, &[node, &lang.list(ids)])).collect()
}

/// Volumes of the manifest that do not exist or hang elsewhere.
fn volumes(world: &World, nodes: &[ManifestNode], lang: Lang) -> Vec<String> {
    let one = |n: &ManifestNode, id: &String| match world.volumes.get(id) {
        None => Some(lang.say(Key::VolumeGone, &[&n.name, id])),
        Some(v) if v.attached_to != n.instance => {
            let place = if v.attached_to.is_empty() { lang.text(Key::Nothing) } else { &v.attached_to };
            Some(lang.say(Key::VolumeStray, &[&n.name, id, &place]))
        }
        Some(_) => None,
    };
    nodes.iter().flat_map(|n| n.volumes.iter().filter_map(move |id| one(n, id))).collect()
}

/// Rules of the nodes' groups that open what must be closed, or the peers' port to everybody.
fn ports(world: &World, nodes: &[ManifestNode], lang: Lang) -> Vec<String> {
    let groups: BTreeSet<&String> = nodes.iter().filter_map(|n| world.instances.get(&n.instance)).flat_map(|i| &i.groups).collect();
    let own = world.of_kind("AWS::EC2::SecurityGroup").filter(|g| groups.contains(&g.id));
    let inside = own.flat_map(|g| g.properties["SecurityGroupIngress"].as_array().into_iter().flatten().map(|rule| (&g.id, rule)));
    let apart = world.of_kind("AWS::EC2::SecurityGroupIngress").map(|r| (&r.id, &r.properties));
    let apart = apart.filter(|(_, p)| p["GroupId"].as_str().is_some_and(|id| groups.contains(&id.to_string())));
    inside.chain(apart).filter_map(|(id, rule)| opens(rule).map(|(from, to, who)| lang.say(Key::PortOpen, &[id, &from, &to, &who]))).collect()
}

/// What a rule opens that it must not: ports and to whom.
fn opens(rule: &Value) -> Option<(u64, u64, String)> {
    let number = |key: &str| rule[key].as_u64().or_else(|| rule[key].as_str().and_then(|t| t.parse().ok()));
    let every = rule["IpProtocol"].as_str() == Some("-1");
    let (from, to) = if every { (0, 65535) } else { (number("FromPort")?, number("ToPort")?) };
    let who = ["CidrIp", "CidrIpv6", "SourceSecurityGroupId", "SourcePrefixListId"].iter().find_map(|k| rule[*k].as_str()).unwrap_or("?");
    let covers = |port: u64| (from..=to).contains(&port);
    let everybody = ["0.0.0.0/0", "::/0"].contains(&who);
    (CLOSED.into_iter().any(covers) || (covers(PEERS) && everybody)).then(|| (from, to, who.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_peers_may_come_in_and_only_by_their_port() {
        let rule = |from: Value, to: u64, who: &str, whom: &str| opens(&json!({"IpProtocol": "tcp", "FromPort": from, "ToPort": to, who: whom})).is_some();
        assert!(!rule(json!(26656), 26656, "SourceSecurityGroupId", "sg-1") && !rule(json!(26656), 26656, "CidrIp", "10.1.0.0/20"));
        assert!(rule(json!("26656"), 26656, "CidrIp", "0.0.0.0/0") && rule(json!(26656), 26657, "SourceSecurityGroupId", "sg-1"));
        assert!(rule(json!(22), 22, "CidrIp", "10.0.0.1/32") && rule(json!(0), 65535, "CidrIpv6", "::/0"));
        assert!(opens(&json!({"IpProtocol": "-1", "CidrIp": "10.0.0.0/8"})).is_some());
    }
}
