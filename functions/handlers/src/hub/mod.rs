//! Functions of the hub. It decides and orders; it holds no key and no credential of any member.

pub mod ask;
pub mod exchange;
pub mod genesis;
pub mod lock;
pub mod notice;
pub mod operation;
pub mod plan;
pub mod record;
pub mod settle;
