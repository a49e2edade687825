//! `ensure-invitation` / `remove-invitation`: who may become a member, and the link that a company opens in its own account.

use crate::Context;
use crate::guard::param;
use crate::onboard::registry;
use domain::consortium::{self, FOUNDER, MemberRecord};
use domain::{Class, Fault, ids};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

/// An invitation may be open this many days.
const DAYS_MAX: u64 = 90;

/// Invites an account in a region, with a range of its own, and gives the record and the quick-create link. The same
/// invitation again, while it is open, is the same; one that expired or was revoked is made anew, with another relation id.
/// `Conflict` for a member that has joined. Undo: [`remove`].
pub async fn ensure(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let text = |name: &str| param::<Option<String>>(&event, name).map(Option::unwrap_or_default);
    let (name, account, region, range, agreement) = (text("name")?, text("account")?, text("region")?, text("cidr")?, text("agreement")?);
    let days: u64 = param(&event, "days")?;
    check(ctx, &name, &account, &region, days)?;
    let now = ctx.aws.now_s();
    let found = registry::read(ctx, &name).await?;
    if let Some((record, _)) = &found {
        let same = record.account == account && record.region == region && (range.is_empty() || record.cidr == range);
        match record.state.as_str() {
            "invited" if same && now <= record.expires_s => {
                registry::ensure_access(ctx).await?;
                return answer(ctx, record, &agreement);
            }
            "joined" => return Err(Fault::new(Class::Conflict, format!("{name} has joined already, from account {} in {}", record.account, record.region))),
            _ => {}
        }
    }
    let others: Vec<MemberRecord> = registry::all(ctx).await?.into_iter().filter(|r| r.name != name).collect();
    if let Some(twin) = others.iter().find(|r| r.account == account && r.state != "revoked") {
        return Err(Fault::field("account", format!("{account} is {} already; one company is one account", twin.name), "\"444455556666\""));
    }
    // The range of a revoked member may still be routed to: only time and its own stack's end make it free.
    let mut taken: Vec<(String, String)> = others.iter().map(|r| (r.name.clone(), r.cidr.clone())).collect();
    taken.push((FOUNDER.into(), ctx.setting("FOUNDER_CIDR")?.into()));
    let cidr = match range.is_empty() {
        true => consortium::free_range(&taken.iter().map(|(_, c)| c.clone()).collect::<Vec<_>>())?,
        false => range,
    };
    taken.push(("cidr".into(), cidr.clone()));
    consortium::check_apart(&taken)?;
    let relation = ids::shorten(&ids::sha256_hex(format!("{}/{name}/{account}/{region}/{now}", ctx.setting("BUS")?).as_bytes()), 32);
    let record = MemberRecord { name, account, region, cidr, relation, expires_s: now + days * 86_400, state: "invited".into(), refused: String::new() };
    registry::write(ctx, &record, found.as_ref().map(|(_, etag)| etag.as_str())).await?;
    registry::ensure_access(ctx).await?;
    answer(ctx, &record, &agreement)
}

fn check(ctx: &Context, name: &str, account: &str, region: &str, days: u64) -> Result<(), Fault> {
    if !consortium::is_member_name(name) || name == FOUNDER {
        return Err(Fault::field("name", format!("2 to 31 of a-z, 0-9 and -, starting with a letter, and not `{FOUNDER}`"), "\"bank\""));
    }
    if !consortium::is_account(account) {
        return Err(Fault::field("account", format!("`{account}` is not an account of 12 digits"), "\"444455556666\""));
    }
    if account == ctx.setting("ACCOUNT")? {
        return Err(Fault::field("account", format!("{account} is the founder's own"), "\"444455556666\""));
    }
    if !consortium::is_region(region) {
        return Err(Fault::field("region", format!("`{region}` is not a region's name"), "\"eu-west-1\""));
    }
    let own = ctx.aws.region();
    if consortium::partition(region) != consortium::partition(&own) {
        let why = format!("{region} is in the partition {}, the hub in {}", consortium::partition(region), consortium::partition(&own));
        return Err(Fault::field("region", why, format!("\"{own}\"")));
    }
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(Fault::field("days", format!("1 to {DAYS_MAX}"), "7"));
    }
    Ok(())
}

/// The record, the stack's parameters, and the link that fills them in.
fn answer(ctx: &Context, record: &MemberRecord, agreement: &str) -> Result<Value, Fault> {
    let setting = |name: &str| ctx.setting(name).map(String::from);
    let own = ctx.aws.region();
    // One artefact bucket a region, all named alike but for the region at the end.
    let bucket = setting("ARTEFACT_BUCKET")?;
    let bucket = bucket.strip_suffix(&own).map(|base| format!("{base}{}", record.region)).unwrap_or(bucket.clone());
    let parameters = json!({
        "Prefix": setting("PREFIX")?, "MemberName": record.name, "RelationId": record.relation, "Cidr": record.cidr, "Agreement": agreement,
        "HubRole": setting("HUB_ROLE")?, "HubBucket": setting("HUB_BUCKET")?, "HubRegion": own, "HubBus": setting("BUS")?,
        "ArtefactBucket": bucket, "CodeKey": setting("CODE_KEY")?, "NodectlKey": setting("NODECTL_KEY")?, "NodectlSha256": setting("NODECTL_SHA256")?,
        "Image": setting("IMAGE")?,
    });
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let template = format!("https://{bucket}.s3.{}.{}/{}", record.region, setting("URL_SUFFIX")?, setting("MEMBER_TEMPLATE_KEY")?);
    let console = match consortium::partition(&record.region) {
        "aws-cn" => "console.amazonaws.cn",
        "aws-us-gov" => "console.amazonaws-us-gov.com",
        _ => "console.aws.amazon.com",
    };
    let mut link = format!(
        "https://{}.{console}/cloudformation/home?region={}#/stacks/quickcreate?templateURL={}&stackName={}-member",
        record.region,
        record.region,
        encode(&template),
        setting("PREFIX")?
    );
    for (name, value) in parameters.as_object().into_iter().flatten() {
        link += &format!("&param_{name}={}", encode(value.as_str().unwrap_or_default()));
    }
    Ok(json!({"record": record, "link": link}))
}

/// Takes an invitation or a membership back at the hub: no announcement and no exchange from then on. What runs in the member's
/// account is not touched. Undo of [`ensure`].
pub async fn remove(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let name: String = param(&event, "name")?;
    if let Some((record, etag)) = registry::read(ctx, &name).await?
        && record.state != "revoked"
    {
        registry::write(ctx, &MemberRecord { state: "revoked".into(), ..record }, Some(&etag)).await?;
    }
    registry::ensure_access(ctx).await?;
    Ok(json!({"revoked": name}))
}
