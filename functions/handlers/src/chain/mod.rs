//! Functions in a member's account that run irita's work on nodes.

pub mod command;
