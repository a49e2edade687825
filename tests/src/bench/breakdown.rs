//! Where the calls, the transitions and the seconds of one launch go.

use super::launches::{Launch, Subject};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Lines shown of each list.
const SHOWN: usize = 14;

/// `prep/CheckCommand`: the child's own ending of its name, and the state. The launch itself is `launch`.
fn place(launch: &Launch, (execution, state): &(String, String)) -> String {
    let phase = execution.strip_prefix(&launch.outcome.execution).map(|p| p.trim_start_matches('-'));
    match phase {
        Some("") => format!("launch/{state}"),
        Some(phase) => format!("{phase}/{state}"),
        None => "outside any state".into(),
    }
}

/// Calls by place: how many apart from objects, objects, and the names of the former.
fn calls(launch: &Launch) -> Vec<(String, u64, u64, String)> {
    let mut found = vec![];
    for (key, by_name) in &launch.notes.calls {
        let (objects, others): (Vec<_>, Vec<_>) = by_name.iter().partition(|(name, _)| name.starts_with("s3:"));
        let names = others.iter().map(|(name, n)| format!("{n} {}", name.split(':').nth(1).unwrap_or_default())).collect::<Vec<_>>().join(", ");
        found.push((place(launch, key), others.iter().map(|(_, n)| **n).sum(), objects.iter().map(|(_, n)| **n).sum(), names));
    }
    found.sort_by_key(|(name, n, ..)| (std::cmp::Reverse(*n), name.clone()));
    found
}

fn transitions(launch: &Launch) -> Vec<(String, u64)> {
    let mut found: Vec<(String, u64)> = launch.notes.transitions.iter().map(|(key, n)| (place(launch, key), *n)).collect();
    found.sort_by_key(|(name, n)| (std::cmp::Reverse(*n), name.clone()));
    found
}

/// Calls by `service:Action`.
fn by_action(launch: &Launch) -> BTreeMap<&str, u64> {
    let mut found = BTreeMap::new();
    for (name, n) in launch.notes.calls.values().flatten() {
        *found.entry(name.as_str()).or_default() += n;
    }
    found
}

/// Transitions by child execution: what a phase costs.
fn by_phase(launch: &Launch) -> Vec<(String, u64)> {
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for (place, n) in transitions(launch) {
        *found.entry(place.split('/').next().unwrap_or_default().into()).or_default() += n;
    }
    let mut found: Vec<(String, u64)> = found.into_iter().collect();
    found.sort_by_key(|(name, n)| (std::cmp::Reverse(*n), name.clone()));
    found
}

/// In words.
pub fn words(subject: &Subject, launch: &Launch) -> String {
    let list = |all: Vec<(String, u64)>| all.into_iter().take(SHOWN).map(|(name, n)| format!("{n} {name}")).collect::<Vec<_>>().join(", ");
    let mut lines = vec![format!("One launch of {} (seed 1), {:.0} s:", subject.name, launch.seconds), String::new()];
    lines.extend(["| calls | objects | by state | which |".to_string(), "| --- | --- | --- | --- |".into()]);
    lines.extend(calls(launch).into_iter().take(SHOWN).map(|(place, n, objects, names)| format!("| {n} | {objects} | {place} | {names} |")));
    let actions = by_action(launch).into_iter().map(|(name, n)| (name.to_string(), n)).collect::<Vec<_>>();
    let mut sorted = actions;
    sorted.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let mut seconds = launch.phases.clone();
    seconds.sort_by(|a, b| b.1.total_cmp(&a.1));
    let seconds: Vec<String> = seconds.iter().take(SHOWN).map(|(state, s)| format!("{s:.1} {state}")).collect();
    lines.extend([
        String::new(),
        format!("Calls by action: {}.", list(sorted)),
        format!("Transitions by machine: {}.", list(by_phase(launch))),
        format!("Transitions by state: {}.", list(transitions(launch))),
        format!("Seconds by state: {}.", seconds.join(", ")),
    ]);
    lines.join("\n")
}

/// As JSON, whole.
pub fn json(launch: &Launch) -> Value {
    let calls: Vec<Value> =
        calls(launch).into_iter().map(|(place, n, objects, names)| json!({"state": place, "calls": n, "objects": objects, "which": names})).collect();
    json!({"calls": calls, "actions": by_action(launch), "transitions": transitions(launch), "seconds": launch.phases})
}
