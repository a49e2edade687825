//! `invite`, `join`, `members`, `revoke`: who takes part. On this computer every company is played by the same person; on AWS a
//! company's own person opens the link in its own console.

use super::tables::{self, pad};
use crate::lang::Key;
use crate::out::Out;
use crate::session::Session;
use domain::request::Request;
use domain::{Class, Fault};
use serde_json::{Value, json};
use std::time::{Duration, UNIX_EPOCH};

/// Who is invited, and to what.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Invitation {
    /// Name.
    pub name: String,
    /// Account.
    pub account: String,
    /// Region.
    pub region: String,
    /// Range; empty = the hub chooses one from the pool.
    pub cidr: String,
    /// How many days the invitation is open.
    pub days: u64,
    /// The request that the member shall agree to, if there is one already.
    pub request: Option<Value>,
}

/// Invites a company and says what its person must do.
pub async fn invite(session: &Session, asked: &Invitation, as_json: bool, out: &Out) -> Result<u8, Fault> {
    let agreement = match &asked.request {
        Some(request) => Request::from_value(request.clone())?.agreement(),
        None => String::new(),
    };
    let (record, link) = session.invite(&asked.name, &asked.account, &asked.region, &asked.cidr, asked.days, &agreement).await?;
    if as_json {
        out.line(json!({"record": record, "link": link}).to_string());
        return Ok(0);
    }
    out.say(Key::Invited, &[&record.name, &record.account, &record.region, &record.cidr]);
    out.say(Key::InvitationOpen, &[&humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(record.expires_s))]);
    if !agreement.is_empty() {
        out.say(Key::InvitationFor, &[&agreement]);
    }
    out.say(Key::InvitationLink, &[&record.account, &link]);
    out.say(Key::InvitationHere, &[&record.account]);
    Ok(0)
}

/// Opens a link in an account of this computer.
pub async fn join(session: &Session, link: &str, account: &str, as_json: bool, out: &Out) -> Result<u8, Fault> {
    let before = session.members();
    let name = session.join(link, account).await?;
    let found = session.members().into_iter().find(|r| r.name == name);
    let judged = match &found {
        Some(r) if r.state == "joined" && r.account == account => Ok(()),
        Some(r) if !r.refused.is_empty() && !before.iter().any(|b| b == r) => Err(r.refused.clone()),
        // Nobody heard it: the bus lets invited accounts in only.
        Some(r) => Err(format!("the invitation of {name} is for account {}; the hub's bus lets nobody else announce itself", r.account)),
        None => Err(format!("`{name}` was never invited, or by another hub")),
    };
    if as_json {
        out.line(json!({"member": name, "joined": judged.is_ok(), "why": judged.as_ref().err()}).to_string());
    }
    match judged {
        Ok(()) if as_json => Ok(0),
        Ok(()) => {
            out.say(Key::JoinedNow, &[&name]);
            Ok(0)
        }
        Err(why) => Err(Fault::new(Class::Denied, why)),
    }
}

/// Shows every member.
pub fn list(session: &Session, as_json: bool, out: &Out) -> u8 {
    let all = session.members();
    if as_json {
        out.line(json!({"members": all}).to_string());
        return 0;
    }
    let now_s = session.cloud.now_ms() / 1000;
    let lang = out.lang();
    let row = |name: &str, account: &str, region: &str, range: &str, state: &str| {
        out.line(format!("{} {} {} {} {state}", pad(name, 16), pad(account, 13), pad(region, 16), pad(range, 18)));
    };
    let word = |key| lang.text(key);
    row(word(Key::MemberColumn), word(Key::AccountColumn), word(Key::RegionColumn), word(Key::RangeColumn), word(Key::StateColumn));
    for r in &all {
        let state = if r.state == "invited" && r.expires_s < now_s { "expired" } else { r.state.as_str() };
        let refused = if r.refused.is_empty() { String::new() } else { lang.say(Key::LastRefused, &[&r.refused]) };
        row(&r.name, &r.account, &r.region, &r.cidr, &format!("{}{refused}", tables::member_state(lang, state)));
    }
    0
}

/// Takes an invitation or a membership back.
pub async fn revoke(session: &Session, name: &str, out: &Out) -> Result<u8, Fault> {
    if !session.members().iter().any(|r| r.name == name) {
        return Err(Fault::field("NAME", format!("`{name}` was never invited"), "bank"));
    }
    session.revoke(name).await?;
    out.say(Key::RevokedNow, &[&name]);
    Ok(0)
}
