//! `nodectl`: what Run Command calls on a node. One verb, one JSON answer; no verb exports a key, signs bytes given by a
//! caller or runs a command given by a caller.
//!
//! It reaches its machine through one trait, [`Host`], so the same verbs run on the real machine and in the simulation.

mod answers;
mod certificate;
mod host;
mod journal;
mod layout;
mod machine;
mod toml;
mod verbs;

pub use answers::{Commit, Key, Status};
pub use certificate::{Pem, check_certificate, public_key_of_certificate};
pub use host::{Disk, Host, Instance, Output};
pub use layout::*;
pub use machine::Machine;
pub use verbs::run;
