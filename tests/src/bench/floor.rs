//! The physical floor of a launch: what its own machines, image and chain took, with no orchestration between.
//!
//! boot + agent + image pull + genesis + blocks. Genesis is irita's own commands, in the order in which one needs the other's
//! result: keys on each node, certificates, gentxs, the check, the start. Not in it: API calls, functions, waits, deliveries of
//! commands, disks, exchange objects, and the root's first act.

use local_cloud::World;
use local_cloud::latency::BLOCK;
use local_cloud::world::{Command, Notes};
use std::collections::BTreeMap;

/// Blocks that make a network launched.
pub const BLOCKS: u64 = 10;

/// The floor and its parts, seconds. The first three are of the node that was ready last.
#[derive(Debug, Clone, Copy, Default)]
pub struct Floor {
    /// RunInstances until the agent answers.
    pub boot: f64,
    /// Image pull.
    pub pull: f64,
    /// irita's commands.
    pub genesis: f64,
    /// Blocks.
    pub blocks: f64,
}

impl Floor {
    /// All of it.
    pub fn seconds(&self) -> f64 {
        self.boot + self.pull + self.genesis + self.blocks
    }
}

/// Verbs of the ceremony; each begins when the one before has ended on every node.
const VERBS: [&str; 5] = ["prepare", "sign-certificates", "make-gentx", "check-genesis", "start"];

/// The verb that a command carries: its comment is `<network>/<hash>:<verb>.<part>`.
fn verb(command: &Command) -> &str {
    command.comment.rsplit(':').next().and_then(|phase| phase.split('.').next()).unwrap_or_default()
}

/// The floor of a launch that ended in this world.
pub fn of(world: &World, notes: &Notes) -> Floor {
    // Of each instance: boot and agent, pull, and irita's time by verb.
    let mut nodes: BTreeMap<&str, (u64, u64, BTreeMap<&str, u64>)> = BTreeMap::new();
    for drawn in notes.samples.iter().filter(|d| !d.instance.is_empty()) {
        let (boot, pull, irita) = nodes.entry(&drawn.instance).or_default();
        match drawn.name {
            "boot" | "agent" => *boot += drawn.ms,
            "pull" => *pull += drawn.ms,
            "irita" => {
                let sent = world.commands.values().filter(|c| c.sent_ms <= drawn.at_ms && c.invocations.contains_key(&drawn.instance));
                if let Some(command) = sent.max_by_key(|c| c.sent_ms) {
                    *irita.entry(verb(command)).or_default() += drawn.ms;
                }
            }
            _ => {}
        }
    }
    let of = |irita: &BTreeMap<&str, u64>, verb: &str| irita.get(verb).copied().unwrap_or(0);
    let last = nodes.values().max_by_key(|(boot, pull, irita)| boot + pull + of(irita, VERBS[0])).cloned().unwrap_or_default();
    let later: u64 = VERBS[1..].iter().map(|verb| nodes.values().map(|(_, _, irita)| of(irita, verb)).max().unwrap_or(0)).sum();
    let seconds = |ms: u64| ms as f64 / 1000.0;
    let block = commit_ms(world) + world.scaled(&BLOCK, BLOCK.high);
    Floor { boot: seconds(last.0), pull: seconds(last.1), genesis: seconds(of(&last.2, VERBS[0]) + later), blocks: seconds(BLOCKS * block) }
}

/// `timeout_commit` of the chain.
pub fn commit_ms(world: &World) -> u64 {
    world.processes.values().map(|p| p.commit_ms).max().unwrap_or(0)
}
