//! What the hub's bucket says of a network: the manifest's revisions, the lock, runs that nobody finished, leftovers.

use super::Check;
use crate::commands::tables;
use crate::lang::{Key, Lang};
use crate::report::{self, Left};
use domain::ids;
use domain::manifest::{Lock, Manifest};
use local_cloud::{Cloud, World};
use std::collections::BTreeMap;

fn hub(world: &World) -> BTreeMap<&str, &str> {
    let name = world.stacks.values().find_map(|s| s.outputs.get("HubBucket"));
    let objects = name.and_then(|n| world.buckets.get(n)).into_iter().flat_map(|b| &b.objects);
    objects.map(|(key, object)| (key.as_str(), object.text.as_str())).collect()
}

/// Networks that were ever recorded.
pub fn networks(world: &World) -> Vec<String> {
    let name = |key: &str| key.strip_prefix("networks/").and_then(|k| k.split_once("/manifest/")).map(|(name, _)| name.to_string());
    let mut found: Vec<String> = hub(world).keys().filter_map(|k| name(k)).collect();
    found.dedup();
    found
}

/// All of them.
pub fn checks(cloud: &Cloud, network: &str, lang: Lang) -> Vec<Check> {
    let world = cloud.world();
    let (revisions, record) = record(&world, network, lang);
    let (lock, free) = lock(&world, network, lang);
    let executions = executions(&world, network, revisions.last(), free, lang);
    drop(world);
    // A lock has a check of its own.
    let left = report::left(cloud, network).into_iter().filter(|l| matches!(l, Left::Thing(_))).map(|l| l.to_string()).collect();
    let left = Check::of(network, Key::CheckLeft, left, lang, lang.say(Key::LeftRemedy, &[&network]), "");
    vec![record, lock, executions, left]
}

/// Revisions without a gap, each naming the hash of the object before it.
fn record(world: &World, network: &str, lang: Lang) -> (Vec<Manifest>, Check) {
    let prefix = format!("networks/{network}/manifest/");
    let (mut wrong, mut revisions, mut before): (_, Vec<Manifest>, Option<String>) = (vec![], vec![], None);
    let mut expected = 1;
    for (key, text) in hub(world).into_iter().filter(|(k, _)| k.starts_with(&prefix)) {
        let number: u64 = key[prefix.len()..].trim_end_matches(".json").parse().unwrap_or_default();
        wrong.extend((expected..number).map(|gap| lang.say(Key::RecordGap, &[&gap])));
        expected = number + 1;
        let manifest: Manifest = match serde_json::from_str(text) {
            Ok(manifest) => manifest,
            Err(e) => {
                wrong.push(lang.say(Key::RecordUnread, &[&number, &e]));
                before = None;
                continue;
            }
        };
        if manifest.revision != number || manifest.network != network {
            wrong.push(lang.say(Key::RecordStrange, &[&key, &manifest.revision, &manifest.network]));
        }
        if before.as_ref().is_some_and(|hash| *hash != manifest.prev_sha256) {
            wrong.push(lang.say(Key::RecordBroken, &[&number, &(number - 1)]));
        }
        before = Some(ids::sha256_hex(text.as_bytes()));
        revisions.push(manifest);
    }
    let fine = lang.say(Key::Revisions, &[&revisions.len()]);
    (revisions, Check::of(network, Key::CheckRecord, wrong, lang, lang.text(Key::RecordRemedy).into(), fine))
}

/// Free, or held by a run that runs; and whether one that runs holds it.
fn lock(world: &World, network: &str, lang: Lang) -> (Check, bool) {
    let check = |wrong, fine: String| Check::of(network, Key::CheckLock, wrong, lang, lang.say(Key::LockRemedy, &[&network]), fine);
    let Some(text) = hub(world).get(ids::lock_key(network).as_str()).copied() else { return (check(vec![], String::new()), false) };
    let Ok(lock) = serde_json::from_str::<Lock>(text) else { return (check(vec![lang.text(Key::LockUnread).into()], String::new()), false) };
    if lock.execution.is_empty() {
        return (check(vec![], String::new()), false);
    }
    let status = world.executions.get(&lock.execution_arn).map(|e| e.status.as_str());
    match status {
        Some("RUNNING") => (check(vec![], lang.say(Key::LockHeld, &[&lock.execution])), true),
        other => (check(vec![lang.say(Key::LockDead, &[&lock.execution, &other.unwrap_or(lang.text(Key::Gone))])], String::new()), false),
    }
}

/// A record that says something is going on, while nothing is.
fn executions(world: &World, network: &str, last: Option<&Manifest>, at_work: bool, lang: Lang) -> Check {
    let mut wrong = vec![];
    if let Some(manifest) = last.filter(|m| ["launching", "removing"].contains(&m.state.as_str()) && !at_work) {
        let status = world.executions.values().find(|e| e.name == manifest.execution).map(|e| e.status.as_str());
        if status != Some("RUNNING") {
            let status = status.unwrap_or(lang.text(Key::Gone));
            wrong.push(lang.say(Key::Unsettled, &[&tables::state(lang, &manifest.state), &manifest.execution, &status]));
        }
    }
    Check::of(network, Key::CheckExecutions, wrong, lang, lang.say(Key::SettleRemedy, &[&network]), "")
}
