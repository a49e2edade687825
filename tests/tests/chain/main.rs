//! Real chain processes: the shipped machines, functions and node program drive the chain program that `IRITA_BIN` names.

mod genesis;
mod identity;
mod launch;
mod operate;
mod rule;
mod same;
mod same_answer;
mod same_chain;
mod same_script;
mod same_stage;
mod same_transactions;
mod trouble;
