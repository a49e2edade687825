//! How a company becomes a member: invitation, its own stack's announcement, and the proof that the hub may ask what it must.

pub mod announce;
pub mod invitation;
pub mod member;
pub mod registry;
