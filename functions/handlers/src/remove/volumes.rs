//! `remove-volumes`: data on request only, identities only by the rules of the member's own stack.

use crate::remove::nodes::scope;
use crate::{Context, guard};
use domain::{Fault, ids};
use serde_json::{Value, json};

/// Deletes the volumes in scope. Undo of `ensure-nodes`.
/// With `keep_data` data volumes stay. Identity and authority volumes go only if this member's own record says that the chain
/// was never started, or if the stack's parameter AllowIdentityRemoval says so.
pub async fn remove(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let order = guard::accept(ctx, "remove-volumes", event, true).await?;
    let keep_data = order.params.get("keep_data").and_then(Value::as_bool).unwrap_or(false);
    let bucket = ctx.setting("BUCKET")?;
    let started = ctx.aws.get_object(bucket, &ids::started_key(&order.network)).await?.is_some();
    let identities_may_go = !started || ctx.setting("ALLOW_IDENTITY_REMOVAL")? == "true";
    let identity_key = ctx.setting("IDENTITY_KEY")?;
    let (mut removed, mut kept, mut asked) = (vec![], vec![], vec![]);
    for volume in ctx.aws.volumes(&order.network, scope(&order.params)).await? {
        // The key that a volume was made with cannot be talked away; a tag could. Root volumes go with their machines.
        match volume.key == identity_key {
            true if !identities_may_go => kept.push(volume.id),
            false if keep_data => asked.push(volume.id),
            _ => {
                ctx.aws.delete_volume(&volume.id).await?;
                removed.push(volume.id);
            }
        }
    }
    if started && kept.is_empty() && scope(&order.params).is_none() {
        ctx.aws.delete_objects(bucket, &[ids::started_key(&order.network)]).await?;
    }
    Ok(json!({"removed": removed, "kept_identities": kept, "kept_data": asked}))
}
