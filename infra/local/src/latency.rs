//! How long things take, in milliseconds: one table with its sources. Every figure is a range; the seed picks from it.

/// How well a figure is founded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// Written down by whoever makes it, or measured on the real program.
    Documented,
    /// Common experience and nothing better.
    Assumed,
}

/// A uniform range, both ends included.
#[derive(Debug, PartialEq, Eq)]
pub struct Latency {
    /// Name, by which a world scales it ([`crate::World::latency_scale`]).
    pub name: &'static str,
    /// Shortest.
    pub low: u64,
    /// Longest.
    pub high: u64,
    /// How well it is founded.
    pub ground: Ground,
    /// Of what, and where the figure comes from.
    pub source: &'static str,
}

const fn documented(name: &'static str, (low, high): (u64, u64), source: &'static str) -> Latency {
    Latency { name, low, high, ground: Ground::Documented, source }
}

const fn assumed(name: &'static str, (low, high): (u64, u64), source: &'static str) -> Latency {
    Latency { name, low, high, ground: Ground::Assumed, source }
}

/// One AWS API call.
pub static API_CALL: Latency = assumed("api-call", (20, 90), "one AWS API call: tens of milliseconds inside a region");
/// Cold start of a function.
pub static COLD_START: Latency = assumed("cold-start", (120, 300), "a Rust function: 14-16 ms to the first poll (aws.md 9), plus the sandbox (assumed)");
/// A warm invocation's overhead.
pub static WARM_START: Latency = assumed("warm-start", (3, 12), "a warm invocation's overhead");
/// RunInstances to `running`.
pub static BOOT: Latency = assumed("boot", (9_000, 16_000), "RunInstances to `running`");
/// `running` to the Systems Manager agent's first ping.
pub static AGENT: Latency = assumed("agent", (15_000, 30_000), "`running` to the Systems Manager agent's first ping");
/// A command from SendCommand to the agent.
pub static DELIVERY: Latency = assumed("delivery", (400, 1_500), "a command from SendCommand to the agent");
/// `running` until user data has installed Docker.
pub static DOCKER: Latency = assumed("docker", (8_000, 20_000), "`running` until the first boot's user data has installed Docker");
/// Pulling the image.
pub static PULL: Latency = assumed("pull", (12_000, 25_000), "pulling the image, about 200 MB");
/// One irita command in a container.
pub static IRITA: Latency = assumed("irita", (350, 900), "one irita command: 0.05-0.25 s (irita.md), plus the container's start (assumed)");
/// mkfs.xfs on an empty volume.
pub static FORMAT: Latency = assumed("format", (500, 1_500), "mkfs.xfs on an empty volume");
/// Mount or unmount.
pub static MOUNT: Latency = assumed("mount", (50, 200), "mount or unmount");
/// TerminateInstances to `terminated`.
pub static TERMINATE: Latency = assumed("terminate", (20_000, 45_000), "TerminateInstances to `terminated`");
/// How long a Describe or List may not show what was just made.
pub static LAG: Latency = assumed("lag", (0, 1_500), "how long a read may not show what was just made: AWS documents that it happens, no figure");
/// `irita start` until RPC answers.
pub static RPC_UP: Latency = documented("rpc-up", (200, 400), "`irita start` until RPC answers (irita.md 3)");
/// What a block takes beyond `timeout_commit`.
pub static BLOCK: Latency = documented("block", (350, 350), "a block beyond `timeout_commit`: 5.3-5.8 s at the default 5 s (irita.md 3)");
/// A peering request inside a region until its accepter sees it.
pub static PEERING_REQUEST: Latency = assumed("peering-request", (1_000, 4_000), "a peering request inside a region until its accepter sees it");
/// The same across regions.
pub static PEERING_REQUEST_FAR: Latency = assumed("peering-request-far", (8_000, 40_000), "the same across regions");
/// An accepted peering inside a region until it is active.
pub static PEERING_SETUP: Latency = assumed("peering-setup", (1_000, 5_000), "an accepted peering inside a region until it is active");
/// The same across regions.
pub static PEERING_SETUP_FAR: Latency = assumed("peering-setup-far", (5_000, 30_000), "the same across regions");

/// Every one.
pub static ALL: [&Latency; 19] = [
    &API_CALL,
    &COLD_START,
    &WARM_START,
    &BOOT,
    &AGENT,
    &DELIVERY,
    &DOCKER,
    &PULL,
    &IRITA,
    &FORMAT,
    &MOUNT,
    &TERMINATE,
    &LAG,
    &RPC_UP,
    &BLOCK,
    &PEERING_REQUEST,
    &PEERING_REQUEST_FAR,
    &PEERING_SETUP,
    &PEERING_SETUP_FAR,
];
