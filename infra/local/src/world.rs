//! Everything that exists in the local cloud, as plain data: it is written to disk whole and read back whole.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

mod chains;
mod identities;
mod network;
mod timing;
pub use chains::{Block, Chain, Process};
pub use identities::{Function, Role, Session};
pub use network::{Peering, Side};
pub use timing::{Notes, Sample};

/// Key/value pairs on a resource.
pub type Tags = BTreeMap<String, String>;

/// One EC2 instance. Its state follows from the times.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Instance {
    /// Id.
    pub id: String,
    /// Owner.
    pub account: String,
    /// Region.
    pub region: String,
    /// Subnet.
    pub subnet: String,
    /// Zone.
    pub zone: String,
    /// Type.
    pub kind: String,
    /// Private address.
    pub ip: String,
    /// Security groups.
    pub groups: Vec<String>,
    /// Role ARN of the instance profile.
    pub role: String,
    /// Image.
    pub ami: String,
    /// Place in its RunInstances call.
    pub launch_index: usize,
    /// Reservation.
    pub reservation: String,
    /// Client token of that call.
    pub token: String,
    /// Tags.
    pub tags: Tags,
    /// Device -> volume.
    pub devices: BTreeMap<String, String>,
    /// Mount point -> volume.
    pub mounts: BTreeMap<String, String>,
    /// When RunInstances took effect, ms.
    pub launched_ms: u64,
    /// When Describe shows it.
    pub visible_ms: u64,
    /// When it runs.
    pub running_ms: u64,
    /// When its agent answers; `u64::MAX` = never.
    pub online_ms: u64,
    /// When its first boot has installed Docker.
    pub docker_ms: u64,
    /// Image -> when it is there.
    pub pulled: BTreeMap<String, u64>,
    /// When it was told to end; 0 = never.
    pub ending_ms: u64,
    /// When it is gone.
    pub ended_ms: u64,
}

impl Instance {
    /// State as EC2 names it.
    pub fn state(&self, now: u64) -> &'static str {
        match () {
            _ if self.ending_ms > 0 && now >= self.ended_ms => "terminated",
            _ if self.ending_ms > 0 && now >= self.ending_ms => "shutting-down",
            _ if now >= self.running_ms => "running",
            _ => "pending",
        }
    }
}

/// One EBS volume with its content.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Volume {
    /// Id.
    pub id: String,
    /// Owner.
    pub account: String,
    /// Region.
    pub region: String,
    /// Zone.
    pub zone: String,
    /// Size.
    pub gb: u64,
    /// Key.
    pub key: String,
    /// Tags.
    pub tags: Tags,
    /// Instance it hangs on; empty = none.
    pub attached_to: String,
    /// Device there.
    pub device: String,
    /// Goes with the instance.
    pub dies: bool,
    /// File system label; empty = blank.
    pub label: String,
    /// Files by path below the mount point.
    pub files: BTreeMap<String, File>,
}

/// One file.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
pub struct File {
    /// Content; nodectl writes only text.
    pub text: String,
    /// Permission bits.
    pub mode: u32,
}

/// One S3 object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Object {
    /// Content.
    pub text: String,
    /// ETag with its quotes.
    pub etag: String,
    /// When it was written, ms.
    pub written_ms: u64,
}

/// One bucket.
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
pub struct Bucket {
    /// Owner.
    pub account: String,
    /// Region.
    pub region: String,
    /// Resource policy.
    pub policy: Value,
    /// Objects by key.
    pub objects: BTreeMap<String, Object>,
}

/// One Step Functions state machine.
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
pub struct Machine {
    /// ARN.
    pub arn: String,
    /// Role ARN.
    pub role: String,
    /// Definition with substitutions made.
    pub definition: Value,
}

/// One execution.
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
pub struct Execution {
    /// ARN.
    pub arn: String,
    /// Machine's ARN.
    pub machine: String,
    /// Name.
    pub name: String,
    /// Input.
    pub input: Value,
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`.
    pub status: String,
    /// Output of a success.
    pub output: Value,
    /// Error name of a failure.
    pub error: String,
    /// Its cause.
    pub cause: String,
    /// Started, ms.
    pub start_ms: u64,
    /// Ended, ms; 0 = not yet.
    pub stop_ms: u64,
    /// States entered: `(ms, name)`.
    pub states: Vec<(u64, String)>,
    /// Events so far; Step Functions ends an execution at 25,000.
    pub events: u64,
}

/// One node's part of a command.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Invocation {
    /// `Pending`, `InProgress`, `Success`, `Failed`, `Cancelled`, `TimedOut`.
    pub status: String,
    /// stdout, cut at 24,000.
    pub output: String,
    /// Exit code.
    pub code: i32,
}

/// One Run Command.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Command {
    /// Id.
    pub id: String,
    /// Owner.
    pub account: String,
    /// Region.
    pub region: String,
    /// Document.
    pub document: String,
    /// Comment.
    pub comment: String,
    /// Parameters; everybody who may list commands sees them.
    pub parameters: Value,
    /// Sent, ms.
    pub sent_ms: u64,
    /// When reads show it.
    pub visible_ms: u64,
    /// Delivery time-out.
    pub timeout_s: u64,
    /// By instance.
    pub invocations: BTreeMap<String, Invocation>,
}

/// A resource of a template that needs no code of its own: VPCs, groups, keys, documents, ...
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plain {
    /// Physical id.
    pub id: String,
    /// CloudFormation type.
    pub kind: String,
    /// Owner.
    pub account: String,
    /// Region.
    pub region: String,
    /// Properties, intrinsics resolved.
    pub properties: Value,
}

/// A deployed stack.
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Stack {
    /// ARN.
    pub id: String,
    /// Name.
    pub name: String,
    /// Owner.
    pub account: String,
    /// Region.
    pub region: String,
    /// Logical id -> physical id.
    pub resources: BTreeMap<String, String>,
    /// Logical id -> type, and whether its DeletionPolicy keeps it.
    pub kinds: BTreeMap<String, (String, bool)>,
    /// Outputs.
    pub outputs: BTreeMap<String, String>,
}

/// Everything.
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct World {
    /// State of the random generator.
    pub rng: u64,
    /// The seed it began with.
    pub seed: u64,
    /// Virtual time when this was written, ms since 1970.
    pub now_ms: u64,
    /// When the world began.
    pub began_ms: u64,
    /// Instances.
    pub instances: BTreeMap<String, Instance>,
    /// Volumes.
    pub volumes: BTreeMap<String, Volume>,
    /// account/region/token -> (hash of the parameters, instances).
    pub tokens: BTreeMap<String, (String, Vec<String>)>,
    /// Buckets by name.
    pub buckets: BTreeMap<String, Bucket>,
    /// Roles by ARN.
    pub roles: BTreeMap<String, Role>,
    /// Sessions by access key id.
    pub sessions: BTreeMap<String, Session>,
    /// Functions by ARN.
    pub functions: BTreeMap<String, Function>,
    /// State machines by ARN.
    pub machines: BTreeMap<String, Machine>,
    /// Executions by ARN.
    pub executions: BTreeMap<String, Execution>,
    /// Commands by id.
    pub commands: BTreeMap<String, Command>,
    /// Other resources by id.
    pub plain: BTreeMap<String, Plain>,
    /// VPC peering connections by id.
    pub peerings: BTreeMap<String, Peering>,
    /// Policies of event buses by the bus's ARN.
    pub bus_policies: BTreeMap<String, Value>,
    /// Quotas that are not the default: account/region/service/code -> value.
    pub quotas: BTreeMap<String, f64>,
    /// Stacks by account/region/name.
    pub stacks: BTreeMap<String, Stack>,
    /// Processes by instance.
    pub processes: BTreeMap<String, Process>,
    /// Chains by genesis hash.
    pub chains: BTreeMap<String, Chain>,
    /// Messages published to topics: `(topic, subject, text)`.
    pub notices: Vec<(String, String, String)>,
    /// Calls by `service:Action`.
    pub calls: BTreeMap<String, u64>,
    /// Calls per execution are counted here while it runs.
    pub transitions: u64,
    /// Lambda invocations and the seconds they took.
    pub invocations: (u64, f64),
    /// Mnemonics that simulated iritas printed: whoever looks for leaks looks for these. They lie nowhere, so not in the world's file either.
    #[serde(skip)]
    pub mnemonics: Vec<String>,
    /// Nodes that do something wrong on purpose: `node2:vote` -> `mute`.
    pub sabotage: BTreeMap<String, String>,
    /// Latencies that are not as the table has them: name -> factor.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub latency_scale: BTreeMap<String, f64>,
    /// What a benchmark wants to know; `None` = nobody asks.
    #[serde(skip)]
    pub notes: Option<Notes>,
}

impl World {
    /// A random number below `n`.
    pub fn random(&mut self, n: u64) -> u64 {
        let mut rng = fastrand::Rng::with_seed(self.rng);
        let value = rng.u64(0..n.max(1));
        self.rng = rng.get_seed();
        value
    }

    /// A number in `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.random(high.saturating_sub(low) + 1)
    }

    /// Random bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.random(256) as u8).collect()
    }

    /// An id such as `i-0123456789abcdef0`.
    pub fn id(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{:016x}", self.random(u64::MAX))
    }

    /// A UUID.
    pub fn uuid(&mut self) -> String {
        let h = hex::encode(self.bytes(16));
        format!("{}-{}-4{}-a{}-{}", &h[..8], &h[8..12], &h[13..16], &h[17..20], &h[20..32])
    }

    /// Plain resources of a type.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Plain> {
        self.plain.values().filter(move |p| p.kind == kind)
    }

    /// A sabotage of a node, by the node's name.
    pub fn sabotaged(&self, instance: &str, what: &str) -> Option<&str> {
        let node = self.instances.get(instance)?.tags.get("consortium:node")?;
        self.sabotage.get(&format!("{node}:{what}")).map(String::as_str)
    }
}
