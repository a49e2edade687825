//! `ensure-rules` / `ensure-routes` / `remove-peerings`: who is let in, the way there, and the undo of everything that peering made.

use crate::peering::{METRICS_PORT, PEER_PORT, others, tags};
use crate::remove::nodes::scope;
use crate::{Context, guard};
use domain::{Class, Fault};
use serde_json::{Value, json};

/// Lets the other members' ranges in to the peer port, and scrapers to the metrics. The rules carry the tags by which a half-done
/// peering is found again: a route and an acceptance have none, so the rule comes first. Undo: [`remove`].
pub async fn ensure(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let order = guard::accept(ctx, "ensure-rules", event, true).await?;
    let (before, after) = others(ctx, &order)?;
    let scrapers: Vec<String> = guard::param(&order.params, "scrapers")?;
    let allowed = ctx.setting("SCRAPER_RANGES")?;
    for range in &scrapers {
        domain::consortium::source_range("scrapers", range)?;
        if !allowed.split(',').any(|a| domain::consortium::within(a, range)) {
            return Err(Fault::new(Class::Denied, format!("this member's stack lets {allowed} read metrics; {range} is outside")));
        }
    }
    let (group, tags) = (ctx.setting("NODE_GROUP")?, tags(ctx, &order)?);
    // No look before: one that comes too early shows rules that are gone already. "Already there" is success.
    let peers = before.iter().chain(&after).map(|m| (PEER_PORT, &m.cidr, m.name.as_str()));
    for (port, cidr, why) in peers.chain(scrapers.iter().map(|s| (METRICS_PORT, s, "scraper"))) {
        ctx.aws.authorize_rule(group, port, cidr, why, &tags).await?;
    }
    Ok(json!({}))
}

/// Routes to every other member over its active peering; safe to repeat. `Conflict` if the range is routed elsewhere. Undo: [`remove`].
pub async fn routes(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let order = guard::accept(ctx, "ensure-routes", event, true).await?;
    let (before, after) = others(ctx, &order)?;
    let (vpc, table) = (ctx.setting("VPC")?, ctx.setting("ROUTES")?);
    let peerings = ctx.aws.peerings_of(vpc).await?;
    let there = ctx.aws.routes(table).await?;
    for m in before.iter().chain(&after) {
        let with = |p: &&aws::Peering| p.status == "active" && (p.requester.1 == m.vpc || p.accepter.1 == m.vpc);
        let peering = peerings.iter().find(with).ok_or_else(|| Fault::new(Class::Busy, format!("the peering with {} is not active", m.name)))?;
        match there.iter().find(|r| r.cidr == m.cidr) {
            Some(r) if r.peering == peering.id => {}
            // A route that a deleted peering left behind leads nowhere.
            Some(r) if !r.peering.is_empty() && !peerings.iter().any(|p| p.id == r.peering && p.lives()) => {
                ctx.aws.delete_route(table, &m.cidr).await?;
                ctx.aws.create_route(table, &m.cidr, &peering.id).await?;
            }
            Some(_) => return Err(Fault::new(Class::Conflict, format!("{} of {} is routed elsewhere already", m.cidr, m.name))),
            None => match ctx.aws.create_route(table, &m.cidr, &peering.id).await {
                // The same call came before and its answer was lost; the look before it may have been too early.
                Err(f) if f.class == Class::Conflict => {}
                other => other?,
            },
        }
    }
    Ok(json!({}))
}

/// Whether a route over a peering leads to a range that one of these rules lets in: it has no tag, the rule has.
pub(crate) fn to_a_peer(rules: &[aws::Rule], route: &aws::Route) -> bool {
    !route.peering.is_empty() && rules.iter().any(|rule| rule.port == PEER_PORT && rule.cidr == route.cidr)
}

/// Takes away routes, peerings and rules in scope, in this order: the rule is what the others are found by. A route over a peering that is
/// gone leads nowhere, whoever made it, and goes too.
pub async fn remove(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let order = guard::accept(ctx, "remove-peerings", event, true).await?;
    let (group, table) = (ctx.setting("NODE_GROUP")?, ctx.setting("ROUTES")?);
    let rules = ctx.aws.rules(group, &order.network, scope(&order.params)).await?;
    let mut removed = vec![];
    let over: Vec<aws::Route> = ctx.aws.routes(table).await?.into_iter().filter(|r| !r.peering.is_empty()).collect();
    let asked: Vec<aws::Peering> = ctx.aws.peerings_tagged(&order.network, scope(&order.params)).await?.into_iter().filter(|p| p.lives()).collect();
    let ours = |r: &aws::Route| asked.iter().any(|p| p.id == r.peering) || to_a_peer(&rules, r);
    let peerings = if over.iter().all(ours) { vec![] } else { ctx.aws.peerings_of(ctx.setting("VPC")?).await? };
    for route in over.iter().filter(|r| ours(r) || !peerings.iter().any(|p| p.id == r.peering && p.lives())) {
        ctx.aws.delete_route(table, &route.cidr).await?;
        removed.push(format!("{table}/{}", route.cidr));
    }
    for peering in asked {
        ctx.aws.delete_peering(&peering.id).await?;
        removed.push(peering.id);
    }
    if !rules.is_empty() {
        let ids: Vec<String> = rules.into_iter().map(|r| r.id).collect();
        ctx.aws.revoke_rules(group, ids.clone()).await?;
        removed.extend(ids);
    }
    Ok(json!({"unpeered": removed}))
}
