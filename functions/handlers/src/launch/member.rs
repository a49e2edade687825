//! `check-member`: what this account can give, read before anything is made.

use crate::{Context, guard};
use domain::Fault;
use domain::plan::{Facts, Member};
use domain::request::Size;
use serde_json::{Value, json};

/// Zones, offered types and the stack's own limits. One read each.
pub async fn check(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let order = guard::accept(ctx, "check-member", event, false).await?;
    let mut types: Vec<String> = guard::param(&order.params, "types")?;
    if types.is_empty() {
        let size: Size = guard::param(&order.params, "size")?;
        types = size.instance_types();
    }
    let ids = ctx.setting("SUBNETS")?.split(',').map(String::from).collect();
    let subnets = ctx.aws.subnets(ids).await?;
    let zones = subnets.iter().map(|s| s.zone.clone()).collect();
    let offered = ctx.aws.offerings(types, zones).await?;
    let member = Member { name: ctx.setting("MEMBER")?.into(), account: ctx.setting("ACCOUNT")?.into(), region: ctx.aws.region() };
    let max_nodes = ctx.setting("MAX_NODES")?.parse().map_err(|e| Fault::internal(format!("MAX_NODES: {e}")))?;
    Ok(json!(Facts { member, subnets, offered, max_nodes, image: ctx.setting("IMAGE")?.into() }))
}
