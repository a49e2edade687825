//! The local cloud: AWS as far as the suite uses it, in process, in virtual time, deterministic by its seed.
//!
//! It knows the services' wire protocols and the node program, not the handlers: whoever starts it gives the functions' code.

mod caller;
mod chain;
mod chain_check;
mod chain_state;
mod clock;
mod cloud;
mod deploy;
mod faults;
pub mod grants;
mod iam;
mod late;
pub mod latency;
mod machines;
pub mod names;
mod node;
mod query;
mod reach;
mod serve;
mod services;
mod states;
#[cfg(test)]
mod testing;
mod wire;
pub mod world;

pub use caller::{Answer, Caller};
pub use cloud::{ApiError, Call, Clock, Cloud, Code, Exchange, Heard, Principal, Run, RunError};
pub use deploy::{DeployError, parse as parse_template};
pub use faults::{Faults, Injected, NODE_FAULTS, Site, Spec, Step};
pub use late::can_lag;
pub use machines::Machines;
pub use services::ACTIONS;
pub use world::World;

impl Cloud {
    /// Makes every block that is due, so that heights can be read from the world.
    pub fn settle(&self) {
        let now = self.now_ms();
        let mut world = self.world();
        services::ec2::settle(&mut world, now);
        chain::advance(&mut world, now);
    }

    /// Ends a node's process, or its whole machine, from outside: what a test or a person breaks on purpose.
    pub fn kill_process(&self, instance: &str) {
        let now = self.now_ms();
        chain::stop(&mut self.world(), instance, now);
    }
}
