//! `ensure-peerings` / `ensure-acceptances`: who asks, and who says yes.

use crate::peering::{others, tags};
use crate::{Context, guard};
use domain::{Class, Fault, ids};
use serde_json::{Value, json};

/// Asks every later member for a peering. CreateVpcPeeringConnection has no client token: one that lives and is this execution's
/// is the answer; another one of this network is on its way out. EC2 takes only so many requests that nobody has answered yet: whoever is refused for that while some of its own wait is
/// named in `more`, and is to be called again when others have answered. Undo: `remove-peerings`.
pub async fn ensure(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let order = guard::accept(ctx, "ensure-peerings", event, true).await?;
    let (_, after) = others(ctx, &order)?;
    let (vpc, tags) = (ctx.setting("VPC")?, tags(ctx, &order)?);
    let there = if after.is_empty() { vec![] } else { ctx.aws.peerings_from(vpc).await? };
    let tagged = |p: &aws::Peering, key: &str, value: &str| p.tags.iter().any(|(k, v)| k == key && v == value);
    let unanswered = |p: &aws::Peering| matches!(p.status.as_str(), "initiating-request" | "pending-acceptance");
    let mut waits = there.iter().any(unanswered);
    for m in &after {
        let found = there.iter().filter(|p| p.lives() && p.accepter.1 == m.vpc).max_by_key(|p| tagged(p, ids::TAG_EXECUTION, &order.execution));
        match found {
            Some(p) if tagged(p, ids::TAG_EXECUTION, &order.execution) => {}
            Some(p) if tagged(p, ids::TAG_NETWORK, &order.network) => {
                return Err(Fault::new(Class::Busy, format!("{} with {} is of an execution before and is being deleted", p.id, m.name)));
            }
            Some(p) => {
                let why = format!("{} peers with {} already, for another network: the two can share no second one", p.id, m.name);
                return Err(Fault::new(Class::Conflict, why));
            }
            None => match ctx.aws.create_peering(vpc, &m.account, &m.region, &m.vpc, &tags).await {
                Err(f) if f.class == Class::Quota && waits => return Ok(json!({"more": [ctx.setting("MEMBER")?]})),
                other => waits = other.map(|_| true)?,
            },
        }
    }
    Ok(json!({"more": []}))
}

/// Accepts what the earlier members asked for, if account, VPC and range are those of the order; and says whether each peering
/// of this member is active: `Pending`, `Ready` or `Failed`. Undo: `remove-peerings`, by whoever asked.
pub async fn accept(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let order = guard::accept(ctx, "ensure-acceptances", event, true).await?;
    let (before, after) = others(ctx, &order)?;
    let vpc = ctx.setting("VPC")?;
    let mut waiting = vec![];
    let to = if before.is_empty() { vec![] } else { ctx.aws.peerings_to(vpc).await? };
    for m in &before {
        let ours = (m.account.clone(), m.vpc.clone(), m.cidr.clone());
        match to.iter().filter(|p| p.requester == ours).max_by_key(|p| p.lives()) {
            Some(p) if p.status == "active" => {}
            Some(p) if p.status == "pending-acceptance" => {
                match ctx.aws.accept_peering(&p.id).await {
                    // It was accepted by the same call before, or is not there yet for this side.
                    Err(f) if matches!(f.class, Class::Busy | Class::NotFound) => {}
                    other => other?,
                }
                waiting.push(m.name.clone());
            }
            Some(p) if p.lives() => waiting.push(m.name.clone()),
            Some(p) if p.status == "failed" => return Ok(failed(&m.name, &p.reason)),
            _ => waiting.push(m.name.clone()),
        }
    }
    let from = if after.is_empty() { vec![] } else { ctx.aws.peerings_tagged(&order.network, None).await? };
    for m in &after {
        match from.iter().filter(|p| p.accepter.1 == m.vpc).max_by_key(|p| p.lives()) {
            Some(p) if p.status == "active" => {}
            Some(p) if matches!(p.status.as_str(), "failed" | "rejected" | "expired") => return Ok(failed(&m.name, &format!("{}: {}", p.status, p.reason))),
            _ => waiting.push(m.name.clone()),
        }
    }
    if waiting.is_empty() {
        return Ok(json!({"status": "Ready"}));
    }
    Ok(json!({"status": "Pending", "reason": format!("{} waits for its peering with {}", ctx.setting("MEMBER")?, waiting.join(", "))}))
}

fn failed(with: &str, why: &str) -> Value {
    json!({"status": "Failed", "reason": format!("the peering with {with} failed: {why}")})
}
