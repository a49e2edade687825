//! Chains: blocks appear only where more than two thirds of the power can reach each other.

use crate::latency::{BLOCK, RPC_UP};
use crate::reach::{Net, PEER_PORT};
use crate::world::{Block, Chain, Process, World};
use crate::{chain_state, names};
use serde_json::{Value, json};

/// Blocks kept per chain; older ones are of no use to anybody here.
const KEPT: usize = 400;
/// A process takes part in consensus this long after its start: handshake and dialling.
const JOIN_MS: u64 = 1_500;

/// Processes of a chain that take part at a time, grouped by who reaches whom.
fn groups(world: &World, net: &Net, genesis: &str, at: u64) -> Vec<Vec<String>> {
    let up: Vec<&Process> = world.processes.values().filter(|p| p.genesis_sha256 == genesis && p.started_ms + JOIN_MS <= at).collect();
    let linked = |a: &Process, b: &Process| {
        let ip = world.instances.get(&b.instance).map(|i| i.ip.clone()).unwrap_or_default();
        a.peers.contains(&format!("{}@{ip}:{PEER_PORT}", b.node_id)) && net.reaches(&a.instance, &b.instance, PEER_PORT, at)
    };
    let mut groups: Vec<Vec<String>> = vec![];
    let mut left: Vec<&Process> = up;
    while let Some(first) = left.pop() {
        let (mut group, mut queue) = (vec![first.instance.clone()], vec![first]);
        while let Some(p) = queue.pop() {
            let (near, far): (Vec<&Process>, Vec<&Process>) = left.into_iter().partition(|q| linked(p, q) || linked(q, p));
            left = far;
            group.extend(near.iter().map(|q| q.instance.clone()));
            queue.extend(near);
        }
        groups.push(group);
    }
    groups
}

/// Makes every block that is due until `now`.
pub(crate) fn advance(world: &mut World, now: u64) {
    // Networks do not change between one change of the world and the next: whoever changes one makes the due blocks before.
    let mut net = None;
    for genesis in world.chains.keys().cloned().collect::<Vec<_>>() {
        while step(world, &mut net, &genesis, now) {}
    }
}

/// One block if one is due; `false` when there is nothing more to do until `now`.
fn step(world: &mut World, net: &mut Option<Net>, genesis: &str, now: u64) -> bool {
    let Some(chain) = world.chains.get(genesis) else { return false };
    let commit = world.processes.values().filter(|p| p.genesis_sha256 == genesis).map(|p| p.commit_ms).max().unwrap_or(5_000);
    let block = world.scaled(&BLOCK, BLOCK.high);
    let at = chain.last_ms + commit + block;
    if at > now {
        return false;
    }
    let net = net.get_or_insert_with(|| Net::of(world));
    let total: u64 = chain.validators.values().map(|(_, power)| power).sum();
    let mut best: Option<(u64, Vec<String>, Vec<String>)> = None;
    for group in groups(world, net, genesis, at) {
        let mut votes: Vec<String> = vec![];
        for id in &group {
            let Some(p) = world.processes.get(id) else { continue };
            let mute = world.sabotaged(id, "vote") == Some("mute");
            if chain.validators.get(&p.cons_address).is_some_and(|(_, power)| *power > 0) && !mute {
                votes.push(p.cons_address.clone());
            }
        }
        votes.sort();
        let twice = votes.windows(2).find(|w| w[0] == w[1]).map(|w| w[0].clone());
        if let Some(key) = twice {
            if let Some(c) = world.chains.get_mut(genesis) {
                c.double_signs.push(key);
            }
            return false;
        }
        let power = votes.iter().filter_map(|v| chain.validators.get(v)).map(|(_, power)| power).sum::<u64>();
        if power * 3 > total * 2 {
            best = Some((power, group, votes));
        }
    }
    let Some((_, group, signed)) = best else {
        // Nobody can decide: wait for the next process or peering to come up, or for a change.
        let joins = world.processes.values().filter(|p| p.genesis_sha256 == genesis).map(|p| p.started_ms + JOIN_MS);
        let next = joins.chain(net.activations()).filter(|t| *t > at && *t <= now).min();
        let Some(chain) = world.chains.get_mut(genesis) else { return false };
        chain.last_ms = next.unwrap_or(now).saturating_sub(commit + block);
        return next.is_some();
    };
    let Some(chain) = world.chains.get_mut(genesis) else { return false };
    let height = chain.blocks.last().map(|b| b.height).unwrap_or(0) + 1;
    let hash = domain::ids::sha256_hex(format!("{genesis}/{height}").as_bytes()).to_uppercase();
    chain_state::deliver(chain, height, at, &signed);
    chain.blocks.push(Block { height, ms: at, hash, signed });
    if chain.blocks.len() > KEPT {
        chain.blocks.remove(0);
    }
    chain.last_ms = at;
    for id in group {
        if let Some(p) = world.processes.get_mut(&id) {
            p.height = height;
        }
        crate::node::keep_signer_state(world, &id, height);
    }
    true
}

/// Starts a process; the chain begins with its first one.
pub(crate) fn start(world: &mut World, process: Process, genesis: &Value, now: u64) {
    advance(world, now);
    let mut validators = std::collections::BTreeMap::new();
    for gentx in genesis.pointer("/app_state/genutil/gen_txs").and_then(Value::as_array).into_iter().flatten() {
        let Ok(v) = domain::genesis::read_gentx(gentx) else { continue };
        let Some(address) = crate::node::address_of_certificate(&v.certificate) else { continue };
        validators.insert(address, (v.name, u64::from(v.power)));
    }
    let (accounts, roles) = chain_state::at_genesis(genesis);
    let fresh = Chain { chain_id: process.chain_id.clone(), validators, last_ms: now, accounts, roles, ..Chain::default() };
    world.chains.entry(process.genesis_sha256.clone()).or_insert(fresh);
    world.processes.insert(process.instance.clone(), process);
}

/// Ends a machine's process, after making the blocks that it still took part in.
pub(crate) fn stop(world: &mut World, instance: &str, now: u64) {
    advance(world, now);
    world.processes.remove(instance);
}

/// Whether a process answers on its RPC.
pub(crate) fn listens(world: &World, process: &Process, now: u64) -> bool {
    process.started_ms + world.scaled(&RPC_UP, RPC_UP.high) <= now
}

/// What a node's RPC answers, in the recorded shape; `None` while it does not listen.
pub(crate) fn rpc(world: &mut World, instance: &str, path: &str, now: u64) -> Option<Value> {
    advance(world, now);
    let p = world.processes.get(instance).filter(|p| listens(world, p, now))?.clone();
    let chain = world.chains.get(&p.genesis_sha256)?;
    let block = |h: u64| chain.blocks.iter().find(|b| b.height == h);
    let body = |result: Value| json!({"jsonrpc": "2.0", "id": -1, "result": result});
    if path == "/status" {
        let last = block(p.height);
        let power = chain.validators.get(&p.cons_address).map(|(_, power)| *power).unwrap_or(0);
        return Some(body(json!({
            "node_info": {"id": p.node_id, "network": p.chain_id, "version": "0.34.12", "moniker": chain.validators.get(&p.cons_address).map(|(n, _)| n)},
            "sync_info": {"latest_block_hash": last.map(|b| b.hash.clone()).unwrap_or_default(), "latest_block_height": p.height.to_string(),
                "latest_block_time": names::time(last.map(|b| b.ms).unwrap_or(0)), "catching_up": false},
            "validator_info": {"address": p.cons_address, "voting_power": power.to_string()},
        })));
    }
    if path == "/net_info" {
        let up = world.processes.values().filter(|q| q.genesis_sha256 == p.genesis_sha256 && q.instance != p.instance);
        let net = Net::of(world);
        let peers = up.filter(|q| net.reaches(&p.instance, &q.instance, PEER_PORT, now) || net.reaches(&q.instance, &p.instance, PEER_PORT, now)).count();
        return Some(body(json!({"listening": true, "n_peers": peers.to_string(), "peers": []})));
    }
    if let Some(hash) = path.strip_prefix("/tx?hash=0x") {
        return Some(match chain.transactions.get(hash) {
            Some(t) => {
                body(json!({"hash": hash, "height": t["height"].to_string(), "tx_result": {"code": t["code"], "codespace": t["codespace"], "log": t["log"]}}))
            }
            None => json!({"jsonrpc": "2.0", "id": -1, "error": {"code": -32603, "message": "Internal error", "data": format!("tx ({hash}) not found")}}),
        });
    }
    let height: u64 = path.strip_prefix("/commit?height=")?.parse().ok()?;
    let Some(found) = block(height).filter(|_| height <= p.height) else {
        let data = format!("height {height} must be less than or equal to the current blockchain height {}", p.height);
        return Some(json!({"jsonrpc": "2.0", "id": -1, "error": {"code": -32603, "message": "Internal error", "data": data}}));
    };
    let vote = |address: &String| match found.signed.contains(address) {
        true => json!({"block_id_flag": 2, "validator_address": address, "timestamp": names::time(found.ms), "signature": "c2ltdWxhdGVk"}),
        false => json!({"block_id_flag": 1, "validator_address": "", "timestamp": "0001-01-01T00:00:00Z", "signature": null}),
    };
    // Whoever was jailed meanwhile is not told apart in old blocks: only their own signers count there.
    let signatures: Vec<Value> = chain.validators.iter().filter(|(a, (_, power))| *power > 0 || found.signed.contains(a)).map(|(a, _)| vote(a)).collect();
    Some(body(json!({"signed_header": {
        "header": {"chain_id": chain.chain_id, "height": height.to_string(), "time": names::time(found.ms)},
        "commit": {"height": height.to_string(), "round": 0, "block_id": {"hash": found.hash}, "signatures": signatures},
    }, "canonical": true})))
}
