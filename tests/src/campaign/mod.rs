//! Campaigns: workflows of the shipped stack under faults, and a judge that reads the world directly.
//!
//! A workflow joins by an entry in [`WORKFLOWS`]: what exists before, what is asked, and what the world then shows. Nothing else.

mod case;
pub mod grants;
pub mod invariants;
mod judge;
pub mod matrix;
mod pool;
pub mod random;
pub mod stops;

pub use case::{Case, Cut, Prepared, Redrive, at_rest, prepare};
pub use judge::{End, Verdict};
pub use pool::over;

use domain::ids;
use local_cloud::World;
use serde_json::{Value, json};

/// What exists when a workflow begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Every company has joined; nothing else.
    Joined,
    /// The network is launched.
    Launched,
    /// A launch was stopped by a person when it entered that state of that machine, and nobody has settled it yet.
    Stopped(&'static str, &'static str),
}

/// What a world shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// The network runs, every validator signs, the lock is free.
    Network,
    /// Nothing of the network but its records; the lock is free.
    Nothing,
}

/// Something that happened to a world.
pub type Change = fn(&mut World);

/// One workflow of the campaigns.
pub struct Workflow {
    /// Name on the command line.
    pub name: &'static str,
    /// The stack's output that names its machine.
    pub machine: &'static str,
    /// Validators of each company; the founder is the first.
    pub companies: &'static [u32],
    /// What exists before.
    pub before: Before,
    /// Faults that happen in any case, so that it fails and is undone.
    pub anyway: &'static [&'static str],
    /// The error with which it then ends; empty = it succeeds.
    pub fails: &'static str,
    /// Input of the execution.
    pub input: fn(&Workflow) -> Value,
    /// What the world shows when it is done as asked.
    pub asked: Shows,
    /// What it shows when nothing was done.
    pub undone: Shows,
    /// What happened to the world before, and how many validators need not sign while nothing was done.
    pub ready: Option<(Change, usize)>,
    /// Traces that the work was done, where the world shows the same otherwise.
    pub trace: Option<fn(&World) -> bool>,
}

/// Every workflow that a person or an event can start, so that every machine runs in one of them.
pub const WORKFLOWS: &[Workflow] = &[
    Workflow::LAUNCH,
    Workflow { name: "launch-of-two", companies: &[3, 1], ..Workflow::LAUNCH },
    Workflow { name: "undo", anyway: &["node3:pull=fail"], fails: "Fault.NotFound", asked: Shows::Nothing, ..Workflow::LAUNCH },
    Workflow {
        name: "restart",
        machine: "OperateNodes",
        companies: &[4],
        before: Before::Launched,
        anyway: &[],
        fails: "",
        input: |_| json!({"network": "testnet", "verb": "restart", "targets": ["node1"], "params": {}, "whole_stop": false}),
        asked: Shows::Network,
        undone: Shows::Network,
        ready: None,
        trace: Some(|w| restarted(w, "node1")),
    },
    Workflow {
        name: "unjail",
        machine: "OperateNodes",
        companies: &[4],
        before: Before::Launched,
        anyway: &[],
        fails: "",
        input: |_| json!({"network": "testnet", "verb": "unjail", "targets": ["node3"], "params": {}, "whole_stop": false}),
        asked: Shows::Network,
        undone: Shows::Network,
        ready: Some((|w| jail(w, "node3"), 1)),
        trace: Some(|w| w.chains.values().all(|c| c.jailed.is_empty())),
    },
    Workflow {
        name: "remove-of-two",
        machine: "RemoveNetwork",
        companies: &[3, 1],
        before: Before::Launched,
        anyway: &[],
        fails: "",
        input: |_| json!({"network": "testnet", "keep_data": false}),
        asked: Shows::Nothing,
        undone: Shows::Network,
        ready: None,
        trace: None,
    },
    Workflow {
        name: "settle",
        machine: "SettleExecution",
        companies: &[4],
        before: Before::Stopped("run-node-command", "WaitForCommand"),
        anyway: &[],
        fails: "",
        input: |_| json!({}),
        asked: Shows::Nothing,
        undone: Shows::Nothing,
        ready: None,
        trace: None,
    },
];

impl Workflow {
    /// The launch of one company.
    pub const LAUNCH: Workflow = Workflow {
        name: "launch",
        machine: "LaunchNetwork",
        companies: &[4],
        before: Before::Joined,
        anyway: &[],
        fails: "",
        input: |w| json!({"request": w.request()}),
        asked: Shows::Network,
        undone: Shows::Nothing,
        ready: None,
        trace: None,
    };

    /// Whether it is the undo of something else.
    pub fn is_undo(&self) -> bool {
        matches!(self.before, Before::Stopped(..)) || !self.anyway.is_empty()
    }

    /// Whether it ended as it does without any further fault.
    pub fn is_end(&self, status: &str, error: &str) -> bool {
        if self.fails.is_empty() { status == "SUCCEEDED" } else { error == self.fails }
    }

    /// All validators.
    pub fn validators(&self) -> usize {
        self.companies.iter().sum::<u32>() as usize
    }

    /// The request that its network is, or was, launched by.
    pub fn request(&self) -> Value {
        crate::companies(self.companies)
    }
}

/// The machine of a node, if it was named already.
fn instance_of(world: &World, node: &str) -> Option<String> {
    world.instances.values().find(|i| i.tags.get(ids::TAG_NODE).is_some_and(|n| n == node)).map(|i| i.id.clone())
}

/// Whether the irita of a node was started later than all others.
fn restarted(world: &World, node: &str) -> bool {
    let instance = instance_of(world, node);
    let since = |it: bool| world.processes.values().filter(|p| (Some(&p.instance) == instance.as_ref()) == it).map(|p| p.started_ms).max().unwrap_or_default();
    since(true) > since(false)
}

/// Jails the validator of a node, as after too many missed blocks; its time is over.
fn jail(world: &mut World, node: &str) {
    let instance = instance_of(world, node);
    let address = world.processes.values().find(|p| Some(&p.instance) == instance.as_ref()).map(|p| p.cons_address.clone());
    for (chain, address) in world.chains.values_mut().zip(address) {
        if let Some((_, power)) = chain.validators.get_mut(&address) {
            chain.jailed.insert(address, (std::mem::take(power), 0));
        }
    }
}
