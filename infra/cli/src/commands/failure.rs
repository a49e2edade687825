//! How a failed workflow is told: what, where, on which node, and what to do. Read from the execution that the world keeps.

use crate::lang::{Key, Lang};
use crate::session::{Outcome, Session};
use domain::Class;
use local_cloud::World;
use serde::Serialize;

/// How many of a node's last lines are shown; the whole log is `consortium logs`.
const LINES: usize = 6;

/// A failed workflow.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// Error name, `Fault.<Class>` or what Step Functions gives.
    pub name: String,
    /// The fault's own words.
    pub message: String,
    /// Execution's name.
    pub execution: String,
    /// State in which it failed; empty = unknown.
    pub state: String,
    /// The same in words.
    pub phase: String,
    /// Node that the message names.
    pub node: Option<String>,
    /// That node's last lines, if the message has them.
    pub output: Vec<String>,
    /// What to do.
    pub todo: String,
    #[serde(skip)]
    lang: Lang,
}

impl Failure {
    /// Of an outcome that is no success.
    pub fn of(session: &Session, outcome: &Outcome, lang: Lang) -> Failure {
        let (name, message) = outcome.error.clone();
        let state = failed_in(&session.cloud.world(), &outcome.execution).unwrap_or_default();
        let (message, output) = split_output(&message);
        Failure {
            phase: lang.phase(&state).map(String::from).unwrap_or_else(|| lang.say(Key::FailureState, &[&state])),
            todo: lang.todo(Class::from_error_name(&name)).into(),
            node: node_in(&message),
            execution: outcome.execution.clone(),
            name,
            message,
            state,
            output,
            lang,
        }
    }

    /// As a person reads it.
    pub fn text(&self) -> String {
        let lang = self.lang;
        let mut lines = vec![];
        if lang == Lang::Zh {
            lines.push(format!("  {}", lang.class(Class::from_error_name(&self.name))));
        }
        lines.push(format!("  {}: {}", self.name, self.message));
        if !self.state.is_empty() {
            lines.push(lang.say(Key::FailurePhase, &[&self.phase]));
        }
        lines.extend(self.node.iter().map(|node| lang.say(Key::FailureNode, &[node])));
        if !self.output.is_empty() {
            lines.push(lang.text(Key::FailureOutput).into());
            lines.extend(self.output.iter().map(|line| format!("    {line}")));
        }
        lines.push(lang.say(Key::FailureExecution, &[&self.execution]));
        lines.push(lang.say(Key::FailureTodo, &[&self.todo]));
        lines.join("\n")
    }
}

/// The last state with words that the execution or a child of it entered before the undo began. Children's names begin with
/// their parent's.
fn failed_in(world: &World, execution: &str) -> Option<String> {
    let child = format!("{execution}-");
    let mut family: Vec<_> = world.executions.values().filter(|e| (e.name == execution || e.name.starts_with(&child)) && !e.name.ends_with("-logs")).collect();
    // A parent enters its state before the child that it starts there, also within one millisecond.
    family.sort_by_key(|e| (e.start_ms, e.name.len()));
    let mut entered: Vec<&(u64, String)> = family.iter().flat_map(|e| &e.states).collect();
    entered.sort_by_key(|(ms, _)| *ms);
    // Logs are read after something has failed.
    let undo = |name: &str| name.starts_with("Undo") || name == "ReadLogs";
    entered.iter().take_while(|(_, name)| !undo(name)).map(|(_, name)| name).filter(|name| Lang::En.phase(name).is_some()).last().cloned()
}

/// The first `nodeN` in a message, best one that it begins a clause with (`nodeN:`).
fn node_in(message: &str) -> Option<String> {
    let words = || message.split(|c: char| !c.is_ascii_alphanumeric() && c != ':').filter(|w| w.starts_with("node"));
    let numbered = |w: &&str| w.trim_end_matches(':').strip_prefix("node").is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()));
    let found = words().find(|w| w.ends_with(':') && numbered(w)).or_else(|| words().find(numbered));
    found.map(|w| w.trim_end_matches(':').into())
}

/// Splits off a node's own lines: what follows `its last lines:`, or a message's second line.
fn split_output(message: &str) -> (String, Vec<String>) {
    let at = message.split_once("its last lines:").or_else(|| message.split_once("The last lines of ")).or_else(|| message.split_once('\n'));
    let Some((message, output)) = at else { return (message.into(), vec![]) };
    let lines: Vec<String> = output.lines().map(str::trim_end).filter(|l| !l.trim().is_empty()).map(|l| l.trim_start().to_string()).collect();
    (message.trim_end_matches([' ', ';', '\n']).into(), lines[lines.len().saturating_sub(LINES)..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use local_cloud::world::Execution;

    #[test]
    fn a_message_names_its_node_and_brings_its_lines() {
        assert_eq!(node_in("node1: docker pull x: exit 1"), Some("node1".into()));
        assert_eq!(node_in("3 of 4 signed: node12 did not; read that node's log"), Some("node12".into()));
        assert_eq!(node_in("nodes node2: node0 and node1 wait"), Some("node2".into()));
        assert_eq!(node_in("the nodes did not come up"), None);
        let (message, lines) = split_output("node1: irita did not come back; its last lines: one\ntwo\n");
        assert_eq!((message.as_str(), lines), ("node1: irita did not come back", vec!["one".to_string(), "two".to_string()]));
        assert_eq!(split_output("plain"), ("plain".into(), vec![]));
    }

    #[test]
    fn the_place_is_the_last_one_before_the_undo() {
        let execution = |name: &str, start_ms, states: &[(u64, &str)]| Execution {
            name: name.into(),
            start_ms,
            states: states.iter().map(|(ms, s)| (*ms, s.to_string())).collect(),
            ..Execution::default()
        };
        let mut world = World::default();
        let parent = [(0, "AcquireLock"), (5, "HoldCeremony"), (9, "IsCeremonyHeld"), (9, "UndoResources"), (12, "LaunchUndone")];
        world.executions.insert("b".into(), execution("n-launch-1", 0, &parent));
        world.executions.insert("a".into(), execution("n-launch-1-ceremony", 5, &[(5, "RememberPlan"), (6, "CheckBlocks"), (9, "AreBlocksSeen")]));
        world.executions.insert("c".into(), execution("n-launch-1-undo", 9, &[(9, "RemoveNodes")]));
        world.executions.insert("d".into(), execution("n-launch-10", 7, &[(8, "CloseLaunch")]));
        assert_eq!(failed_in(&world, "n-launch-1").as_deref(), Some("CheckBlocks"));
        assert_eq!(failed_in(&world, "n-launch-2"), None);
    }
}
