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
    let (mut removed, mut kept, mut asked) = (vec![], vec![], vec![]);
    for volume in ctx.aws.volumes(&order.network, scope(&order.params)).await? {
        // A volume without a role was made and never named; its machine never ran irita.
        match volume.tag(ids::TAG_VOLUME) {
            "data" if keep_data => asked.push(volume.id),
            "identity" | "authority" if !identities_may_go => kept.push(volume.id),
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
