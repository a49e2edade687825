//! `remove`: the shipped remove-network machine, what was kept and what that costs, and a look at what is left.

use super::failure::Failure;
use super::{exit, progress, totals};
use crate::lang::Key;
use crate::out::Out;
use crate::session::Session;
use crate::work::Options;
use crate::{fault_options, report};
use domain::Fault;
use local_cloud::World;
use serde::Serialize;
use serde_json::{Value, json};

/// A volume that still costs money.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Kept {
    volume: String,
    gb: u64,
    zone: String,
    monthly: f64,
    /// `data`: as asked. `identity`: the member's stack does not let go of it.
    kind: &'static str,
}

/// Runs it.
pub async fn run(session: &Session, network: &str, keep_data: bool, options: &Options, out: &Out) -> Result<u8, Fault> {
    let faults = fault_options::parse(&options.faults)?;
    fault_options::apply(&session.cloud, &faults);
    let outcome = session.remove(network, keep_data, progress(session, options.json, out)).await?;
    let ok = outcome.status == "SUCCEEDED";
    let kept = kept(&session.cloud.world(), &outcome.output);
    let ids: Vec<String> = kept.iter().map(|k| k.volume.clone()).collect();
    let status = outcome.output["status"].as_str().unwrap_or("failed").to_string();
    let left = report::left(&session.cloud, network, &ids);
    let failure = Failure::of(session, &outcome, out.lang());
    if options.json {
        let mut summary = session.summary(&status, network, Some(&outcome), &ids).await;
        summary["kept"] = json!(kept);
        if !ok {
            summary["error"] = json!(failure);
        }
        out.line(summary.to_string());
        return Ok(exit(ok, &left));
    }
    match status.as_str() {
        "removed" => out.say(Key::Removed, &[&network]),
        "nothing-to-remove" => out.say(Key::NothingToRemove, &[&network]),
        _ => {
            out.say(Key::NotRemoved, &[&network]);
            out.line(failure.text());
        }
    }
    for (kind, head, later) in [("data", Key::KeptData, Key::DeleteData), ("identity", Key::KeptIdentities, Key::DeleteIdentities)] {
        let these: Vec<&Kept> = kept.iter().filter(|k| k.kind == kind).collect();
        if these.is_empty() {
            continue;
        }
        let total = format!("{:.2}", these.iter().map(|k| k.monthly).sum::<f64>());
        out.say(head, &[&these.len(), &total]);
        these.iter().for_each(|k| out.say(Key::KeptVolume, &[&k.volume, &k.gb, &k.zone, &format!("{:.2}", k.monthly)]));
        out.say(later, &[&network]);
    }
    totals(session, network, &outcome, &left, out);
    Ok(exit(ok, &left))
}

/// What a removal kept, as it is in the world.
fn kept(world: &World, output: &Value) -> Vec<Kept> {
    let of = |list: &'static str, kind: &'static str| {
        let ids = output[list].as_array().into_iter().flatten().filter_map(Value::as_str);
        let one = move |v: &local_cloud::world::Volume| {
            let monthly = v.gb as f64 * domain::price::GP3.dollars;
            Kept { volume: v.id.clone(), gb: v.gb, zone: v.zone.clone(), monthly, kind }
        };
        ids.filter_map(|id| world.volumes.get(id)).map(one).collect::<Vec<_>>()
    };
    [of("kept_data", "data"), of("kept_identities", "identity")].concat()
}
