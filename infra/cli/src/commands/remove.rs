//! `remove`: the shipped remove-network machine, and a look at what is left.

use super::{exit, progress, totals};
use crate::out::Out;
use crate::session::Session;
use crate::work::Options;
use crate::{fault_options, report};
use domain::Fault;

/// Runs it.
pub async fn run(session: &Session, network: &str, keep_data: bool, options: &Options, out: &Out) -> Result<u8, Fault> {
    let faults = fault_options::parse(&options.faults)?;
    fault_options::apply(&session.cloud, &faults);
    let outcome = session.remove(network, keep_data, progress(options.json, out)).await?;
    let kept: Vec<String> = domain::fault::parse("kept_data", outcome.output.get("kept_data").cloned().unwrap_or_else(|| serde_json::json!([])))?;
    let status = outcome.output["status"].as_str().unwrap_or("failed").to_string();
    let left = report::left(&session.cloud, network, &kept);
    if options.json {
        out.line(session.summary(&status, network, Some(&outcome), &kept).await.to_string());
        return Ok(exit(outcome.status == "SUCCEEDED", &left));
    }
    match status.as_str() {
        "removed" => out.line(format!("\n{network} is removed.")),
        "nothing-to-remove" => out.line(format!("\nthere is no network `{network}`; nothing was removed.")),
        _ => out.line(format!("\n{network} could not be removed.\n  {}: {}", outcome.error.0, outcome.error.1)),
    }
    if !kept.is_empty() {
        out.line(format!("kept as asked: {}", kept.join(", ")));
    }
    totals(session, &outcome, &left, out);
    Ok(exit(outcome.status == "SUCCEEDED", &left))
}
