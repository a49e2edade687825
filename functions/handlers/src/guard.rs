//! What stands before every effect: the hub reads its lock, a member its own epoch and log.

use crate::Context;
use domain::manifest::Lock;
use domain::order::MemberOrder;
use domain::{Class, Fault, fault, ids, order};
use serde_json::{Value, json};

/// What each function of a member reads of an order's parameters; anything else is refused by name.
const PARAMS: [(&str, &[&str]); 16] = [
    ("check-member", &["size", "types"]),
    ("ensure-nodes", &["batch", "turn", "disks"]),
    ("check-nodes", &["batches"]),
    ("ensure-names", &["batches"]),
    ("send-command", &["verb", "nodes", "targets", "seconds", "round", "tolerate", "params"]),
    ("check-command", &["commands", "instances", "nodes", "tolerate", "last"]),
    ("remove-commands", &["scope"]),
    ("remove-nodes", &["scope"]),
    ("check-left", &["scope"]),
    ("check-removal", &["scope"]),
    ("remove-volumes", &["scope", "keep_data"]),
    ("ensure-rules", &["members", "scrapers"]),
    ("ensure-peerings", &["members"]),
    ("ensure-acceptances", &["members"]),
    ("ensure-routes", &["members"]),
    ("remove-peerings", &["scope"]),
];
/// Step Functions passes no more than this on, so a lawful hub cannot send more.
const ORDER_BYTES: usize = 262_144;
/// Of a refused order this many characters are kept, of the reason the other.
const KEPT: (usize, usize) = (2_000, 500);

/// A network's lock and its ETag; `None` if it was never taken.
pub async fn read_lock(ctx: &Context, network: &str) -> Result<Option<(Lock, String)>, Fault> {
    let Some(object) = ctx.aws.get_object(ctx.setting("HUB_BUCKET")?, &ids::lock_key(network)).await? else { return Ok(None) };
    let lock = serde_json::from_slice(&object.bytes).map_err(|e| Fault::internal(format!("lock of {network}: {e}")))?;
    Ok(Some((lock, object.etag)))
}

/// Reads a hub function's lock and refuses an execution that does not hold it.
pub async fn hold(ctx: &Context, network: &str, execution: &str, epoch: u64) -> Result<(), Fault> {
    let (lock, _) = read_lock(ctx, network).await?.unwrap_or_default();
    lock.check_held(execution, epoch)
}

/// Reads an order as hostile input: relation, names, and (for whoever changes something) the epoch, which only rises.
/// A changing order is written to the member's own log before anything is done.
pub async fn accept(ctx: &Context, function: &str, event: Value, changes: bool) -> Result<MemberOrder, Fault> {
    if event.to_string().len() > ORDER_BYTES {
        return Err(Fault::new(Class::InvalidInput, format!("the order is larger than {ORDER_BYTES} bytes")));
    }
    let order: MemberOrder = fault::parse("order", event)?;
    order.check(ctx.setting("RELATION")?)?;
    let known = PARAMS.iter().find(|(f, _)| *f == function).ok_or_else(|| Fault::internal(format!("nobody says what {function} reads")))?;
    order::only("params", &order.params, known.1)?;
    if !changes {
        return Ok(order);
    }
    raise_epoch(ctx, &order).await?;
    log(ctx, function, &order).await?;
    Ok(order)
}

/// Writes an order to the member's own log. Already there: the same order came twice, which every `ensure-`, `remove-` and
/// `send-` bears.
pub async fn log(ctx: &Context, function: &str, order: &MemberOrder) -> Result<(), Fault> {
    let entry = serde_json::to_vec(order).map_err(|e| Fault::internal(e.to_string()))?;
    let op = format!("{}{}", order.execution, order.params);
    ctx.aws.put_new(ctx.setting("BUCKET")?, &ids::log_key(&order.network, order.epoch, function, &op), entry).await.map(drop)
}

/// Writes an order that was refused, and why, to the member's own log, whoever sent it; the refusal stays what it is. Nothing of the
/// order is believed: what is kept of it is a bounded piece of its text, and its hash. Other faults are no refusals.
pub async fn log_refusal(ctx: &Context, function: &str, event: &Value, fault: Fault) -> Fault {
    if !matches!(fault.class, Class::InvalidInput | Class::Denied | Class::Conflict | Class::Quota) {
        return fault;
    }
    let (text, at) = (event.to_string(), ctx.aws.now_text());
    let entry = json!({"at": at, "function": function, "class": fault.class.error_name(), "reason": ids::shorten(&fault.message, KEPT.1),
        "order": ids::shorten(&text, KEPT.0), "order_bytes": text.len(), "order_sha256": ids::sha256_hex(text.as_bytes())});
    let key = ids::refused_key(&ids::shorten(&at, 10), function, &text);
    let written = match ctx.setting("BUCKET") {
        // The same order refused again is one entry.
        Ok(bucket) => ctx.aws.put_new(bucket, &key, entry.to_string().into_bytes()).await.map(drop),
        Err(missing) => Err(missing),
    };
    match written {
        Ok(()) => fault,
        Err(why) => Fault { message: format!("{} (and it could not be logged: {why})", fault.message), ..fault },
    }
}

async fn raise_epoch(ctx: &Context, order: &MemberOrder) -> Result<(), Fault> {
    let bucket = ctx.setting("BUCKET")?;
    let key = ids::epoch_key(&order.network);
    let bytes = json!({"epoch": order.epoch, "execution": order.execution}).to_string().into_bytes();
    for _ in 0..3 {
        let written = match ctx.aws.get_object(bucket, &key).await? {
            None => ctx.aws.put_new(bucket, &key, bytes.clone()).await?,
            Some(object) => {
                let found: Value = serde_json::from_slice(&object.bytes).map_err(|e| Fault::internal(format!("{key}: {e}")))?;
                let seen = found["epoch"].as_u64().unwrap_or(u64::MAX);
                if seen == order.epoch && found["execution"] == json!(order.execution) {
                    return Ok(());
                }
                if seen >= order.epoch {
                    let text = format!("epoch {} of {} is over: this member has seen {seen} of {}", order.epoch, order.execution, found["execution"]);
                    return Err(Fault::new(Class::Conflict, text));
                }
                ctx.aws.put_over(bucket, &key, &object.etag, bytes.clone()).await?
            }
        };
        if written {
            return Ok(());
        }
    }
    Err(Fault::new(Class::Busy, format!("{key} changes all the time; try again")))
}

/// The network and the execution that a hub function is called for.
pub fn names(event: &Value) -> Result<(String, String), Fault> {
    let (network, execution): (String, String) = (param(event, "network")?, param(event, "execution")?);
    order::check_names(&network, &execution)?;
    Ok((network, execution))
}

/// A parameter of an order, by name.
pub fn param<T: serde::de::DeserializeOwned>(value: &Value, name: &str) -> Result<T, Fault> {
    fault::parse(name, value.get(name).cloned().unwrap_or(Value::Null))
}
