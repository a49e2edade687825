//! What `consortium` is made of: it wires the shipped functions to the local cloud and shows a person what happens.

pub mod artefacts;
pub mod commands;
pub mod daemon;
pub mod fault_options;
pub mod home;
pub mod lang;
pub mod out;
pub mod plan_text;
pub mod progress;
pub mod report;
pub mod serve;
pub mod session;
pub mod wiring;
pub mod work;
