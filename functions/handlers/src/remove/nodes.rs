//! `remove-nodes` / `check-removal`: by tags alone, so that a half-done launch needs nobody's memory.

use crate::{Context, guard};
use domain::{Class, Fault};
use serde_json::{Value, json};

/// `scope` = one execution; empty = the whole network.
pub(crate) fn scope(params: &Value) -> Option<&str> {
    params.get("scope").and_then(Value::as_str).filter(|s| !s.is_empty())
}

/// Terminates every instance in scope. Undo of `ensure-nodes`.
pub async fn remove(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let order = guard::accept(ctx, "remove-nodes", event, true).await?;
    let found = ctx.aws.instances(&order.network, scope(&order.params)).await?;
    let alive: Vec<String> = found.into_iter().filter(|i| i.state != "terminated" && i.state != "shutting-down").map(|i| i.id).collect();
    if !alive.is_empty() {
        match ctx.aws.terminate(alive.clone()).await {
            // One of them went away between the two calls: the next look decides.
            Err(f) if f.class == Class::NotFound => {}
            other => other?,
        }
    }
    Ok(json!({"terminated": alive}))
}

/// One look: `Ready` when nothing in scope runs any more and the volumes let go.
pub async fn check(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let order = guard::accept(ctx, "check-removal", event, false).await?;
    let instances = ctx.aws.instances(&order.network, scope(&order.params)).await?;
    let alive: Vec<&str> = instances.iter().filter(|i| i.state != "terminated").map(|i| i.id.as_str()).collect();
    if !alive.is_empty() {
        return Ok(json!({"status": "Pending", "left": alive}));
    }
    let volumes = ctx.aws.volumes(&order.network, scope(&order.params)).await?;
    let held: Vec<&str> = volumes.iter().filter(|v| v.state == "in-use").map(|v| v.id.as_str()).collect();
    let status = if held.is_empty() { "Ready" } else { "Pending" };
    Ok(json!({"status": status, "left": held}))
}
