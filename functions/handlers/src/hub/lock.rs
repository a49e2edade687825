//! `acquire-lock` / `release-lock`: one object per network says who may change it. It is never deleted.

use crate::Context;
use crate::guard::{names, param, read_lock};
use crate::hub::record;
use domain::manifest::{Lock, LockStep};
use domain::request::Request;
use domain::{Class, Fault, ids};
use serde_json::{Value, json};
use std::time::Duration;

/// A dead holder's functions may still act this long: ask-members 60 s, what it asked 60 s more, and a minute for clocks.
const GRACE: Duration = Duration::from_secs(60 + 60 + 60);

/// Takes the lock. `Conflict` while another execution holds it and runs. Undo: [`release`].
/// `members` are those of the last record, whose accounts hold what there is. Given a `request`, refuses a launched network of another request and says `launched` for the same one.
pub async fn acquire(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let (network, execution) = names(&event)?;
    let arn: String = param(&event, "execution_arn")?;
    if !arn.starts_with("arn:") || !arn.ends_with(&format!(":{execution}")) {
        let example = "\"arn:aws:states:us-east-1:111122223333:execution:consortium-launch-network:testnet-launch-1\"";
        return Err(Fault::field("execution_arn", format!("not an ARN of {execution}"), example));
    }
    let request = match event.get("request") {
        None | Some(Value::Null) => None,
        Some(request) => Some(Request::from_value(request.clone())?),
    };
    let bucket = ctx.setting("HUB_BUCKET")?;
    let key = ids::lock_key(&network);
    for _ in 0..3 {
        let found = read_lock(ctx, &network).await?;
        let lock = found.as_ref().map(|(lock, _)| lock);
        // Who settles takes the lock from the dead execution. If somebody else had it since, there is nothing to settle, unless the
        // dead one's work lies there as it was left: an operation takes a dead launch's lock, finds no network, and lets go of it.
        let from = event.get("only_from").and_then(Value::as_str);
        if let Some(from) = from
            && lock.is_none_or(|l| l.execution != from && l.execution != execution)
            && !record::is_unfinished(record::last(ctx, &network).await?.as_ref(), from)
        {
            return Ok(json!({"epoch": 0, "state": "none", "request": null, "taken": false, "members": []}));
        }
        let next = match Lock::decide(lock, &execution, &arn) {
            LockStep::Ours(epoch) => return outcome(ctx, &network, epoch, request.as_ref()).await,
            LockStep::Take(next) => next,
            LockStep::AskHolder(held) => {
                // Who settles waits for whoever looks at what is left.
                let wait = |fault: Fault| if from.is_some() { Fault { class: Class::Busy, ..fault } } else { fault };
                alive(ctx, &held).await.map_err(wait)?;
                held.taken_over(&execution, &arn)
            }
        };
        let bytes = serde_json::to_vec(&next).map_err(|e| Fault::internal(e.to_string()))?;
        let won = match &found {
            None => ctx.aws.put_new(bucket, &key, bytes).await?,
            Some((_, etag)) => ctx.aws.put_over(bucket, &key, etag, bytes).await?,
        };
        if won {
            return outcome(ctx, &network, next.epoch, request.as_ref()).await;
        }
    }
    Err(Fault::new(Class::Busy, format!("the lock of {network} changes all the time; try again")))
}

/// `Conflict` if the holder still runs, `Busy` if it ended so lately that its functions may still act.
async fn alive(ctx: &Context, held: &Lock) -> Result<(), Fault> {
    match ctx.aws.execution(&held.execution_arn).await? {
        None => Ok(()),
        Some((status, _)) if status == "RUNNING" || status == "PENDING_REDRIVE" => {
            let text = format!("{} is at work on this network (epoch {}); wait until it has ended", held.execution, held.epoch);
            Err(Fault::new(Class::Conflict, text))
        }
        Some((_, since)) if since < GRACE => {
            Err(Fault::new(Class::Busy, format!("{} ended {} s ago; its functions may act for {} s", held.execution, since.as_secs(), GRACE.as_secs())))
        }
        Some(_) => Ok(()),
    }
}

async fn outcome(ctx: &Context, network: &str, epoch: u64, request: Option<&Request>) -> Result<Value, Fault> {
    let last = record::last(ctx, network).await?;
    let state = last.as_ref().map(|m| m.state.clone()).unwrap_or_else(|| "none".into());
    if let (Some(request), Some(last), "launched") = (request, &last, state.as_str())
        && last.request_sha256 != request.sha256()
    {
        let text = format!("{network} is launched already, by another request ({}); remove it first or choose another name", last.execution);
        return Err(Fault::new(Class::Conflict, text));
    }
    if let (Some(_), Some(last), "kept") = (request, &last, state.as_str()) {
        let text = format!("{network} was not launched by {} and was kept as its request asks; look at it, then: consortium remove {network}", last.execution);
        return Err(Fault::new(Class::Conflict, text));
    }
    Ok(json!({"epoch": epoch, "state": state, "request": request, "taken": true, "members": record::members(last.as_ref())}))
}

/// Frees the lock; "not ours any more" is success.
pub async fn release(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let (network, execution) = names(&event)?;
    if let Some((lock, etag)) = read_lock(ctx, &network).await?
        && lock.check_held(&execution, lock.epoch).is_ok()
    {
        let free = Lock { epoch: lock.epoch, ..Lock::default() };
        let bytes = serde_json::to_vec(&free).map_err(|e| Fault::internal(e.to_string()))?;
        ctx.aws.put_over(ctx.setting("HUB_BUCKET")?, &ids::lock_key(&network), &etag, bytes).await?;
    }
    Ok(json!({}))
}
