//! How long things take, in milliseconds: one table with its sources. Every figure is a range; the seed picks from it.

/// A uniform range, both ends included.
pub type Range = (u64, u64);

/// One AWS API call. Assumption: tens of milliseconds inside a region.
pub const API_CALL: Range = (20, 90);
/// Cold start of a Rust function with SDK clients. aws.md 9: 14-16 ms to the first poll, plus sandbox creation (assumed).
pub const COLD_START: Range = (120, 300);
/// A warm invocation's overhead. Assumption.
pub const WARM_START: Range = (3, 12);
/// RunInstances to `running`. Assumption, by common experience.
pub const BOOT: Range = (9_000, 16_000);
/// `running` to the Systems Manager agent's first ping. Assumption.
pub const AGENT: Range = (15_000, 30_000);
/// A command from SendCommand to the agent. Assumption.
pub const DELIVERY: Range = (400, 1_500);
/// Pulling the image, about 200 MB. Assumption.
pub const PULL: Range = (12_000, 25_000);
/// One irita command in a container. irita.md: 0.05-0.25 s, plus the container's start (assumed).
pub const IRITA: Range = (350, 900);
/// mkfs.xfs on an empty volume. Assumption.
pub const FORMAT: Range = (500, 1_500);
/// Mount or unmount. Assumption.
pub const MOUNT: Range = (50, 200);
/// TerminateInstances to `terminated`. Assumption.
pub const TERMINATE: Range = (20_000, 45_000);
/// How long a Describe or List may not show what was just made. AWS documents eventual consistency, not a figure.
pub const LAG: Range = (0, 1_500);
/// `irita start` until RPC answers. irita.md 3: 0.2-0.4 s.
pub const RPC_UP: Range = (200, 400);
/// What a block takes beyond `timeout_commit`. irita.md 3: 5.3-5.8 s at the default 5 s.
pub const BLOCK: u64 = 350;
/// A peering request inside a region until its accepter sees it. Assumption: seconds.
pub const PEERING_REQUEST: Range = (1_000, 4_000);
/// The same across regions. Assumption: as long as common experience has it, up to most of a minute.
pub const PEERING_REQUEST_FAR: Range = (8_000, 40_000);
/// An accepted peering inside a region until it is active. Assumption.
pub const PEERING_SETUP: Range = (1_000, 5_000);
/// The same across regions. Assumption.
pub const PEERING_SETUP_FAR: Range = (5_000, 30_000);
