//! `nodectl`: what Run Command calls on a node. One verb, one JSON answer; no verb exports a key, signs bytes given by a
//! caller or runs a command given by a caller.
//!
//! It reaches its machine through one trait, [`Host`], so the same verbs run on the real machine and in the simulation.

mod answers;
mod certificate;
mod files;
mod host;
mod journal;
mod layout;
mod machine;
mod process;
mod program;
mod toml;
mod verbs;

pub use answers::{Commit, Key, Status, commit, recent_commits, status};
pub use certificate::{Pem, check_certificate, public_key_of_certificate, request, sign_request};
pub use host::{Disk, Host, Instance, Output, Service};
pub use journal::Pins;
pub use layout::{Layout, ROOT};
pub use machine::Machine;
pub use process::{ProcessHost, ProcessMachine};
pub use program::program;
pub use verbs::{check_identity::look as check_identity, run};
