//! `launch`: plan and price, then the shipped launch-network machine, then a table of what exists.

use super::{exit, progress, totals};
use crate::out::Out;
use crate::session::Session;
use crate::work::Options;
use crate::{fault_options, plan_text, report};
use domain::Fault;
use domain::request::Request;
use serde_json::{Value, json};

/// Runs it.
pub async fn run(session: &Session, value: &Value, only_plan: bool, options: &Options, out: &Out) -> Result<u8, Fault> {
    let request = Request::from_value(value.clone())?;
    let faults = fault_options::parse(&options.faults)?;
    let plan = session.plan(&request).await?;
    if !options.json {
        out.line(plan_text::plan(&plan));
    }
    if only_plan {
        if options.json {
            out.line(json!({"status": "planned", "network": request.network, "plan": plan, "monthly": domain::price::monthly(&plan)}).to_string());
        }
        return Ok(0);
    }
    fault_options::apply(&session.cloud, &faults);
    let outcome = session.launch(value, &request.network, progress(options.json, out)).await?;
    let status = outcome.output["status"].as_str().unwrap_or("failed").to_string();
    let left = report::left(&session.cloud, &request.network, &[]);
    if options.json {
        out.line(session.summary(&status, &request.network, Some(&outcome), &[]).await.to_string());
        return Ok(exit(outcome.status == "SUCCEEDED", &left));
    }
    match status.as_str() {
        "already-launched" => out.line(format!("{} is already launched; see: consortium status {}", request.network, request.network)),
        "launched" => {
            if let Some(found) = report::network(&session.cloud, &request.network).await {
                let hash = found.manifest.genesis["sha256"].as_str().unwrap_or_default();
                out.line(format!("\n{} is launched at height {}, genesis sha256 {hash}", request.network, found.height));
                out.line(format!("{}\n\n{}", report::ruled_by(&found.manifest), report::table(&found.nodes)));
            }
        }
        _ => {
            out.line(format!("\n{} was not launched and has been undone.", request.network));
            out.line(format!("  {}: {}\n  execution {}", outcome.error.0, outcome.error.1, outcome.execution));
        }
    }
    totals(session, &outcome, &left, out);
    Ok(exit(outcome.status == "SUCCEEDED", &left))
}
