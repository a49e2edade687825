//! Functions in a member's account that make nodes.

pub mod member;
pub mod names;
pub mod nodes;
