//! Names that are computed, never invented twice: tokens, tags, object keys, execution names.

use sha2::{Digest, Sha256};

/// Tag that names the network a resource belongs to.
pub const TAG_NETWORK: &str = "consortium:network";
/// Tag that names the member a resource belongs to.
pub const TAG_MEMBER: &str = "consortium:member";
/// Tag that names the execution that made a resource.
pub const TAG_EXECUTION: &str = "consortium:execution";
/// Tag that names the RunInstances call (one batch) that made a resource.
pub const TAG_BATCH: &str = "consortium:batch";
/// Tag that names a node; follows creation.
pub const TAG_NODE: &str = "consortium:node";
/// Tag that names a volume's role (`root`, `data`, `identity`, `authority`); follows creation.
pub const TAG_VOLUME: &str = "consortium:volume";

/// Device names of a node's extra volumes, and what each is for.
pub const DEVICES: [(&str, &str); 4] = [("/dev/xvda", "root"), ("/dev/sdf", "data"), ("/dev/sdg", "identity"), ("/dev/sdh", "authority")];

/// Number of a node's name: `node12` is 12. Names sort by it.
pub fn node_number(name: &str) -> usize {
    name.trim_start_matches("node").parse().unwrap_or_default()
}

/// SHA-256 as lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// An EC2 client token (64 characters at most): the same parts always give the same token.
pub fn client_token(parts: &[&str]) -> String {
    sha256_hex(parts.join("\u{1f}").as_bytes())
}

/// The id of one command: its Comment (100 characters at most) and its journal key. It begins with [`op_scope`].
pub fn op(network: &str, execution: &str, phase: &str) -> String {
    format!("{}{phase}", op_scope(network, Some(execution)))
}

/// What the ops of a network, or of one execution of it, begin with. No network's begins with another's.
pub fn op_scope(network: &str, execution: Option<&str>) -> String {
    match execution {
        Some(execution) => format!("{network}/{}:", &sha256_hex(execution.as_bytes())[..16]),
        None => format!("{network}/"),
    }
}

/// Where a network's lock lies in the hub bucket.
pub fn lock_key(network: &str) -> String {
    format!("networks/{network}/lock.json")
}

/// Where one revision of a network's manifest lies in the hub bucket.
pub fn manifest_key(network: &str, revision: u64) -> String {
    format!("networks/{network}/manifest/{revision:08}.json")
}

/// Where the plan of an execution lies in the hub bucket.
pub fn plan_key(network: &str, execution: &str) -> String {
    format!("exchange/{network}/{execution}/plan.json")
}

/// Prefix of everything that nodes exchange in one execution.
pub fn exchange_prefix(network: &str, execution: &str) -> String {
    format!("exchange/{network}/{execution}/")
}

/// Where a node puts one public thing for the others.
pub fn exchange_key(network: &str, execution: &str, member: &str, node: &str, name: &str) -> String {
    format!("exchange/{network}/{execution}/{member}/{node}/{name}")
}

/// Where the assembled genesis lies; its own hash is part of the key.
pub fn genesis_key(network: &str, execution: &str, sha256: &str) -> String {
    format!("exchange/{network}/{execution}/genesis-{sha256}.json")
}

/// Prefix of the hub's records of members.
pub const MEMBERS: &str = "members/";

/// Where the hub's record of a member lies.
pub fn member_key(name: &str) -> String {
    format!("{MEMBERS}{name}.json")
}

/// The member's own epoch object for a network.
pub fn epoch_key(network: &str) -> String {
    format!("epoch/{network}")
}

/// The member's own mark that a network's chain was started.
pub fn started_key(network: &str) -> String {
    format!("started/{network}")
}

/// The member's own log entry of one order.
pub fn log_key(network: &str, epoch: u64, function: &str, op: &str) -> String {
    format!("log/{network}/{epoch:08}/{function}/{}", &sha256_hex(op.as_bytes())[..16])
}

/// The member's own log entry of an order that it refused. Nothing of the order is part of the key but a hash. A day and a function
/// have 4,096 places, so that nobody can fill the bucket; the dot keeps them apart from any network's entries.
pub fn refused_key(day: &str, function: &str, order: &str) -> String {
    format!("{REFUSED}{day}/{function}/{}", &sha256_hex(order.as_bytes())[..3])
}

/// What the keys of refused orders begin with.
pub const REFUSED: &str = "log/refused.";

/// The first `most` characters of a text.
pub fn shorten(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// The last `most` characters of a text.
pub fn last_chars(text: &str, most: usize) -> String {
    text.chars().skip(text.chars().count().saturating_sub(most)).collect()
}
