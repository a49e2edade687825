//! `rehearse`: launch, check, remove and the proof that nothing is left, in a world that nobody keeps.

use super::{exit, progress, totals};
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
    let plan = session.plan(&request).await?;
    if !options.json {
        out.line(plan_text::plan(&plan));
    }
    fault_options::apply(&session.cloud, &faults);
    let launch = session.launch(value, network, progress(options.json, out)).await?;
    let launched = launch.output["status"] == "launched";
    let mut summary = session.summary(if launched { "launched" } else { "failed" }, network, Some(&launch), &[]).await;
    let mut ok = launched;
    if launched {
        // Check: it goes on making blocks that everybody signs.
        let before = report::network(&session.cloud, network).await.map(|n| n.height).unwrap_or(0);
        tokio::time::sleep(Duration::from_secs(30)).await;
        if let Some(found) = report::network(&session.cloud, network).await {
            ok &= found.height > before && found.nodes.iter().all(|n| n.signing) && found.double_signs.is_empty();
            if !options.json {
                out.line(format!("\nlaunched; height {before} -> {} in 30 virtual seconds\n\n{}", found.height, report::table(&found.nodes)));
            }
        }
        let removal = session.remove(network, false, progress(options.json, out)).await?;
        ok &= removal.output["status"] == "removed";
        summary["removal"] =
            json!({"status": removal.output["status"], "virtual_seconds": removal.seconds, "aws_calls": removal.calls, "transitions": removal.transitions});
    } else if !options.json {
        out.line(format!("\nnot launched: {}: {}", launch.error.0, launch.error.1));
    }
    let left = report::left(&session.cloud, network, &[]);
    summary["left"] = json!(left);
    if launched && ok && left.is_empty() {
        summary["status"] = json!("rehearsed");
    }
    if options.json {
        out.line(summary.to_string());
    } else {
        totals(&session, &launch, &left, out);
        let unmet = session.cloud.faults().unmet();
        if !unmet.is_empty() {
            out.line(format!("faults that never came true: {}", unmet.join(", ")));
        }
    }
    Ok(exit(ok, &left))
}
