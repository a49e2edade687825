//! What an identity volume remembers: answers to orders already carried out, the highest epoch, the plan.

use crate::host::Host;
use crate::layout::Layout;
use domain::order::{NodeAnswer, NodeOrder};
use domain::{Class, Fault};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Facts that are written once and compared ever after.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Pins {
    /// Network that this identity belongs to.
    pub network: String,
    /// Name of the node.
    pub node: String,
    /// Highest epoch seen.
    pub epoch: u64,
    /// Execution of that epoch.
    pub execution: String,
    /// Hash of the plan that was agreed to.
    #[serde(default)]
    pub plan_sha256: String,
    /// Hash of the root certificate.
    #[serde(default)]
    pub root_cert_sha256: String,
    /// Hash of the accepted genesis.
    #[serde(default)]
    pub genesis_sha256: String,
    /// Address of the consensus key that this identity was made with, upper hex.
    #[serde(default)]
    pub cons_address: String,
}

/// Reads the pins; `None` on a fresh identity.
pub fn pins<H: Host>(host: &H) -> Result<Option<Pins>, Fault> {
    let bytes = host.read(&Layout::of(host).identity("pins.json"))?;
    bytes.map(|b| serde_json::from_slice(&b).map_err(|e| Fault::internal(format!("pins.json: {e}")))).transpose()
}

/// Writes the pins.
pub fn save<H: Host>(host: &H, pins: &Pins) -> Result<(), Fault> {
    let bytes = serde_json::to_vec(pins).map_err(|e| Fault::internal(e.to_string()))?;
    host.write(&Layout::of(host).identity("pins.json"), &bytes, 0o600)
}

/// Refuses an order of another network, another node or an older epoch, and remembers a newer one.
pub fn check_order<H: Host>(host: &H, order: &NodeOrder, node: &str) -> Result<Pins, Fault> {
    let mut pins = pins(host)?.unwrap_or_default();
    if pins.network.is_empty() {
        pins.network = order.network.clone();
        pins.node = node.into();
    }
    if pins.network != order.network || pins.node != node {
        let text = format!("this identity is {} of {}, the order is for {node} of {}", pins.node, pins.network, order.network);
        return Err(Fault::new(Class::Conflict, text));
    }
    if order.epoch < pins.epoch || (order.epoch == pins.epoch && order.execution != pins.execution) {
        let text = format!("epoch {} of {} is over: this node has seen {} of {}", order.epoch, order.execution, pins.epoch, pins.execution);
        return Err(Fault::new(Class::Conflict, text));
    }
    if order.epoch > pins.epoch {
        (pins.epoch, pins.execution) = (order.epoch, order.execution.clone());
        save(host, &pins)?;
    }
    Ok(pins)
}

type Journal = BTreeMap<String, NodeAnswer>;

fn read<H: Host>(host: &H) -> Result<Journal, Fault> {
    let bytes = host.read(&Layout::of(host).identity("journal.json"))?;
    Ok(bytes.and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default())
}

/// The answer to an op that was carried out before.
pub fn answered<H: Host>(host: &H, op: &str) -> Result<Option<NodeAnswer>, Fault> {
    Ok(read(host)?.remove(op))
}

/// Remembers an answer. Faults are not kept: the same op may be tried again.
pub fn remember<H: Host>(host: &H, op: &str, answer: &NodeAnswer) -> Result<(), Fault> {
    let mut journal = read(host)?;
    journal.insert(op.into(), answer.clone());
    let bytes = serde_json::to_vec(&journal).map_err(|e| Fault::internal(e.to_string()))?;
    host.write(&Layout::of(host).identity("journal.json"), &bytes, 0o600)
}
