//! Functions in a member's account that join its VPC with the others': rules, peerings, routes, and their undo.

pub mod peerings;
pub mod rules;

use crate::Context;
use domain::consortium::{is_account, is_member_name, is_region};
use domain::order::MemberOrder;
use domain::plan::Member;
use domain::{Class, Fault, ids};

/// Validators dial each other on this port.
pub(crate) const PEER_PORT: i32 = 26656;
/// Metrics are read from this one.
pub(crate) const METRICS_PORT: i32 = 26660;

/// The order's members, read as hostile: this one is among them as it is, and every other has a range that this stack allows.
/// Gives the others that come before this one in the order's list, and those that come after it: a member asks the later
/// ones for a peering, and is asked by the earlier ones.
pub(crate) fn others(ctx: &Context, order: &MemberOrder) -> Result<(Vec<Member>, Vec<Member>), Fault> {
    domain::plan::agreed_nodes(ctx.setting("AGREEMENT")?, &order.network, ctx.setting("MEMBER")?)?;
    let members: Vec<Member> = crate::guard::param(&order.params, "members")?;
    let own = members.iter().position(|m| ctx.setting("MEMBER").is_ok_and(|name| name == m.name));
    let own = own.ok_or_else(|| Fault::field("members", "this member is not among them", "[{\"name\":\"founder\",…}]"))?;
    let (before, rest) = members.split_at(own);
    let (pool, agreement) = (ctx.setting("POOL")?, ctx.setting("AGREEMENT")?);
    let mut ranges = vec![("own range".to_string(), ctx.setting("CIDR")?.to_string())];
    for m in before.iter().chain(&rest[1..]) {
        if !is_member_name(&m.name) || !is_account(&m.account) || !m.vpc.starts_with("vpc-") || !is_region(&m.region) {
            let why = format!("`{}` in account `{}`, VPC `{}`, region `{}` is no member", m.name, m.account, m.vpc, m.region);
            return Err(Fault::field("members", why, "[{\"name\":\"bank\",\"account\":\"222200000001\",\"vpc\":\"vpc-…\",…}]"));
        }
        let field = format!("range of {}", m.name);
        if !domain::consortium::contains(pool, &field, &m.cidr)? {
            return Err(Fault::new(Class::Denied, format!("{} of {} is outside of {pool}, which is all that this member's stack allows", m.cidr, m.name)));
        }
        if !agreement.is_empty() && !agreement.contains(&format!("{}@{}/", m.name, m.account)) {
            return Err(Fault::new(Class::Denied, format!("{} in account {} is not a member that this stack agreed to: {agreement}", m.name, m.account)));
        }
        ranges.push((field, m.cidr.clone()));
    }
    domain::consortium::check_apart(&ranges)?;
    Ok((before.to_vec(), rest[1..].to_vec()))
}

/// Tags of what an order makes.
pub(crate) fn tags(ctx: &Context, order: &MemberOrder) -> Result<Vec<(String, String)>, Fault> {
    let tag = |k: &str, v: &str| (k.to_string(), v.to_string());
    Ok(vec![tag(ids::TAG_NETWORK, &order.network), tag(ids::TAG_MEMBER, ctx.setting("MEMBER")?), tag(ids::TAG_EXECUTION, &order.execution)])
}
