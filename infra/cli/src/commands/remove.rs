//! `remove`: the shipped remove-network machine, what was kept and what that costs, and a look at what is left.

use super::failure::Failure;
use super::{exit, progress, totals};
use crate::lang::Key;
use crate::out::Out;
use crate::session::Session;
use crate::work::Options;
use crate::{fault_options, report};
use domain::Fault;
use serde_json::json;

/// Runs it.
pub async fn run(session: &Session, network: &str, keep_data: bool, options: &Options, out: &Out) -> Result<u8, Fault> {
    let faults = fault_options::parse(&options.faults)?;
    fault_options::apply(&session.cloud, &faults);
    let outcome = session.remove(network, keep_data, progress(session, options.json, out)).await?;
    let ok = outcome.status == "SUCCEEDED";
    let kept = report::kept(&session.cloud.world(), network);
    let status = outcome.output["status"].as_str().unwrap_or("failed").to_string();
    let left = report::left(&session.cloud, network);
    let failure = Failure::of(session, &outcome, out.lang());
    if options.json {
        let mut summary = session.summary(&status, network, Some(&outcome)).await;
        if !ok {
            summary["error"] = json!(failure);
        }
        out.line(summary.to_string());
        return Ok(exit(ok, &left));
    }
    match status.as_str() {
        "removed" => out.say(Key::Removed, &[&network]),
        "nothing-to-remove" => out.say(Key::NothingToRemove, &[&network]),
        _ => {
            out.say(Key::NotRemoved, &[&network]);
            out.line(failure.text());
        }
    }
    super::kept(network, &kept, out);
    totals(session, network, &outcome, &left, out);
    Ok(exit(ok, &left))
}
