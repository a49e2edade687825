//! `check-left`: what carries a network's tags in this member's account, for a message that a person can act on.

use crate::peering::PEER_PORT;
use crate::peering::rules::to_a_peer;
use crate::remove::nodes::scope;
use crate::{Context, guard};
use domain::Fault;
use serde_json::{Value, json};

/// One look at machines, volumes, peerings, rules and the routes that belong to them, in scope. `{left: ["<id> (<member>)", …]}`.
pub async fn check(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let order = guard::accept(ctx, "check-left", event, false).await?;
    let (network, scope) = (order.network.as_str(), scope(&order.params));
    let mut left: Vec<String> = vec![];
    left.extend(ctx.aws.instances(network, scope).await?.into_iter().filter(|i| i.state != "terminated").map(|i| i.id));
    left.extend(ctx.aws.volumes(network, scope).await?.into_iter().map(|v| v.id));
    left.extend(ctx.aws.peerings_tagged(network, scope).await?.into_iter().filter(|p| p.lives()).map(|p| p.id));
    let rules = ctx.aws.rules(ctx.setting("NODE_GROUP")?, network, scope).await?;
    if rules.iter().any(|r| r.port == PEER_PORT) {
        let table = ctx.setting("ROUTES")?;
        left.extend(ctx.aws.routes(table).await?.into_iter().filter(|r| to_a_peer(&rules, r)).map(|r| format!("{table}/{}", r.cidr)));
    }
    left.extend(rules.into_iter().map(|r| r.id));
    let member = ctx.setting("MEMBER")?;
    Ok(json!({"left": left.into_iter().map(|id| format!("{id} ({member})")).collect::<Vec<_>>()}))
}
