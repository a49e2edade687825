//! Executions that are ended from outside, where no Catch sees it: at every state of every machine of a workflow they are stopped,
//! run out of time or pass something too large on, and are redriven before and after they are settled.

use super::{Case, Cut, End, Redrive, WORKFLOWS, matrix, over, prepare};
use consortium::artefacts::Artefacts;
use std::collections::BTreeSet;

/// Ways to end: what it is called, status, error and cause, and whether the execution that a person started is the one.
const WAYS: [(&str, (&str, &str, &str), bool); 5] = [
    ("stopped", ("ABORTED", "Stopped", "a person stopped it"), true),
    ("child stopped", ("ABORTED", "Stopped", "a person stopped it"), false),
    ("out of time", ("TIMED_OUT", "States.Timeout", "the execution's own time-out"), true),
    ("child out of time", ("TIMED_OUT", "States.Timeout", "the execution's own time-out"), false),
    ("too large", ("FAILED", "States.DataLimitExceeded", "an output is larger than 262144 bytes"), false),
];

/// When it is redriven: while its functions may still act, when its settlement waits, and when all is over.
const REDRIVES: [(&str, Redrive); 3] =
    [("redriven at once", Redrive::After(2)), ("redriven before it is settled", Redrive::After(150)), ("redriven later", Redrive::Settled)];

/// Every way at every state of a workflow's machines. A settlement (`settles`) is always redriven: until then it has not had its turn.
fn cuts(states: &BTreeSet<(String, String)>, settles: bool) -> Vec<(String, Cut)> {
    let mut all = vec![];
    for (machine, state) in states {
        for (name, end, whole) in WAYS {
            let cut = Cut { machine: machine.clone(), state: state.clone(), end, whole, redrive: Redrive::Never };
            if whole && end.0 == "ABORTED" {
                all.extend(REDRIVES.iter().map(|(when, redrive)| (format!("{name}, {when}"), Cut { redrive: *redrive, ..cut.clone() })));
            }
            if !settles {
                all.push((name.to_string(), cut));
            }
        }
    }
    all
}

/// Runs every workflow, or those named.
pub fn run(only: &[String], artefacts: &Artefacts, told: &(dyn Fn(&str) + Sync)) -> matrix::Report {
    let mut report = matrix::Report::default();
    for workflow in WORKFLOWS.iter().filter(|w| only.is_empty() || only.iter().any(|o| o == w.name)) {
        let prepared = prepare(workflow, 1, artefacts);
        let case = |cut: Option<Cut>| Case { workflow, prepared: &prepared, artefacts, faults: vec![], cut };
        let states = case(None).run().states;
        for (machine, _) in &states {
            *report.calls.entry((workflow.name.into(), machine.clone())).or_default() += 1;
        }
        let cuts = cuts(&states, workflow.machine == "SettleExecution");
        told(&format!("{}: {} states, {} cases", workflow.name, states.len(), cuts.len()));
        let ends = over(&cuts, |(way, cut)| {
            let verdict = case(Some(cut.clone())).run().verdict;
            let line = format!("{} {}/{}: {way}: {:?}: {}", workflow.name, cut.machine, cut.state, verdict.end, verdict.why);
            let violation = (!matches!(verdict.end, End::AsAsked | End::AsBefore)).then_some(line);
            violation.iter().for_each(|v| told(v));
            (way.clone(), verdict.end, violation)
        });
        for (way, end, violation) in ends {
            report.tried += 1;
            *report.ends.entry((way, end)).or_default() += 1;
            report.violations.extend(violation);
        }
    }
    report
}
