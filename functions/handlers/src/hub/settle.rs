//! `check-settlement` / `check-leftovers`: what an execution that ended badly owes the world, and what it still owes when nobody could pay.

use crate::Context;
use crate::guard::{param, read_lock};
use crate::hub::record;
use domain::Fault;
use domain::order::{check_names, check_network};
use serde_json::{Value, json};

/// Reads the ended execution's name and input, the lock and the record, and says what is to be done:
/// `nothing`, `release` (only the lock is left), `cancel` (an operation: its commands, then the lock), `undo` (a launch that did not end) or `finish` (a removal that did not end).
pub async fn check(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let (name, machine): (String, String) = (param(&event, "execution")?, param(&event, "machine")?);
    let input: Value = event["input"].as_str().and_then(|t| serde_json::from_str(t).ok()).unwrap_or_default();
    // A person may start a machine in the console under any name, so the machine and the input say what it was about.
    let (verb, network) = match machine.as_str() {
        m if m.ends_with("-launch-network") => ("launch", &input["request"]["network"]),
        m if m.ends_with("-operate-nodes") => ("operate", &input["network"]),
        _ => ("remove", &input["network"]),
    };
    // What no machine could have begun with, none left anything of.
    let Some(network) = network.as_str().filter(|n| check_names(n, &name).is_ok()).map(String::from) else {
        return Ok(json!({"todo": "nothing", "network": ""}));
    };
    let (lock, _) = read_lock(ctx, &network).await?.unwrap_or_default();
    let last = record::last(ctx, &network).await?;
    let state = last.as_ref().map(|m| m.state.as_str()).unwrap_or("none");
    // Its lock may have been taken over before anybody came to settle; then the record shows what it left.
    let ours = lock.execution == name || record::is_unfinished(last.as_ref(), &name);
    let todo = match (verb, state) {
        // The network runs, or is kept as asked: this launch wrote that itself, or it was a second one that found it so.
        ("launch", "launched" | "kept") if ours => "release",
        // Each node finishes or rolls back its own turn; what is left are commands that nobody waits for, and the lock.
        ("operate", _) if ours => "cancel",
        ("launch", _) if ours => "undo",
        ("remove", _) if ours => "finish",
        _ => "nothing",
    };
    let (scope, state) = if verb == "launch" { (name.as_str(), "undone") } else { ("", "removed") };
    let keep_data = input["keep_data"].as_bool().unwrap_or(false);
    Ok(json!({"todo": todo, "network": network, "scope": scope, "record": state, "keep_data": keep_data, "members": record::members(last.as_ref())}))
}

/// Reads what members found (`left`) and the network's exchange objects, and says both as one sentence with the command that takes
/// them away.
pub async fn leftovers(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let (network, mut left): (String, Vec<String>) = (param(&event, "network")?, param(&event, "left")?);
    check_network(&network)?;
    let bucket = ctx.setting("HUB_BUCKET")?;
    let keys = ctx.aws.list_objects(bucket, &format!("exchange/{network}/")).await?;
    left.extend(keys.into_iter().map(|key| format!("s3://{bucket}/{key}")));
    let what = if left.is_empty() { "nothing but its lock".into() } else { left.join(", ") };
    Ok(json!({"text": format!("left: {what}; to take all of it away: consortium remove {network}")}))
}
