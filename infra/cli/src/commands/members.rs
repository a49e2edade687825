//! `invite`, `join`, `members`, `revoke`: who takes part. On this computer every company is played by the same person; on AWS a
//! company's own person opens the link in its own console.

use crate::out::Out;
use crate::session::Session;
use domain::consortium::MemberRecord;
use domain::request::Request;
use domain::{Class, Fault};
use serde_json::{Value, json};

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
    out.line(format!("{} (account {}, {}) is invited; its range is {}", record.name, record.account, record.region, record.cidr));
    out.line(format!(
        "the invitation is open until {}",
        humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + std::time::Duration::from_secs(record.expires_s))
    ));
    if !agreement.is_empty() {
        out.line(format!("its nodes will accept this network only: {agreement}"));
    }
    out.line(format!("\nIts person opens this link in the console of account {}, reads the parameters and creates the stack:\n\n{link}\n", record.account));
    out.line(format!("here on this computer: consortium join '<link>' --account {}", record.account));
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
            out.line(format!("{name} has joined: its stack is there, and the hub may ask its functions and nothing else"));
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
    out.line(format!("{:<16} {:<13} {:<16} {:<18} {}", "member", "account", "region", "range", "state"));
    let state = |r: &MemberRecord| match r.state.as_str() {
        "invited" if r.expires_s < now_s => "expired".to_string(),
        other => other.to_string(),
    };
    for r in &all {
        let refused = if r.refused.is_empty() { String::new() } else { format!(" (last announcement refused: {})", r.refused) };
        out.line(format!("{:<16} {:<13} {:<16} {:<18} {}{refused}", r.name, r.account, r.region, r.cidr, state(r)));
    }
    0
}

/// Takes an invitation or a membership back.
pub async fn revoke(session: &Session, name: &str, out: &Out) -> Result<u8, Fault> {
    if !session.members().iter().any(|r| r.name == name) {
        return Err(Fault::field("NAME", format!("`{name}` was never invited"), "bank"));
    }
    session.revoke(name).await?;
    out.line(format!("{name} is revoked: the hub asks it nothing and lets its nodes exchange nothing; what runs in its account is its own"));
    Ok(0)
}
