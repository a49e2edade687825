//! `launch`: plan and price, then the shipped launch-network machine, then a table of what exists.

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

/// Runs it.
pub async fn run(session: &Session, value: &Value, only_plan: bool, options: &Options, out: &Out) -> Result<u8, Fault> {
    let request = Request::from_value(value.clone())?;
    let faults = fault_options::parse(&options.faults)?;
    for name in session.gather(&request).await? {
        if !options.json {
            out.say(Key::Joined, &[&name]);
        }
    }
    let plan = session.plan(&request).await?;
    if !options.json {
        out.line(plan_text::plan(out.lang(), &plan));
    }
    if only_plan {
        if options.json {
            let price = domain::price::monthly(&plan);
            let planned = json!({"status": "planned", "network": request.network, "plan": plan, "monthly": price, "launch": plan_text::launch(&plan)});
            out.line(planned.to_string());
        }
        return Ok(0);
    }
    fault_options::apply(&session.cloud, &faults);
    let outcome = session.launch(value, &request.network, progress(session, options.json, out)).await?;
    let ok = outcome.status == "SUCCEEDED";
    let status = outcome.output["status"].as_str().unwrap_or("failed").to_string();
    let left = report::left(&session.cloud, &request.network);
    let failure = Failure::of(session, &outcome, out.lang());
    if options.json {
        let mut summary = session.summary(&status, &request.network, Some(&outcome)).await;
        if !ok {
            summary["error"] = json!(failure);
        }
        out.line(summary.to_string());
        return Ok(exit(ok, &left));
    }
    match status.as_str() {
        "already-launched" => out.say(Key::AlreadyLaunched, &[&request.network]),
        "launched" => {
            if let Some(found) = report::network(&session.cloud, &request.network).await {
                let hash = found.manifest.genesis["sha256"].as_str().unwrap_or_default();
                out.say(Key::Launched, &[&request.network, &found.height, &hash]);
                out.line(format!("{}\n\n{}", tables::ruled_by(out.lang(), &found.manifest), tables::nodes(out.lang(), &found.nodes)));
            }
        }
        _ => {
            out.say(if left.is_empty() { Key::NotLaunched } else { Key::NotLaunchedLeft }, &[&request.network]);
            out.line(failure.text());
        }
    }
    totals(session, &request.network, &outcome, &left, out);
    Ok(exit(ok, &left))
}
