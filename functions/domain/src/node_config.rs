//! Configuration of a node as data: what every node gets, what a request may change, what it may not.

use crate::fault::Fault;
use crate::plan::PlannedNode;
use serde_json::{Map, Value, json};

/// Up to this many nodes all dial all.
pub const FULL_MESH_MAX: usize = 20;
/// Above it each dials this many; a node accepts 40 inbound peers at most.
pub const DIALS: usize = 8;

/// Paths that the suite itself sets because safety or the ceremony depends on them.
const OURS: [&str; 17] = [
    "moniker",
    "genesis_file",
    "priv_validator_key_file",
    "priv_validator_state_file",
    "priv_validator_laddr",
    "node_key_file",
    "p2p.laddr",
    "p2p.persistent_peers",
    "p2p.unconditional_peer_ids",
    "p2p.external_address",
    "rpc.laddr",
    "instrumentation.prometheus_listen_addr",
    "api.enable",
    "grpc.enable",
    "grpc-web.enable",
    "json-rpc.enable",
    "consensus.double_sign_check_height",
];

/// Endings of paths that say where irita writes, reads or listens: one pointed at the identity volume would overwrite it.
const PLACES: [&str; 8] = ["_file", "_dir", "-dir", "laddr", "_addr", "address", "-path", "_path"];

/// Refuses paths in a request that the suite must decide, and values that TOML does not have.
pub fn check_given(config: &Map<String, Value>, app: &Map<String, Value>) -> Result<(), Fault> {
    for (file, given) in [("config_toml", config), ("app_toml", app)] {
        for (path, value) in given {
            let field = format!("{file}.{path}");
            if OURS.contains(&path.as_str())
                || PLACES.iter().any(|ending| path.ends_with(ending))
                || ["proxy_app", "abci", "db_backend"].contains(&path.as_str())
            {
                return Err(Fault::field(&field, "is decided by the suite and cannot be given", "\"consensus.timeout_commit\":\"5s\""));
            }
            let named = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
            if !path.split('.').all(named) || path.split('.').count() > 2 {
                return Err(Fault::field(&field, "not a path `key` or `section.key`", "\"mempool.size\""));
            }
            if path == "minimum-gas-prices" && !value.as_str().is_some_and(is_ugas) {
                return Err(Fault::field(&field, "a number of ugas, which accounts and the root have", "\"1ugas\""));
            }
            if path == "consensus.timeout_commit" && !value.as_str().is_some_and(is_seconds) {
                return Err(Fault::field(&field, "seconds or milliseconds, above none", "\"5s\""));
            }
            if !(value.is_string() || value.is_boolean() || value.is_i64()) {
                return Err(Fault::field(&field, "must be a string, a whole number, true or false", "5000"));
            }
        }
    }
    Ok(())
}

/// `1ugas`, `0.5ugas`.
fn is_ugas(text: &str) -> bool {
    text.strip_suffix("ugas").is_some_and(|n| n.chars().all(|c| c.is_ascii_digit() || c == '.') && n.parse::<f64>().is_ok())
}

/// Whether blocks come faster than one a second: then the genesis must say `time_iota_ms`, or the chain's clock runs ahead.
pub fn fast_blocks(config: &Map<String, Value>) -> bool {
    block_seconds(config) < 1.0 + VOTING_S
}

/// `5s`, `1.5s`, `300ms`.
fn is_seconds(text: &str) -> bool {
    let number = text.strip_suffix("ms").or_else(|| text.strip_suffix('s')).unwrap_or_default();
    number.chars().all(|c| c.is_ascii_digit() || c == '.') && number.parse::<f64>().is_ok_and(|n| n > 0.0)
}

/// What voting adds to a block, in seconds (irita's own start-up times: 5.3 to 5.8 s a block at a timeout_commit of 5 s).
pub const VOTING_S: f64 = 0.35;

/// Seconds that a block takes, from `consensus.timeout_commit` (5 s by default) and [`VOTING_S`].
pub fn block_seconds(config: &Map<String, Value>) -> f64 {
    let text = config.get("consensus.timeout_commit").and_then(Value::as_str).unwrap_or("5s");
    let commit = match text.strip_suffix("ms") {
        Some(ms) => ms.parse::<f64>().map(|n| n / 1000.0),
        None => text.trim_end_matches('s').parse::<f64>(),
    };
    commit.unwrap_or(5.0) + VOTING_S
}

/// Values for config.toml of a validator: ours over the request's.
/// `peers` are the nodes it dials, `identity` the mount of its identity volume, `listen` what the machine says of its addresses.
pub fn config_toml(given: &Map<String, Value>, node: &str, peers: &str, unconditional: &str, identity: &str, listen: Map<String, Value>) -> Map<String, Value> {
    let mut values = given.clone();
    let ours = json!({
        "moniker": node,
        "priv_validator_key_file": format!("{identity}/priv_validator_key.json"),
        "priv_validator_state_file": format!("{identity}/priv_validator_state.json"),
        "node_key_file": format!("{identity}/node_key.json"),
        "p2p.addr_book_strict": false,
        "p2p.persistent_peers": peers,
        "p2p.unconditional_peer_ids": unconditional,
        "rpc.pprof_laddr": "",
        "instrumentation.prometheus": true,
    });
    if let Value::Object(ours) = ours {
        values.extend(ours);
    }
    values.extend(listen);
    values
}

/// Values for app.toml of a validator: fewer doors, and a price that exists.
pub fn app_toml(given: &Map<String, Value>) -> Map<String, Value> {
    let mut values = Map::new();
    values.insert("minimum-gas-prices".into(), json!("1ugas"));
    values.extend(given.clone());
    for door in ["api.enable", "grpc.enable", "grpc-web.enable", "json-rpc.enable"] {
        values.insert(door.into(), json!(false));
    }
    values
}

/// ugas that one gas costs where app.toml has these minimum-gas-prices (`0.5ugas`), rounded up: what the suite's own
/// transactions pay.
pub fn gas_price(minimum: &str) -> u64 {
    (minimum.trim_end_matches("ugas").parse::<f64>().unwrap_or(1.0).ceil() as u64).max(1)
}

/// The nodes that `index` dials: all others up to [`FULL_MESH_MAX`], else [`DIALS`] at growing distances on a ring.
pub fn dials(index: usize, nodes: &[PlannedNode]) -> Vec<usize> {
    let n = nodes.len();
    if n <= FULL_MESH_MAX {
        return (0..n).filter(|i| *i != index).collect();
    }
    // Distances spread over the ring, so that every node is dialled by exactly DIALS others and the diameter stays small.
    let mut found: Vec<usize> = (0..DIALS).map(|k| (index + 1 + k * (n - 1) / DIALS) % n).collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(n: usize) -> Vec<PlannedNode> {
        (0..n).map(|i| PlannedNode { name: format!("node{i}"), member: "founder".into(), kind: "validator".into(), power: 100 }).collect()
    }

    #[test]
    fn a_hundred_nodes_stay_under_the_inbound_limit_and_connected() {
        let all = nodes(100);
        let mut inbound = vec![0; 100];
        for i in 0..100 {
            let d = dials(i, &all);
            assert_eq!(d.len(), DIALS);
            assert!(!d.contains(&i));
            d.iter().for_each(|j| inbound[*j] += 1);
        }
        assert!(inbound.iter().all(|n| *n <= 40 && *n >= 1));
        assert_eq!(dials(2, &nodes(4)), [0, 1, 3]);
    }
}
