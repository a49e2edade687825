//! What must hold after any scenario, whatever happened in it; read from the world, never through our functions.

use super::judge;
use super::random::{Event, Scenario};
use crate::secrets::{self, Secret};
use consortium::session::Session;
use domain::ids::sha256_hex;
use local_cloud::{Call, Cloud, World};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// What was seen while a scenario ran.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<(Vec<String>, Vec<Secret>)>>);

impl Seen {
    fn add(&self, wrong: Option<String>, secrets: Vec<Secret>) {
        let mut seen = self.0.lock().unwrap_or_else(|p| p.into_inner());
        seen.0.extend(wrong);
        let new = secrets.into_iter().filter(|s| !seen.1.iter().any(|known| known.bytes == s.bytes)).collect::<Vec<_>>();
        seen.1.extend(new);
    }

    fn get(&self) -> (Vec<String>, Vec<Secret>) {
        self.0.lock().unwrap_or_else(|p| p.into_inner()).clone()
    }
}

/// Watches every command that stops a signer: power that signs must stay above two thirds without it. And remembers the
/// secrets of machines before they are ended: what leaked stays leaked when its volume is gone.
pub fn watch(cloud: &Cloud) -> Seen {
    let seen = Seen::default();
    let (kept, inner) = (seen.clone(), cloud.clone());
    cloud.tamper(Box::new(move |call| match call.action.as_str() {
        "SendCommand" => kept.add(pushed(&inner, call), vec![]),
        "TerminateInstances" => kept.add(None, secrets::of(&inner.world())),
        _ => {}
    }));
    seen
}

/// Whether this call would take a signer away that the chain cannot spare.
fn pushed(cloud: &Cloud, call: &Call) -> Option<String> {
    if !stops(&call.params) {
        return None;
    }
    let world = cloud.world();
    let targets: BTreeSet<&str> = call.params["InstanceIds"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let of = |instance: &str| world.processes.values().find(|p| p.instance == instance);
    let chain = targets.iter().find_map(|t| of(t)).and_then(|p| world.chains.get(&p.genesis_sha256))?;
    let total: u64 = chain.validators.values().map(|(_, power)| power).sum();
    let stays = |address: &str| world.processes.values().any(|p| p.cons_address == address && !targets.contains(p.instance.as_str()));
    let rest: u64 = chain.validators.iter().filter(|(address, _)| stays(address)).map(|(_, (_, power))| power).sum();
    // Chains of one to three validators are stopped as a whole when that is asked for.
    (chain.validators.len() > 3 && rest * 3 <= total * 2).then(|| format!("a stop or restart of {targets:?} leaves {rest} of {total} signing"))
}

/// Whether an order stops irita.
fn stops(params: &Value) -> bool {
    crate::orders(&params["Parameters"]).any(|o| matches!(o.verb.as_str(), "stop-service" | "restart-service"))
}

/// Judges the world when nothing moves any more. `Ok` = how it ended.
pub async fn hold(s: &Session, scenario: &Scenario, seen: &Seen) -> Result<&'static str, String> {
    if let Some(wrong) = seen.get().0.first() {
        return Err(wrong.clone());
    }
    kept(&s.cloud.world(), seen)?;
    always(&s.cloud.world())?;
    let crashed: BTreeSet<usize> = scenario.events.iter().filter_map(|e| if let Event::Crash(_, n) = e { Some(*n) } else { None }).collect();
    let story = || crate::story(s);
    let end = judge::ends(s, scenario.companies.iter().sum::<u32>() as usize, crashed.len()).await.map_err(|why| format!("{why}\n{}", story()))?;
    always(&s.cloud.world())?;
    Ok(end)
}

/// No secret is recorded anywhere: those of machines that are there, and of those that were ended since [`watch`].
pub fn kept(world: &World, seen: &Seen) -> Result<(), String> {
    seen.add(None, secrets::of(world));
    match secrets::leaks(&seen.get().1, &secrets::sights(world)).first() {
        Some(leak) => Err(leak.to_string()),
        None => Ok(()),
    }
}

/// What holds at every moment.
fn always(world: &World) -> Result<(), String> {
    if let Some(who) = judge::double_signs(world) {
        return Err(who);
    }
    holders(world)?;
    history(world)
}

/// No epoch has two holders: everything that members and hub wrote down names one execution for each.
fn holders(world: &World) -> Result<(), String> {
    let mut holders: BTreeMap<(String, u64), BTreeSet<String>> = BTreeMap::new();
    for bucket in world.buckets.values() {
        for (key, object) in &bucket.objects {
            let read = || serde_json::from_str::<Value>(&object.text).unwrap_or_default();
            let (network, epoch, execution) = match key.split('/').collect::<Vec<_>>()[..] {
                ["log", network, epoch, _, _] if !key.contains("refused") => (network, epoch.parse().unwrap_or_default(), read()["execution"].clone()),
                ["networks", network, "manifest", _] => (network, read()["epoch"].as_u64().unwrap_or_default(), read()["execution"].clone()),
                _ => continue,
            };
            holders.entry((network.into(), epoch)).or_default().insert(execution.as_str().unwrap_or_default().into());
        }
    }
    match holders.iter().find(|((_, epoch), who)| *epoch > 0 && who.len() > 1) {
        Some(((network, epoch), who)) => Err(format!("epoch {epoch} of {network} has {} holders: {who:?}", who.len())),
        None => Ok(()),
    }
}

/// Every manifest names the hash of the one before.
fn history(world: &World) -> Result<(), String> {
    for bucket in world.buckets.values() {
        let revisions = bucket.objects.iter().filter(|(k, _)| k.starts_with("networks/") && k.contains("/manifest/"));
        let (mut network, mut last) = (String::new(), String::new());
        for (key, object) in revisions {
            let manifest: Value = serde_json::from_str(&object.text).map_err(|e| format!("{key}: {e}"))?;
            if manifest["network"] != network.as_str() {
                (network, last) = (manifest["network"].as_str().unwrap_or_default().into(), String::new());
            }
            if manifest["prev_sha256"] != last.as_str() {
                return Err(format!("{key} does not extend the revision before it"));
            }
            last = sha256_hex(object.text.as_bytes());
        }
    }
    Ok(())
}
