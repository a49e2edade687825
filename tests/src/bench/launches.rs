//! One launch, looked at from outside: what it took, and what it would have taken at the least.

use super::{article, floor};
use crate::{session, story, virtually};
use consortium::artefacts::Artefacts;
use consortium::session::{ACCOUNT, Outcome};
use domain::request::Request;
use local_cloud::world::Notes;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is launched.
pub struct Subject {
    /// In words.
    pub name: &'static str,
    /// Machines.
    pub nodes: u64,
    /// Accounts.
    pub members: u64,
    /// The request.
    pub request: Value,
}

/// Four nodes of one company.
pub fn four() -> Subject {
    Subject { name: "4 nodes", nodes: 4, members: 1, request: crate::request(4) }
}

/// A hundred nodes of five companies in one region.
pub fn hundred() -> Subject {
    let member = |i: u64| {
        let (name, account) =
            if i == 0 { ("founder".to_string(), ACCOUNT.to_string()) } else { (format!("company{i}"), format!("{:012}", 222_200_000_000 + i)) };
        json!({"name": name, "account": account, "region": "us-east-1", "validators": 20})
    };
    let members: Vec<Value> = (0..5).map(member).collect();
    Subject { name: "100 nodes", nodes: 100, members: 5, request: json!({"network": "testnet", "chain_id": "testnet", "size": "test", "members": members}) }
}

/// What one launch showed.
pub struct Launch {
    /// Start to end of the execution, seconds.
    pub seconds: f64,
    /// The physical floor of the same samples.
    pub floor: floor::Floor,
    /// The article's steps, machine by machine.
    pub script: f64,
    /// The same with all machines started by one call.
    pub script_together: f64,
    /// What it used.
    pub outcome: Outcome,
    /// Object reads and writes of the nodes themselves.
    pub node_objects: u64,
    /// Events of the longest history.
    pub history: u64,
    /// What was drawn, called and entered.
    pub notes: Notes,
    /// Seconds spent in each state of the launch and of its children, as (phase, state, seconds).
    pub phases: Vec<(String, f64)>,
}

/// Launches once; every seed is a world of its own.
pub fn run(subject: &Subject, seed: u64, scale: &BTreeMap<String, f64>) -> Result<Launch, String> {
    virtually(async {
        let s = session(seed, &Artefacts::default()).await;
        s.gather(&Request::from_value(subject.request.clone()).map_err(|f| f.to_string())?).await.map_err(|f| f.to_string())?;
        s.cloud.world().latency_scale = scale.clone();
        s.cloud.take_note();
        let outcome = s.launch(&subject.request, "testnet", |_, _, _| {}).await.map_err(|f| f.to_string())?;
        let notes = s.cloud.take_note();
        if outcome.output["status"] != "launched" {
            return Err(format!("{} with seed {seed} did not launch: {:?}\n{}", subject.name, outcome.error, story(&s)));
        }
        let world = s.cloud.world();
        let ended = world.executions.values().find(|e| e.name == outcome.execution).ok_or("the launch has no execution")?;
        let ours = |e: &&local_cloud::world::Execution| e.name.starts_with(&outcome.execution);
        Ok(Launch {
            seconds: (ended.stop_ms - ended.start_ms) as f64 / 1000.0,
            floor: floor::of(&world, &notes),
            script: article::seconds(subject, &world, seed, false),
            script_together: article::seconds(subject, &world, seed, true),
            node_objects: notes.samples.iter().filter(|d| d.name == "api-call" && !d.instance.is_empty()).count() as u64,
            history: world.executions.values().filter(ours).map(|e| e.events).max().unwrap_or(0),
            phases: phases(&world, &outcome.execution),
            outcome,
            notes,
        })
    })
}

/// How long each step of the launch took, children that are a phase of their own in place of the step that waits for them.
fn phases(world: &local_cloud::World, execution: &str) -> Vec<(String, f64)> {
    let mut found = vec![];
    for name in [execution.to_string(), format!("{execution}-nodes"), format!("{execution}-ceremony")] {
        let Some(e) = world.executions.values().find(|e| e.name == name) else { continue };
        let ends = e.states.iter().skip(1).map(|(ms, _)| *ms).chain([e.stop_ms]);
        for ((began, state), ended) in e.states.iter().zip(ends) {
            if state != "MakeNodes" && state != "HoldCeremony" && ended > *began {
                found.push((state.clone(), (ended - began) as f64 / 1000.0));
            }
        }
    }
    found
}
