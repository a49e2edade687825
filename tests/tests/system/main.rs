//! Whole-system tests: the shipped templates, machines and handlers in the local cloud.

mod bad_luck;
mod bootstrap;
mod campaign;
mod defects;
mod defects_caught;
mod faults;
mod hostile;
mod hostile_orders;
mod launch;
mod member;
mod members;
mod operate;
mod people;
mod requests;
mod revoked;
mod secrets;
mod settle;
