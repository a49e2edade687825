//! `health`, `logs`, `keys`, `config get`: what nodes say of themselves, through the shipped run-node-command machine. They need no
//! lock, so they work while something else is going on.

use super::tables;
use crate::lang::{Key, Lang};
use crate::out::Out;
use crate::report;
use crate::session::Session;
use domain::order::NodeAnswer;
use domain::{Class, Fault};
use serde_json::{Value, json};

/// Runs it.
pub async fn run(session: &Session, network: &str, verb: &str, targets: &[String], params: &Value, as_json: bool, out: &Out) -> Result<u8, Fault> {
    let manifest = report::manifests(&session.cloud, network).pop();
    let manifest =
        manifest.filter(|m| !m.nodes.is_empty()).ok_or_else(|| Fault::new(Class::NotFound, format!("there is no network `{network}` with nodes here")))?;
    if let Some(stranger) = targets.iter().find(|t| !manifest.nodes.iter().any(|n| n.name == **t)) {
        return Err(Fault::field("NODE", format!("`{stranger}` is not a node of {network}"), "node0"));
    }
    let nodes: Vec<Value> = manifest.nodes.iter().map(|n| json!({"name": n.name, "instance": n.instance, "ip": n.private_ip, "member": n.member})).collect();
    let name = session.name(network, "look");
    let input = json!({"network": network, "execution": name, "epoch": 0, "members": manifest.members.iter().map(|m| &m.name).collect::<Vec<_>>(), "verb": verb, "nodes": nodes,
        "targets": targets, "seconds": 60, "first_wait": 1, "next_wait": 1, "most_checks": 120, "params": params, "tolerate": true});
    let outcome = session.run("RunNodeCommand", &name, input, |_, _, _| {}).await?;
    if outcome.status != "SUCCEEDED" || !outcome.output["fault"].is_null() {
        let why = outcome.output["fault"]["message"].as_str().map(String::from).unwrap_or(outcome.error.1);
        return Err(Fault::new(Class::Transient, format!("the nodes could not be asked: {why}")));
    }
    let answers: Vec<NodeAnswer> = domain::fault::parse("answers", outcome.output["answers"].clone())?;
    if as_json {
        out.line(json!({"network": network, "nodes": answers}).to_string());
        return Ok(u8::from(answers.iter().any(|a| a.fault.is_some())));
    }
    for answer in &answers {
        match &answer.fault {
            Some(fault) => out.line(format!("{}: {fault}", answer.node)),
            None => out.line(text(out.lang(), verb, answer)),
        }
    }
    Ok(u8::from(answers.iter().any(|a| a.fault.is_some())))
}

/// An answer as a person reads it.
fn text(lang: Lang, verb: &str, answer: &NodeAnswer) -> String {
    let (node, r) = (&answer.node, &answer.result);
    let word = |k: &str| r[k].as_str().unwrap_or_default();
    match verb {
        "check-health" if r["height"].is_null() => {
            let with: [&dyn std::fmt::Display; 5] =
                [&tables::service(lang, word("service")), &r["signed_height"], &r["disk_free"], &word("reason"), &word("log")];
            format!("{node:<8} {}", lang.say(Key::NoAnswer, &with))
        }
        "check-health" => {
            let signs = lang.text(match (r["signing"] == true, r["jailed"] == true) {
                (true, _) => Key::Signs,
                (false, true) => Key::Jailed,
                _ => Key::SignsNot,
            });
            let with: [&dyn std::fmt::Display; 7] = [
                &r["height"],
                &signs,
                &r["power"],
                &r["peers"],
                &lang.text(if r["catching_up"] == true { Key::True } else { Key::False }),
                &r["restarts"],
                &r["disk_free"],
            ];
            format!("{node:<8} {}", lang.say(Key::Health, &with))
        }
        "read-log" => format!("== {node}\n{}", word("log")),
        "list-keys" => {
            let line = |k: &Value| {
                format!(
                    "{node:<8} {:<12} {:<8} {}",
                    k["name"].as_str().unwrap_or_default(),
                    k["type"].as_str().unwrap_or_default(),
                    k["address"].as_str().unwrap_or_default()
                )
            };
            r["keys"].as_array().into_iter().flatten().map(line).collect::<Vec<_>>().join("\n")
        }
        _ => {
            let lines = r.as_object().into_iter().flatten().map(|(path, value)| format!("{node:<8} {path} = {value}"));
            lines.collect::<Vec<_>>().join("\n")
        }
    }
}
