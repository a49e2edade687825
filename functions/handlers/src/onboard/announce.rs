//! `announce-member`: a member's stack tells the hub that it is there. Started by that stack's own events, never by the hub.

use crate::Context;
use domain::Fault;
use serde_json::{Value, json};

/// Puts one event on the hub's bus. It says nothing that is believed: the hub knows the sender's account from EventBridge, and
/// proves the rest by asking. There is no undo: an event is a fact.
pub async fn announce(ctx: &Context, _event: Value) -> Result<Value, Fault> {
    let detail = json!({"member": ctx.setting("MEMBER")?, "relation": ctx.setting("RELATION")?, "region": ctx.aws.region()});
    ctx.aws.put_event(ctx.setting("HUB_BUS")?, "consortium.member", "Member Announcement", &detail).await?;
    Ok(json!({"announced": detail["member"]}))
}
