//! `check-settlement`: what an execution that ended badly owes the world.

use crate::Context;
use crate::guard::param;
use crate::hub::record;
use domain::manifest::Lock;
use domain::{Fault, ids};
use serde_json::{Value, json};

/// Reads the ended execution's name and input, the lock and the record, and says what is to be done:
/// `nothing`, `undo` (a launch that did not end) or `finish` (a removal that did not end).
pub async fn check(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let name: String = param(&event, "execution")?;
    let nothing = json!({"todo": "nothing", "network": ""});
    // <network>-<verb>-<ULID>; a network's name may itself hold hyphens.
    let mut parts = name.rsplitn(3, '-');
    let (_, verb, network) = (parts.next(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default().to_string());
    if network.is_empty() || !matches!(verb, "launch" | "remove") {
        return Ok(nothing);
    }
    let found = ctx.aws.get_object(ctx.setting("HUB_BUCKET")?, &ids::lock_key(&network)).await?;
    let lock: Lock = found.and_then(|o| serde_json::from_slice(&o.bytes).ok()).unwrap_or_default();
    let last = record::last(ctx, &network).await?;
    let state = last.as_ref().map(|m| m.state.as_str()).unwrap_or("none");
    let ours = lock.execution == name;
    let written = last.as_ref().is_some_and(|m| m.execution == name);
    let todo = match (verb, state) {
        // A launch that wrote `launched` has ended well, whatever became of the execution after it.
        ("launch", "launched") if !ours => "nothing",
        ("launch", "launched") if written => "release",
        ("launch", _) if ours => "undo",
        ("remove", _) if ours => "finish",
        _ => "nothing",
    };
    let input: Value = event["input"].as_str().and_then(|t| serde_json::from_str(t).ok()).unwrap_or_default();
    let (scope, record) = if verb == "launch" { (name.as_str(), "undone") } else { ("", "removed") };
    let keep_data = input["keep_data"].as_bool().unwrap_or(false);
    Ok(json!({"todo": todo, "network": network, "scope": scope, "record": record, "keep_data": keep_data}))
}
