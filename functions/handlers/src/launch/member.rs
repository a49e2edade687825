//! `check-member`: what this account can give, read before anything is made.

use crate::{Context, guard};
use domain::Fault;
use domain::plan::{Facts, Member, Quota};
use domain::request::Size;
use serde_json::{Value, json};

/// Service Quotas' codes of what a launch needs: vCPUs of on-demand standard instances, and peerings of one VPC.
const VCPUS: (&str, &str) = ("ec2", "L-1216C47A");
const PEERINGS: (&str, &str) = ("vpc", "L-7E9ECCDB");

/// Zones, offered types, the account's quotas and the stack's own limits. One read each. The facts are a list of one, so that
/// those of several members are joined.
pub async fn check(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let order = guard::accept(ctx, "check-member", event, false).await?;
    let mut types: Vec<String> = guard::param(&order.params, "types")?;
    if types.is_empty() {
        let size: Size = guard::param(&order.params, "size")?;
        types = size.instance_types();
    }
    if let Some(bad) = types.iter().find(|t| domain::price::instance_hour(t).is_none()) {
        return Err(Fault::field("types", format!("`{bad}` is no instance type that a plan may name"), "[\"m6a.large\"]"));
    }
    let ids = ctx.setting("SUBNETS")?.split(',').map(String::from).collect();
    let subnets = ctx.aws.subnets(ids).await?;
    let zones = subnets.iter().map(|s| s.zone.clone()).collect();
    let offered = ctx.aws.offerings(types, zones).await?;
    let setting = |name: &str| ctx.setting(name).map(String::from);
    let vpc = setting("VPC")?;
    let member = Member { name: setting("MEMBER")?, account: setting("ACCOUNT")?, region: ctx.aws.region(), vpc: vpc.clone(), cidr: setting("CIDR")? };
    let vcpus = Quota { limit: ctx.aws.quota(VCPUS.0, VCPUS.1).await?, used: ctx.aws.vcpus().await? };
    let used = ctx.aws.peerings_of(&vpc).await?.iter().filter(|p| p.lives()).count() as u32;
    let peerings = Quota { limit: ctx.aws.quota(PEERINGS.0, PEERINGS.1).await?, used };
    let max_nodes = ctx.setting("MAX_NODES")?.parse().map_err(|e| Fault::internal(format!("MAX_NODES: {e}")))?;
    Ok(json!({"facts": [Facts { member, subnets, offered, max_nodes, image: setting("IMAGE")?, agreement: setting("AGREEMENT")?, vcpus, peerings }]}))
}
