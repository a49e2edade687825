//! Whole-system tests: the shipped templates, machines and handlers in the local cloud.

mod bootstrap;
mod defects;
mod faults;
mod launch;
mod member;
mod members;
mod operate;
mod people;
mod settle;
