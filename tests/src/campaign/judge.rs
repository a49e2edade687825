//! The judge: what the world shows after a case. It never asks a function of ours.

use super::{Shows, Workflow};
use crate::World as Seen;
use consortium::report::{self, Left};
use consortium::session::{Outcome, Session};
use local_cloud::World;
use std::time::Duration;

/// How a case may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// The work is as asked.
    AsAsked,
    /// The world is as before.
    AsBefore,
    /// `Fault.Orphaned` lists exactly what is left, and the removal that it names leaves nothing.
    Orphaned,
    /// None of these.
    Violated,
}

/// A verdict with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How it ended.
    pub end: End,
    /// Why, in words.
    pub why: String,
}

/// What the world shows, sharper than [`crate::look`]: no object but records may be left either. `crashed` = nodes whose irita was
/// killed on purpose: they need not sign, and the chain may stand still without them.
async fn shows(s: &Session, validators: usize, crashed: usize) -> Result<Shows, String> {
    let seen = match crate::look(s, validators).await {
        Seen::Wrong(why) if crashed > 0 && why.starts_with("grows") && why.contains(&format!(" {validators} machines run, no double sign true")) => {
            Seen::AsAsked
        }
        seen => seen,
    };
    if let Some(why) = strays(s, seen == Seen::AsAsked) {
        return Err(why);
    }
    match seen {
        Seen::AsAsked => Ok(Shows::Network),
        Seen::AsBefore => Ok(Shows::Nothing),
        Seen::Wrong(why) => Err(why),
    }
}

/// How a scenario ended, whatever was asked in it: `Err` = something is left that nobody told.
pub async fn ends(s: &Session, validators: usize, crashed: usize) -> Result<&'static str, String> {
    match shows(s, validators, crashed).await {
        Ok(Shows::Network) => Ok("the network runs"),
        Ok(Shows::Nothing) => Ok("nothing is left"),
        // What random faults hit is not known beforehand, so whoever cannot look may say so.
        Err(why) => orphaned(s, why, true).await.map(|_| "told exactly, then removed"),
    }
}

/// What no report of ours lists: objects that are no record, commands that still run, double signs.
fn strays(s: &Session, launched: bool) -> Option<String> {
    let world = s.cloud.world();
    let records = ["locks/", "networks/", "members/", "epoch/", "log/", "started/", "member.yaml"];
    for (name, bucket) in &world.buckets {
        for key in bucket.objects.keys() {
            let record = records.iter().any(|r| key.starts_with(r)) || name.contains("artefact");
            if !(record || launched && key.starts_with("exchange/")) {
                return Some(format!("s3://{name}/{key} is left"));
            }
        }
    }
    // A command on a machine that was ended does nothing any more.
    let now = s.cloud.now_ms();
    let lives = |instance: &String| world.instances.get(instance).is_some_and(|i| i.state(now) != "terminated");
    let acts = |c: &local_cloud::world::Command| c.invocations.iter().any(|(i, v)| matches!(v.status.as_str(), "Pending" | "InProgress") && lives(i));
    let running = world.commands.values().find(|c| acts(c));
    if let Some(c) = running {
        return Some(format!("the command {} ({}) still runs", c.id, c.comment));
    }
    double_signs(&world)
}

/// Who signed twice.
pub fn double_signs(world: &World) -> Option<String> {
    world.chains.values().find(|c| !c.double_signs.is_empty()).map(|c| format!("double signs: {:?}", c.double_signs))
}

/// Whether looking itself was refused for good, so that nobody can know what is left.
fn blind(faults: &[String]) -> bool {
    let refused = faults.iter().filter_map(|f| f.split_once("#").filter(|(_, how)| how.contains("+=")).map(|(action, _)| action));
    refused.into_iter().any(|a| a == "Invoke" || ["Get", "List", "Describe"].iter().any(|p| a.starts_with(p)))
}

/// Judges a case.
pub async fn look(s: &Session, w: &Workflow, outcome: &Outcome, faults: &[String], unmet: &[String]) -> Verdict {
    let violated = |why: String| Verdict { end: End::Violated, why: format!("{why}; {} {:?}\n{}", outcome.status, outcome.error, crate::story(s)) };
    if !unmet.is_empty() {
        return violated(format!("never came true: {unmet:?}"));
    }
    let succeeded = w.is_end(&outcome.status, &outcome.error.0);
    let words = format!("{} {}: {}", outcome.status, outcome.error.0, outcome.error.1);
    let mut seen = shows(s, w.validators(), 0).await;
    if let (Err(_), Some((_, silent))) = (&seen, w.ready) {
        seen = shows(s, w.validators(), silent).await;
    }
    match seen {
        Ok(found) => {
            let traced = w.trace.is_none_or(|t| t(&s.cloud.world()));
            match (found == w.asked && traced, found == w.undone, succeeded) {
                (true, false, _) | (true, true, true) => Verdict { end: End::AsAsked, why: words },
                (_, true, false) => Verdict { end: End::AsBefore, why: words },
                _ => violated(format!("{found:?} is shown, traces {traced}")),
            }
        }
        Err(why) => orphaned(s, why, w.is_undo() || blind(faults)).await.map_or_else(violated, |()| Verdict { end: End::Orphaned, why: words }),
    }
}

/// Whether what is left was told exactly (or, to the blind, that it is not known), and the command that the message names takes
/// it away.
async fn orphaned(s: &Session, why: String, blind: bool) -> Result<(), String> {
    let network = "testnet";
    let told: Vec<String> = {
        let world = s.cloud.world();
        world.executions.values().filter(|e| e.error == "Fault.Orphaned").map(|e| e.cause.clone()).collect()
    };
    if told.is_empty() {
        return Err(format!("{why}, and nobody said so"));
    }
    let left = report::left(&s.cloud, network);
    let unknown = blind && told.iter().any(|t| t.contains("is not known"));
    let untold = left.iter().find(|l| matches!(l, Left::Thing(id) if !told.iter().any(|t| t.contains(id.as_str()))));
    if let (Some(untold), false) = (untold, unknown) {
        return Err(format!("{why}; {untold} is left and no Fault.Orphaned names it: {told:?}"));
    }
    // A lock alone is taken over by the next command on the network, whichever it is.
    let lock_alone = left.iter().all(|l| matches!(l, Left::Lock { .. })) && told.iter().any(|t| t.contains("takes that over"));
    if !lock_alone && !told.iter().any(|t| t.contains("consortium remove")) {
        return Err(format!("{why}; no command is named: {told:?}"));
    }
    // The person runs that command when the cause has passed and the lock may be taken over.
    *s.cloud.faults() = Default::default();
    tokio::time::sleep(Duration::from_secs(300)).await;
    let removal = s.remove(network, false, |_, _, _| {}).await.map_err(|f| format!("{why}; the removal does not start: {f}"))?;
    let left = report::left(&s.cloud, network);
    if let (true, None) = (left.is_empty(), strays(s, false)) {
        return Ok(());
    }
    Err(format!("{why}; after consortium remove ({} {:?}) there is still {left:?} {:?}", removal.status, removal.error, strays(s, false)))
}
