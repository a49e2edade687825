//! `start`, `stop`, `restart`, `config set`, `unjail`: the shipped operate-nodes machine, one node at a time under the guard.

use super::failure::Failure;
use super::progress;
use crate::fault_options;
use crate::lang::Key;
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
    let outcome = session.run("OperateNodes", &name, input, progress(session, options.json, out)).await?;
    let ok = outcome.status == "SUCCEEDED";
    let failure = Failure::of(session, &outcome, out.lang());
    if options.json {
        let mut answer = json!({"status": if ok { "done" } else { "failed" }, "network": network, "verb": verb, "nodes": outcome.output["nodes"], "execution": outcome.execution});
        if !ok {
            answer["error"] = json!(failure);
        }
        out.line(answer.to_string());
    } else if ok {
        let nodes: Vec<String> = outcome.output["nodes"].as_array().into_iter().flatten().filter_map(Value::as_str).map(String::from).collect();
        let (nodes, seconds) = (out.lang().list(&nodes), format!("{:.1}", outcome.seconds));
        out.say(Key::OperationDone, &[&verb, &nodes, &seconds, &out.lang().seconds(session.real())]);
    } else {
        out.say(Key::OperationFailed, &[&verb]);
        out.line(failure.text());
    }
    Ok(u8::from(!ok))
}
