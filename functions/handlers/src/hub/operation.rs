//! `plan-operation` / `check-guard`: what a person asks of a running network's nodes, and whether the chain can spare them.

use crate::Context;
use crate::guard::{hold, names, param};
use crate::hub::record;
use domain::manifest::Manifest;
use domain::order::NodeAnswer;
use domain::{Class, Fault, guard, ids, node_config};
use serde_json::{Map, Value, json};

/// What a person may ask for, and the verb of nodectl that does it.
const OPERATIONS: [(&str, &str); 5] =
    [("start", "start-service"), ("stop", "stop-service"), ("restart", "restart-service"), ("change-config", "change-config"), ("unjail", "pass-act")];

async fn launched(ctx: &Context, network: &str) -> Result<Manifest, Fault> {
    let last = record::last(ctx, network).await?;
    let state = last.as_ref().map(|m| m.state.clone()).unwrap_or_else(|| "unknown".into());
    last.filter(|m| m.state == "launched")
        .ok_or_else(|| Fault::new(Class::NotFound, format!("{network} is {state}; only a launched network has nodes to operate")))
}

/// Who is touched in which order (`targets`, or every node), and what the root is asked to do. Changes nothing.
pub async fn plan(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let (network, execution) = names(&event)?;
    let (epoch, verb): (u64, String) = (param(&event, "epoch")?, param(&event, "verb")?);
    let targets: Vec<String> = param(&event, "targets")?;
    let known = || OPERATIONS.map(|(name, _)| name).join(", ");
    let (_, nodectl) =
        OPERATIONS.iter().find(|(name, _)| *name == verb).ok_or_else(|| Fault::field("verb", format!("`{verb}` is not one of {}", known()), "\"restart\""))?;
    if verb == "change-config" {
        let values = |name: &str| param::<Map<String, Value>>(&event["params"], name);
        let (config, app) = (values("config_toml")?, values("app_toml")?);
        node_config::check_given(&config, &app)?;
        if config.is_empty() && app.is_empty() {
            return Err(Fault::field("params", "names no value to change", "{\"config_toml\":{\"mempool.size\":8000},\"app_toml\":{}}"));
        }
    }
    hold(ctx, &network, &execution, epoch).await?;
    let manifest = launched(ctx, &network).await?;
    if let Some(stranger) = targets.iter().find(|t| !manifest.nodes.iter().any(|n| n.name == **t)) {
        let names: Vec<&str> = manifest.nodes.iter().map(|n| n.name.as_str()).collect();
        return Err(Fault::field("targets", format!("`{stranger}` is not a node of {network}"), format!("\"{}\"", names.join("\", \""))));
    }
    if verb == "unjail" && targets.len() != 1 {
        return Err(Fault::field("targets", "one validator at a time", "[\"node2\"]"));
    }
    let mut turns: Vec<String> = if targets.is_empty() { manifest.nodes.iter().map(|n| n.name.clone()).collect() } else { targets.clone() };
    turns.sort_by_key(|n| ids::node_number(n));
    turns.dedup();
    let nodes: Vec<Value> = manifest.nodes.iter().map(|n| json!({"name": n.name, "instance": n.instance, "ip": n.private_ip, "member": n.member})).collect();
    // Every holder is asked; those that sign must be enough, whichever are down.
    let holders: Vec<String> = domain::fault::parse("approval", manifest.approval["holders"].clone())?;
    Ok(json!({"members": record::members(Some(&manifest)), "verb": nodectl, "nodes": nodes, "turns": turns, "holders": holders,
        "act": {"kind": "unjail", "validator": turns.first()}}))
}

/// Decides on one node from a look at all. `Conflict` when the chain cannot spare it.
pub async fn check_guard(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let (network, execution) = names(&event)?;
    let epoch: u64 = param(&event, "epoch")?;
    let (node, verb): (String, String) = (param(&event, "node")?, param(&event, "verb")?);
    let health: Vec<NodeAnswer> = param(&event, "health")?;
    hold(ctx, &network, &execution, epoch).await?;
    let manifest = launched(ctx, &network).await?;
    let decided = guard::decide(&manifest.nodes, &health, &node, verb != "start", param(&event, "whole_stop")?)?;
    Ok(json!(decided))
}
