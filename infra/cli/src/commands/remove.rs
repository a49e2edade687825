//! `remove`: the shipped remove-network machine, and a look at what is left.

use super::{exit, open, progress, totals};
use crate::Options;
use consortium::home::Home;
use consortium::{fault_options, report};
use domain::{Class, Fault};
use std::path::Path;

/// Runs it.
pub async fn run(home: &Path, network: &str, keep_data: bool, options: &Options) -> Result<u8, Fault> {
    let faults = fault_options::parse(&options.faults)?;
    let home = Home::take(home)?;
    if home.world()?.is_none() {
        return Err(Fault::new(Class::NotFound, "there is no local world, so there is nothing to remove"));
    }
    let session = open(&home, Default::default()).await?;
    fault_options::apply(&session.cloud, &faults);
    let outcome = session.remove(network, keep_data, progress(options.json)).await?;
    session.cloud.save().map_err(|e| Fault::internal(e.to_string()))?;
    let kept: Vec<String> = domain::fault::parse("kept_data", outcome.output.get("kept_data").cloned().unwrap_or_else(|| serde_json::json!([])))?;
    let status = outcome.output["status"].as_str().unwrap_or("failed").to_string();
    let left = report::left(&session.cloud, network, &kept);
    if options.json {
        println!("{}", session.summary(&status, network, Some(&outcome), &kept));
        return Ok(exit(outcome.status == "SUCCEEDED", &left));
    }
    match status.as_str() {
        "removed" => println!("\n{network} is removed."),
        "nothing-to-remove" => println!("\nthere is no network `{network}`; nothing was removed."),
        _ => println!("\n{network} could not be removed.\n  {}: {}", outcome.error.0, outcome.error.1),
    }
    if !kept.is_empty() {
        println!("kept as asked: {}", kept.join(", "));
    }
    totals(&outcome, &left);
    Ok(exit(outcome.status == "SUCCEEDED", &left))
}
