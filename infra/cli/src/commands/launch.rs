//! `launch`: plan and price, then the shipped launch-network machine, then a table of what exists.

use super::{exit, open, progress, request, totals};
use crate::Options;
use consortium::home::Home;
use consortium::{fault_options, plan_text, report};
use domain::Fault;
use serde_json::json;
use std::path::Path;

/// Runs it.
pub async fn run(home: &Path, file: &Path, only_plan: bool, options: &Options) -> Result<u8, Fault> {
    let (value, request) = request(file)?;
    let faults = fault_options::parse(&options.faults)?;
    let home = Home::take(home)?;
    let session = open(&home, (&request).into()).await?;
    let plan = session.plan(&request).await?;
    if !options.json {
        println!("{}", plan_text::plan(&plan));
    }
    if only_plan {
        if options.json {
            println!("{}", json!({"status": "planned", "network": request.network, "plan": plan, "monthly": domain::price::monthly(&plan)}));
        }
        session.cloud.save().map_err(|e| Fault::internal(e.to_string()))?;
        return Ok(0);
    }
    fault_options::apply(&session.cloud, &faults);
    let outcome = session.launch(&value, &request.network, progress(options.json)).await?;
    session.cloud.save().map_err(|e| Fault::internal(e.to_string()))?;
    let status = outcome.output["status"].as_str().unwrap_or("failed").to_string();
    let left = report::left(&session.cloud, &request.network, &[]);
    if options.json {
        println!("{}", session.summary(&status, &request.network, Some(&outcome), &[]));
        return Ok(exit(outcome.status == "SUCCEEDED", &left));
    }
    match status.as_str() {
        "already-launched" => println!("{} is already launched; see: consortium status {}", request.network, request.network),
        "launched" => {
            if let Some(found) = report::network(&session.cloud, &request.network) {
                let hash = found.manifest.genesis["sha256"].as_str().unwrap_or_default();
                println!("\n{} is launched at height {}, genesis sha256 {hash}\n\n{}", request.network, found.height, report::table(&found.nodes));
            }
        }
        _ => {
            println!("\n{} was not launched and has been undone.", request.network);
            println!("  {}: {}", outcome.error.0, outcome.error.1);
            println!("  execution {}", outcome.execution);
        }
    }
    totals(&outcome, &left);
    Ok(exit(outcome.status == "SUCCEEDED", &left))
}
