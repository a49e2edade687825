//! `ensure-nodes` / `check-nodes`: one RunInstances call for many nodes, and where they are.

use crate::{Context, guard};
use aws::RunBatch;
use domain::order::MemberOrder;
use domain::plan::{Batch, Candidate, agreed_nodes};
use domain::request::Disks;
use domain::{Class, Fault, ids};
use serde_json::{Value, json};

/// Starts a batch with one of its candidates, all machines or none. Undo: `remove-nodes`.
/// `Capacity` = another candidate may have it.
pub async fn ensure(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let order = guard::accept(ctx, "ensure-nodes", event, true).await?;
    let batch: Batch = guard::param(&order.params, "batch")?;
    let turn: usize = guard::param(&order.params, "turn")?;
    let disks: Disks = guard::param(&order.params, "disks")?;
    if batch.member != ctx.setting("MEMBER")? {
        return Err(Fault::new(Class::Denied, format!("{} is to be made by {}", batch.batch, batch.member)));
    }
    let way: &Candidate = batch
        .candidates
        .get(turn)
        .ok_or_else(|| Fault::new(Class::Capacity, format!("no machine for {}: every type was refused in every zone", batch.nodes.join(", "))))?;
    check_limits(ctx, &order, way, &batch, disks).await?;
    let identity = ctx.setting("IDENTITY_KEY")?.to_string();
    let mut volumes = vec![
        ("/dev/xvda".to_string(), gb(disks.system_gb)?, identity.clone(), true),
        ("/dev/sdf".to_string(), gb(disks.data_gb)?, ctx.setting("DATA_KEY")?.to_string(), false),
        ("/dev/sdg".to_string(), 1, identity.clone(), false),
    ];
    if batch.authority {
        volumes.push(("/dev/sdh".to_string(), 1, identity, false));
    }
    let tag = |k: &str, v: &str| (k.to_string(), v.to_string());
    let ids = ctx
        .aws
        .run_batch(RunBatch {
            launch_template: ctx.setting("LAUNCH_TEMPLATE")?.into(),
            instance_type: way.instance_type.clone(),
            subnet: way.subnet.clone(),
            count: i32::try_from(batch.nodes.len()).unwrap_or(i32::MAX),
            token: ids::client_token(&[&order.execution, &batch.batch, &way.zone, &way.instance_type, &turn.to_string()]),
            tags: vec![
                tag(ids::TAG_NETWORK, &order.network),
                tag(ids::TAG_MEMBER, ctx.setting("MEMBER")?),
                tag(ids::TAG_EXECUTION, &order.execution),
                tag(ids::TAG_BATCH, &batch.batch),
            ],
            disks: volumes,
        })
        .await?;
    Ok(json!({"batch": batch.batch, "instances": ids, "type": way.instance_type, "zone": way.zone}))
}

fn gb(size: u32) -> Result<i32, Fault> {
    i32::try_from(size).map_err(|_| Fault::field("disks", "too large", "100"))
}

/// The member's own limits: the hub may ask, the stack decides.
async fn check_limits(ctx: &Context, order: &MemberOrder, way: &Candidate, batch: &Batch, disks: Disks) -> Result<(), Fault> {
    let member = ctx.setting("MEMBER")?;
    let agreed = agreed_nodes(ctx.setting("AGREEMENT")?, &order.network, member)?;
    let allowed = ctx.setting("INSTANCE_TYPES")?;
    if !allowed.split(',').any(|t| t == way.instance_type) {
        return Err(Fault::new(Class::Denied, format!("this member's stack does not allow {}; it allows {allowed}", way.instance_type)));
    }
    if !ctx.setting("SUBNETS")?.split(',').any(|s| s == way.subnet) {
        return Err(Fault::new(Class::Denied, format!("{} is not a subnet of this member's stack", way.subnet)));
    }
    if disks.data_gb > 16_000 || disks.system_gb > 1_000 {
        return Err(Fault::field("disks", "larger than this member's stack allows", "100"));
    }
    let max: usize = ctx.setting("MAX_NODES")?.parse().map_err(|e| Fault::internal(format!("MAX_NODES: {e}")))?;
    let same = |i: &aws::Instance| i.tag(ids::TAG_EXECUTION) == order.execution && i.tag(ids::TAG_BATCH) == batch.batch;
    let others: Vec<aws::Instance> = ctx.aws.instances_of(member).await?.into_iter().filter(|i| i.state != "terminated" && !same(i)).collect();
    let (alive, more) = (others.len(), batch.nodes.len());
    if alive + more > max {
        return Err(Fault::new(Class::Quota, format!("this member's stack allows {max} nodes; {alive} exist and {more} more were asked for")));
    }
    let here = others.iter().filter(|i| i.tag(ids::TAG_NETWORK) == order.network).count();
    match agreed.map(|n| n as usize) {
        Some(most) if here + more > most => {
            let why = format!("this member's stack agreed to {most} nodes in {}; {here} exist and {more} more were asked for", order.network);
            Err(Fault::new(Class::Quota, why))
        }
        _ => Ok(()),
    }
}

/// This member's part of an order's batches.
pub(crate) fn own_batches(ctx: &Context, order: &MemberOrder) -> Result<Vec<Batch>, Fault> {
    let (all, member) = (guard::param::<Vec<Batch>>(&order.params, "batches")?, ctx.setting("MEMBER")?);
    Ok(all.into_iter().filter(|b| b.member == member).collect())
}

/// One look at the nodes of an execution: `Ready` when all run, have their disks and their agents answer.
pub async fn check(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let order = guard::accept(ctx, "check-nodes", event, false).await?;
    let batches = own_batches(ctx, &order)?;
    let found = ctx.aws.instances(&order.network, Some(&order.execution)).await?;
    let mut nodes = vec![];
    for batch in &batches {
        let mut members: Vec<_> = found.iter().filter(|i| i.tag(ids::TAG_BATCH) == batch.batch && i.state != "terminated").collect();
        members.sort_by_key(|i| i.launch_index);
        if let Some(dead) =
            found.iter().find(|i| i.tag(ids::TAG_BATCH) == batch.batch && matches!(i.state.as_str(), "shutting-down" | "terminated" | "stopped"))
        {
            let text = format!("{} of {} is {}: it died before it was ready", dead.id, batch.nodes.join(", "), dead.state);
            return Ok(json!({"status": "Failed", "reason": text}));
        }
        let disks = if batch.authority { 4 } else { 3 };
        if members.len() < batch.nodes.len() || members.iter().any(|i| i.state != "running" || i.volumes.len() < disks) {
            return Ok(json!({"status": "Pending", "reason": format!("{}: not all running", batch.nodes.join(", "))}));
        }
        nodes.extend(batch.nodes.iter().zip(members).map(|(name, i)| (name, i.id.clone())));
    }
    let ids: Vec<String> = nodes.iter().map(|(_, id)| id.clone()).collect();
    let online = ctx.aws.online(&ids).await?;
    let missing: Vec<&str> = nodes.iter().filter(|(_, id)| !online.contains(id)).map(|(name, _)| name.as_str()).collect();
    if !missing.is_empty() {
        return Ok(json!({"status": "Pending", "reason": format!("the Systems Manager agent of {} does not answer yet", missing.join(", "))}));
    }
    Ok(json!({"status": "Ready"}))
}
