//! One case: a prepared world, faults, a workflow in it, and the verdict.

use super::judge::{self, Verdict};
use super::{Before, Workflow};
use crate::virtually;
use consortium::artefacts::Artefacts;
use consortium::session::{Outcome, Place, Session};
use local_cloud::grants::{Grant, Use};
use local_cloud::world::Execution;
use local_cloud::{Cloud, Site, Spec, World};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A world that is ready for its workflow, and the input. Cheap to run many cases from.
#[derive(Clone)]
pub struct Prepared {
    /// The world.
    pub world: World,
    /// Input of the execution.
    pub input: Value,
    /// Grants that getting there needed.
    pub uses: BTreeMap<Grant, Use>,
}

/// One workflow under faults.
#[derive(Clone)]
pub struct Case<'a> {
    /// Workflow.
    pub workflow: &'a Workflow,
    /// What it begins with.
    pub prepared: &'a Prepared,
    /// The stack.
    pub artefacts: &'a Artefacts,
    /// Faults, each as `--fault` has it.
    pub faults: Vec<String>,
    /// How it is ended from outside, if it is.
    pub cut: Option<Cut>,
}

/// An execution that is ended where no Catch sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Its machine's name, without the stack's prefix.
    pub machine: String,
    /// The state that it has entered.
    pub state: String,
    /// Status, error and cause.
    pub end: (&'static str, &'static str, &'static str),
    /// The execution that a person started is ended, and with it all of its children; otherwise the one in that state.
    pub whole: bool,
    /// Whether it goes on afterwards.
    pub redrive: Redrive,
}

/// When an execution that was ended is redriven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redrive {
    /// Not at all.
    Never,
    /// So many seconds later.
    After(u64),
    /// When it has been settled.
    Settled,
}

/// What a case came to.
pub struct Ran {
    /// How it ended.
    pub verdict: Verdict,
    /// Every call that was made.
    pub sites: Vec<Site>,
    /// `(machine, state)` entered, except where an execution had ended already.
    pub states: BTreeSet<(String, String)>,
    /// Grants that were needed.
    pub uses: BTreeMap<Grant, Use>,
    /// Functions that ran, here or before.
    pub functions: BTreeSet<String>,
}

/// A world as a workflow begins in it.
pub fn prepare(workflow: &Workflow, seed: u64, artefacts: &Artefacts) -> Prepared {
    virtually(async {
        let request = workflow.request();
        let s = crate::session(seed, artefacts).await;
        s.cloud.note_uses();
        crate::gather(&s, &request).await;
        match workflow.before {
            Before::Joined => {}
            Before::Launched => {
                let launched = crate::launch(&s, &request, &[]).await;
                assert_eq!(launched.status, "SUCCEEDED", "{:?}\n{}", launched.error, crate::story(&s));
            }
            Before::Stopped(machine, state) => {
                let (world, event) = stop(&s, &request, machine, state).await;
                return Prepared { world, input: event, uses: s.cloud.uses() };
            }
        }
        if let Some((ready, _)) = workflow.ready {
            ready(&mut s.cloud.world());
        }
        Prepared { world: at_rest(&s.cloud), input: (workflow.input)(workflow), uses: s.cloud.uses() }
    })
}

/// The world as another session may go on in it.
pub fn at_rest(cloud: &Cloud) -> World {
    let now_ms = cloud.now_ms();
    World { now_ms, ..cloud.world().clone() }
}

/// Stops a launch where it enters that state, and gives the world without its settlement, and the event that asks for it.
async fn stop(s: &Session, request: &Value, machine: &str, state: &str) -> (World, Value) {
    // Without the rules nobody hears of the end.
    let rules: Vec<_> = s.cloud.world().of_kind("AWS::Events::Rule").cloned().collect();
    s.cloud.world().plain.retain(|_, p| p.kind != "AWS::Events::Rule");
    let cloud = s.cloud.clone();
    let outcome = s.launch(request, "testnet", |execution, entered, _| {
        let is_it = |e: &Execution| e.name == execution && e.machine.ends_with(machine);
        if entered == state && cloud.world().executions.values().any(is_it) {
            cloud.stop(&crate::whole(&cloud, execution), "ABORTED", "Stopped", "a person stopped it");
        }
    });
    let outcome = outcome.await.expect("starts");
    assert_eq!(outcome.status, "ABORTED", "it never came to {state}");
    let mut world = at_rest(&s.cloud);
    let dead = world.executions.values().find(|e| e.name == outcome.execution).cloned().expect("ran");
    let event = json!({"detail": {"executionArn": dead.arn, "stateMachineArn": dead.machine, "name": dead.name, "status": dead.status,
        "input": dead.input.to_string(), "startDate": dead.start_ms, "stopDate": dead.stop_ms}});
    world.plain.extend(rules.into_iter().map(|r| (r.id.clone(), r)));
    (world, event)
}

impl Case<'_> {
    /// Runs it, in virtual time on this thread.
    pub fn run(&self) -> Ran {
        virtually(async {
            let (s, outcome) = self.play().await;
            let sites = s.cloud.faults().sites.clone().unwrap_or_default();
            let unmet = s.cloud.faults().unmet();
            let uses = s.cloud.uses();
            let states = entered(&s.cloud);
            let functions = s.cloud.world().functions.values().filter(|f| f.warm).map(|f| f.handler.clone()).collect();
            let verdict = judge::look(&s, self.workflow, &outcome, &self.faults, &unmet).await;
            Ran { verdict, sites, states, uses, functions }
        })
    }

    async fn play(&self) -> (Session, Outcome) {
        let world = self.prepared.world.clone();
        let seed = world.seed;
        let s = Session::with(Some(world), seed, None, &Place::default(), self.artefacts).await.expect("the stack is there");
        let specs: Vec<Spec> =
            self.workflow.anyway.iter().map(|f| f.to_string()).chain(self.faults.clone()).map(|f| Spec::parse(&f).expect("a fault")).collect();
        consortium::fault_options::apply(&s.cloud, &specs);
        s.cloud.faults().sites = Some(vec![]);
        s.cloud.note_uses();
        let name = s.name("testnet", "campaign");
        let mut cut = self.cut.clone();
        let mut outcome = s
            .run(self.workflow.machine, &name, self.prepared.input.clone(), |execution, state, _| {
                if cut.as_ref().is_some_and(|c| c.state == state && end(&s.cloud, c, execution)) {
                    cut = None;
                }
            })
            .await
            .expect("starts");
        assert_eq!(cut, None, "it never came to that state");
        let redrive = self.cut.as_ref().map_or(Redrive::Never, |c| c.redrive);
        if redrive != Redrive::Never {
            let arn = crate::whole(&s.cloud, &outcome.execution);
            match redrive {
                Redrive::After(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                // Only an execution that ended well is refused.
                _ => drop(s.cloud.redrive(&arn)),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            s.cloud.idle().await;
            let e = s.cloud.ended(&arn).await;
            (outcome.status, outcome.error) = (e.status, (e.error, e.cause));
        }
        (s, outcome)
    }
}

/// States that executions entered; in the last one of each it has ended already.
fn entered(cloud: &Cloud) -> BTreeSet<(String, String)> {
    let world = cloud.world();
    let of = |e: &Execution| {
        let machine = super::matrix::machine(&e.machine);
        e.states.iter().rev().skip(1).map(|(_, state)| (machine.clone(), state.clone())).collect::<Vec<_>>()
    };
    world.executions.values().filter(|e| e.name.contains("campaign")).flat_map(of).collect()
}

/// Ends an execution as a cut says, if it is the one.
fn end(cloud: &Cloud, cut: &Cut, execution: &str) -> bool {
    let is_it = |e: &Execution| e.name == execution && super::matrix::machine(&e.machine) == cut.machine;
    let Some(arn) = cloud.world().executions.values().find(|e| is_it(e)).map(|e| e.arn.clone()) else { return false };
    let arn = if cut.whole { crate::whole(cloud, execution) } else { arn };
    let (status, error, cause) = cut.end;
    cloud.stop(&arn, status, error, cause);
    if let Redrive::After(seconds) = cut.redrive {
        let cloud = cloud.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            let _ = cloud.redrive(&arn);
        });
    }
    true
}
