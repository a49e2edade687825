//! The hub's record of each member, one object each, and the two policies that follow from all of them.

use crate::Context;
use domain::consortium::{FOUNDER, MemberRecord, is_member_name};
use domain::{Class, Fault, ids};
use serde_json::{Value, json};

/// A member's record and its ETag; `None` if nobody of that name was ever invited.
pub async fn read(ctx: &Context, name: &str) -> Result<Option<(MemberRecord, String)>, Fault> {
    if !is_member_name(name) {
        return Err(Fault::field("member", format!("`{name}` is not a member's name"), "\"bank\""));
    }
    let key = ids::member_key(name);
    let Some(object) = ctx.aws.get_object(ctx.setting("HUB_BUCKET")?, &key).await? else { return Ok(None) };
    let record = serde_json::from_slice(&object.bytes).map_err(|e| Fault::internal(format!("{key}: {e}")))?;
    Ok(Some((record, object.etag)))
}

/// Writes a record over the one that was read; `Busy` if somebody else did meanwhile.
pub async fn write(ctx: &Context, record: &MemberRecord, over: Option<&str>) -> Result<(), Fault> {
    let bytes = serde_json::to_vec(record).map_err(|e| Fault::internal(e.to_string()))?;
    let (bucket, key) = (ctx.setting("HUB_BUCKET")?, ids::member_key(&record.name));
    let written = match over {
        None => ctx.aws.put_new(bucket, &key, bytes).await?,
        Some(etag) => ctx.aws.put_over(bucket, &key, etag, bytes).await?,
    };
    if written { Ok(()) } else { Err(Fault::new(Class::Busy, format!("the record of {} was changed meanwhile; try again", record.name))) }
}

/// Every record, by name.
pub async fn all(ctx: &Context) -> Result<Vec<MemberRecord>, Fault> {
    let mut found = vec![];
    for key in ctx.aws.list_objects(ctx.setting("HUB_BUCKET")?, ids::MEMBERS).await? {
        let name = key.trim_start_matches(ids::MEMBERS).trim_end_matches(".json");
        found.extend(read(ctx, name).await?.map(|(record, _)| record));
    }
    Ok(found)
}

/// ARN prefix of a member's functions, and its relation id. `NotFound` for a stranger, `Denied` for one that has not joined.
pub async fn place(ctx: &Context, member: &str) -> Result<(String, String), Fault> {
    if member == FOUNDER {
        return Ok((ctx.setting("FOUNDER_FUNCTIONS")?.into(), ctx.setting("FOUNDER_RELATION")?.into()));
    }
    let found = read(ctx, member).await?;
    let (record, _) = found
        .ok_or_else(|| Fault::new(Class::NotFound, format!("`{member}` was never invited; run: consortium invite {member} --account ID --region REGION")))?;
    // One that is invited is asked only to prove that it can be.
    if record.state == "revoked" {
        return Err(Fault::new(Class::Denied, format!("the invitation of {member} was revoked")));
    }
    Ok((record.functions(ctx.setting("PREFIX")?), record.relation))
}

/// Makes the bus's and the bucket's policy follow the records: invited accounts may announce themselves, joined ones' nodes
/// may read the exchange and write their own member's part of it, once. Both are written whole, so repeating is safe.
pub async fn ensure_access(ctx: &Context) -> Result<(), Fault> {
    let (bus, bucket) = (ctx.setting("BUS")?, ctx.setting("HUB_BUCKET")?);
    let mut before = all(ctx).await?;
    // Whoever is invited while this is going on is seen by the next look.
    for _ in 0..5 {
        ctx.aws.put_bus_policy(bus, &bus_policy(&before, bus, ctx.setting("ACCOUNT")?)).await?;
        ctx.aws.put_bucket_policy(bucket, &bucket_policy(&before, ctx.setting("HUB_BUCKET_ARN")?)).await?;
        let after = all(ctx).await?;
        if after == before {
            return Ok(());
        }
        before = after;
    }
    Err(Fault::new(Class::Busy, "members are being invited all the time; try again"))
}

fn bus_policy(records: &[MemberRecord], bus: &str, own: &str) -> Value {
    let invited = records.iter().filter(|r| r.state != "revoked").map(|r| r.account.as_str());
    let accounts: Vec<&str> = std::iter::once(own).chain(invited).collect();
    json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Announce", "Effect": "Allow", "Principal": {"AWS": accounts}, "Action": "events:PutEvents", "Resource": bus}]})
}

/// One statement for all readers, one for each writer: S3 takes 20 KB, which is enough for about sixty members.
fn bucket_policy(records: &[MemberRecord], bucket: &str) -> Value {
    let joined: Vec<&MemberRecord> = records.iter().filter(|r| r.state == "joined").collect();
    let mut statements = vec![json!({"Sid": "OnlyTls", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [bucket, format!("{bucket}/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}}})];
    if !joined.is_empty() {
        let accounts: Vec<&str> = joined.iter().map(|r| r.account.as_str()).collect();
        statements.push(
            json!({"Sid": "Read", "Effect": "Allow", "Principal": {"AWS": accounts}, "Action": "s3:GetObject", "Resource": format!("{bucket}/exchange/*")}),
        );
    }
    statements.extend(joined.iter().map(|r| {
        json!({"Effect": "Allow", "Principal": {"AWS": r.account}, "Action": "s3:PutObject", "Resource": format!("{bucket}/exchange/*/*/{}/*", r.name),
            "Condition": {"Null": {"s3:if-none-match": "false"}}})
    }));
    json!({"Version": "2012-10-17", "Statement": statements})
}
