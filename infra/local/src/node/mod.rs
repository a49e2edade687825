//! Simulated nodes: a machine with disks, files and time, on which the real `nodectl` library runs against a simulated irita.

pub(crate) mod first_boot;
mod host;
mod irita;
mod irita_flags;
mod irita_keys;
mod irita_query;
mod irita_stdin;
mod irita_tx;

pub(crate) use host::SimHost;

use crate::cloud::Cloud;
use crate::world::{File, World};
use base64::Engine;
use nodectl::Layout;
use serde_json::{Value, json};

/// Runs one order on a node: `(stdout, exit code)`.
pub(crate) async fn run_order(cloud: &Cloud, instance: &str, order: &str, image: &str) -> (String, i32) {
    if let Some(machines) = cloud.machines() {
        return crate::machines::run_order(cloud, &machines, instance, order, image).await;
    }
    let host = SimHost::new(cloud.clone(), instance);
    let answer = nodectl::run(&host, order, image).await;
    (format!("{}\n", json!(answer)), i32::from(answer.fault.is_some()))
}

/// A node's name: its tag, or (before it has one) its place in the plan that lies in the hub bucket.
pub(crate) fn name_of(world: &World, instance: &str) -> Option<String> {
    let i = world.instances.get(instance)?;
    if let Some(name) = i.tags.get(domain::ids::TAG_NODE) {
        return Some(name.clone());
    }
    let key = domain::ids::plan_key(i.tags.get(domain::ids::TAG_NETWORK)?, i.tags.get(domain::ids::TAG_EXECUTION)?);
    let plan = world.buckets.values().find_map(|b| b.objects.get(&key))?;
    let plan: Value = serde_json::from_str(&plan.text).ok()?;
    let batch = i.tags.get(domain::ids::TAG_BATCH)?;
    let found = plan["batches"].as_array()?.iter().find(|b| b["batch"] == json!(batch))?;
    found["nodes"][i.launch_index].as_str().map(String::from)
}

/// Consensus address of a certificate's key, upper hex.
pub(crate) fn address_of_certificate(pem: &str) -> Option<String> {
    address(&nodectl::public_key_of_certificate(pem).ok()?)
}

/// Address of a compressed public key (base64): the first 20 bytes of its SHA-256, upper hex.
pub(crate) fn address(public_key: &str) -> Option<String> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(public_key).ok()?;
    Some(domain::ids::sha256_hex(&bytes)[..40].to_uppercase())
}

/// The signer writes its last height before it votes.
pub(crate) fn keep_signer_state(world: &mut World, instance: &str, height: u64) {
    let Some(volume) = world.instances.get(instance).and_then(|i| i.mounts.get(&Layout::new(nodectl::ROOT).identities())).cloned() else { return };
    if let Some(v) = world.volumes.get_mut(&volume) {
        let text = json!({"height": height.to_string(), "round": 0, "step": 3}).to_string();
        v.files.insert("/priv_validator_state.json".into(), File { text, mode: 0o600 });
    }
}
