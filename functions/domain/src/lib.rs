//! The decisions of the consortium suite, with no SDK and no clock: requests, plans, prices, ids, faults, genesis.
//!
//! Everything here is a pure function of its input, so its tests answer in seconds and every other crate can lean on it.

pub mod consortium;
pub mod facts;
pub mod fault;
pub mod genesis;
pub mod guard;
pub mod ids;
pub mod manifest;
pub mod merge;
pub mod multisig;
pub mod node_config;
pub mod order;
pub mod plan;
pub mod price;
pub mod request;

pub use fault::{Class, Fault, Left};
