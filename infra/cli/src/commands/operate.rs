//! `start`, `stop`, `restart`, `config set`, `unjail`: the shipped operate-nodes machine, one node at a time under the guard.

use super::progress;
use crate::fault_options;
use crate::out::Out;
use crate::session::Session;
use crate::work::Options;
use domain::Fault;
use serde_json::{Value, json};

/// Runs it.
pub async fn run(session: &Session, network: &str, input: Value, options: &Options, out: &Out) -> Result<u8, Fault> {
    let faults = fault_options::parse(&options.faults)?;
    fault_options::apply(&session.cloud, &faults);
    let verb = input["verb"].as_str().unwrap_or_default().to_string();
    // Not the verb: with the names of children behind it, it must fit the 80 characters of an execution's name.
    let name = session.name(network, "operate");
    let outcome = session.run("OperateNodes", &name, input, progress(options.json, out)).await?;
    let ok = outcome.status == "SUCCEEDED";
    if options.json {
        let mut answer = json!({"status": if ok { "done" } else { "failed" }, "network": network, "verb": verb, "nodes": outcome.output["nodes"], "execution": outcome.execution});
        if !ok {
            answer["error"] = json!({"name": outcome.error.0, "message": outcome.error.1});
        }
        out.line(answer.to_string());
    } else if ok {
        let nodes: Vec<&str> = outcome.output["nodes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        out.line(format!("\n{verb} of {}: done, in {:.1} {}", nodes.join(", "), outcome.seconds, session.seconds_word()));
    } else {
        out.line(format!("\n{verb} failed.\n  {}: {}\n  execution {}", outcome.error.0, outcome.error.1, outcome.execution));
    }
    Ok(u8::from(!ok))
}
