//! `ensure-member`: an announcement on the hub's bus becomes a membership, if it is the one that was invited and the hub may
//! invoke what it must there, and nothing else.

use crate::Context;
use crate::guard::param;
use crate::onboard::registry;
use domain::Fault;
use domain::consortium::MemberRecord;
use serde_json::{Value, json};

/// Decides on one announcement; safe to repeat. A refusal is written into the record, where the founder sees it, and is no
/// error: EventBridge would only deliver the same event again. Undo: `remove-invitation`.
pub async fn ensure(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let account: String = param(&event, "account")?;
    let detail = &event["detail"];
    let (name, relation, region): (String, String, String) = (param(detail, "member")?, param(detail, "relation")?, param(detail, "region")?);
    let Some((record, etag)) = registry::read(ctx, &name).await? else { return Ok(json!({"refused": format!("`{name}` was never invited")})) };
    let now = ctx.aws.now_s();
    let judged = match record.accept(&account, &region, &relation, now) {
        Ok(()) => ctx.aws.invoke(ctx.setting("ASK_MEMBERS")?, &json!({"members": [name], "probe": true})).await.map(drop),
        refused => refused,
    };
    let next = match &judged {
        Ok(()) => MemberRecord { state: "joined".into(), refused: String::new(), ..record.clone() },
        // A stranger cannot talk a member out of its place.
        Err(fault) => MemberRecord { refused: fault.message.clone(), ..record.clone() },
    };
    if next != record {
        registry::write(ctx, &next, Some(&etag)).await?;
    }
    registry::ensure_access(ctx).await?;
    Ok(match judged {
        Ok(()) => json!({"joined": name}),
        Err(fault) => json!({"refused": fault.message}),
    })
}
