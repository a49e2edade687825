//! `rehearse`: launch, check, remove and the proof that nothing is left, in a world that nobody keeps.

use super::failure::Failure;
use super::{exit, progress, tables, totals};
use crate::lang::Key;
use crate::out::Out;
use crate::session::Session;
use crate::work::Options;
use crate::{fault_options, plan_text, report};
use domain::Fault;
use domain::request::Request;
use serde_json::{Value, json};
use std::time::Duration;

/// Runs it.
pub async fn run(value: &Value, seed: u64, options: &Options, out: &Out) -> Result<u8, Fault> {
    let request = Request::from_value(value.clone())?;
    let faults = fault_options::parse(&options.faults)?;
    let session = Session::open(None, seed, None, &(&request).into()).await?;
    let network = request.network.as_str();
    session.gather(&request).await?;
    let plan = session.plan(&request).await?;
    if !options.json {
        out.line(plan_text::plan(out.lang(), &plan));
    }
    fault_options::apply(&session.cloud, &faults);
    let launch = session.launch(value, network, progress(&session, options.json, out)).await?;
    let launched = launch.output["status"] == "launched";
    let mut summary = session.summary(if launched { "launched" } else { "failed" }, network, Some(&launch)).await;
    let mut ok = launched;
    if launched {
        // Check: it goes on making blocks that everybody signs.
        let before = report::network(&session.cloud, network).await.map(|n| n.height).unwrap_or(0);
        tokio::time::sleep(Duration::from_secs(30)).await;
        if let Some(found) = report::network(&session.cloud, network).await {
            ok &= found.height > before && found.nodes.iter().all(|n| n.signing) && found.double_signs.is_empty();
            if !options.json {
                out.say(Key::Rehearsed, &[&before, &found.height]);
                out.line(tables::nodes(out.lang(), &found.nodes));
            }
        }
        let removal = session.remove(network, false, progress(&session, options.json, out)).await?;
        ok &= removal.output["status"] == "removed";
        summary["removal"] =
            json!({"status": removal.output["status"], "virtual_seconds": removal.seconds, "aws_calls": removal.calls, "transitions": removal.transitions});
    } else {
        let failure = Failure::of(&session, &launch, out.lang());
        if !options.json {
            out.say(Key::NotLaunched, &[&network]);
            out.line(failure.text());
        }
        summary["error"] = json!(failure);
    }
    let left = report::left(&session.cloud, network);
    summary["left"] = json!(left);
    if launched && ok && left.is_empty() {
        summary["status"] = json!("rehearsed");
    }
    if options.json {
        out.line(summary.to_string());
    } else {
        totals(&session, network, &launch, &left, out);
        let unmet = session.cloud.faults().unmet();
        if !unmet.is_empty() {
            out.say(Key::FaultsUnmet, &[&unmet.join(", ")]);
        }
    }
    Ok(exit(ok, &left))
}
