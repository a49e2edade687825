//! Functions in a member's account that take away what the others made.

pub mod left;
pub mod nodes;
pub mod volumes;
