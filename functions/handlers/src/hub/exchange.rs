//! `remove-exchange`: what an undone launch's nodes exchanged is of no use to anybody.

use crate::Context;
use crate::guard::{hold, names, param};
use domain::Fault;
use serde_json::{Value, json};

/// Deletes the exchange objects of one execution, or of all of a network. Undo of `ensure-genesis` and of the ceremony's objects.
pub async fn remove(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let (network, execution) = names(&event)?;
    let epoch: u64 = param(&event, "epoch")?;
    hold(ctx, &network, &execution, epoch).await?;
    let prefix = match event.get("scope").and_then(Value::as_str) {
        Some(of) if !of.is_empty() => domain::ids::exchange_prefix(&network, of),
        _ => format!("exchange/{network}/"),
    };
    let bucket = ctx.setting("HUB_BUCKET")?;
    let keys = ctx.aws.list_objects(bucket, &prefix).await?;
    ctx.aws.delete_objects(bucket, &keys).await?;
    Ok(json!({"removed": keys.len()}))
}
