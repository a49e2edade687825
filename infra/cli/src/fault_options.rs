//! `--fault`: faults on purpose, laid into the local cloud.

use domain::Fault;
use local_cloud::{Cloud, Faults, Spec};

/// Reads every `--fault` before anything is done.
pub fn parse(options: &[String]) -> Result<Vec<Spec>, Fault> {
    options.iter().map(|o| Spec::parse(o)).collect()
}

/// Lays them in. Calls are counted from here on.
pub fn apply(cloud: &Cloud, specs: &[Spec]) {
    *cloud.faults() = Faults::default();
    for spec in specs {
        match spec {
            Spec::Node(node, what, how) => drop(cloud.world().sabotage.insert(format!("{node}:{what}"), how.clone())),
            call => cloud.faults().plan(call),
        }
    }
}
