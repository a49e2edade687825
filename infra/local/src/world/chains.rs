//! Chains and the processes that make their blocks.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A running `irita start`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Process {
    /// Instance it runs on.
    pub instance: String,
    /// Started, ms.
    pub started_ms: u64,
    /// Chain id.
    pub chain_id: String,
    /// Hash of the genesis it started on.
    pub genesis_sha256: String,
    /// Peer id.
    pub node_id: String,
    /// Consensus address, upper hex.
    pub cons_address: String,
    /// `id@ip:port` that it dials.
    pub peers: Vec<String>,
    /// `timeout_commit`, ms.
    pub commit_ms: u64,
    /// Height it has.
    pub height: u64,
}

/// One block.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Block {
    /// Height.
    pub height: u64,
    /// When it was committed, ms.
    pub ms: u64,
    /// Hash.
    pub hash: String,
    /// Consensus addresses whose vote is in the commit.
    pub signed: Vec<String>,
}

/// One chain: all processes that share a genesis.
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
pub struct Chain {
    /// Chain id.
    pub chain_id: String,
    /// Consensus address -> (name, power).
    pub validators: BTreeMap<String, (String, u64)>,
    /// Time of the last block, or since when there could be one.
    pub last_ms: u64,
    /// Blocks, oldest first.
    pub blocks: Vec<Block>,
    /// Keys that were seen signing twice.
    pub double_signs: Vec<String>,
    /// Account -> roles.
    #[serde(default)]
    pub roles: BTreeMap<String, Vec<String>>,
    /// Account -> (number, sequence).
    #[serde(default)]
    pub accounts: BTreeMap<String, (u64, u64)>,
    /// Sent and in no block yet: hash and transaction.
    #[serde(default)]
    pub pending: Vec<(String, serde_json::Value)>,
    /// In a block: hash -> `{height, code, codespace, log}`.
    #[serde(default)]
    pub transactions: BTreeMap<String, serde_json::Value>,
    /// Consensus address -> which of the last blocks it missed, oldest first.
    #[serde(default)]
    pub missed: BTreeMap<String, Vec<bool>>,
    /// Consensus address -> (power before, until when in ms).
    #[serde(default)]
    pub jailed: BTreeMap<String, (u64, u64)>,
    /// Set changes by the height from which they count: consensus address and power.
    #[serde(default)]
    pub changes: BTreeMap<u64, Vec<(String, u64)>>,
}
