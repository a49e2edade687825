//! `status`: what exists, and whether it makes blocks. Height is health, so it watches for a while.

use super::{leftovers, tables};
use crate::lang::Key;
use crate::out::Out;
use crate::report::{self, NetworkReport};
use crate::session::Session;
use domain::{Class, Fault};
use std::time::Duration;

/// Long enough for several blocks at the default five seconds; in real time it ends with the first new block.
const WATCH_S: u64 = 30;

/// A network, watched for a while if it is launched.
pub struct Watched {
    /// Height at the beginning.
    pub from: u64,
    /// What it is at the end.
    pub found: NetworkReport,
    /// Seconds between.
    pub seconds: u64,
}

/// Watches a network. `NotFound` if there is none.
pub async fn watch(session: &Session, network: &str) -> Result<Watched, Fault> {
    let missing = || Fault::new(Class::NotFound, format!("there is no network `{network}` here"));
    let mut found = report::network(&session.cloud, network).await.ok_or_else(missing)?;
    let (from, began) = (found.height, session.cloud.now_ms());
    while found.manifest.state == "launched" && session.cloud.now_ms() - began < WATCH_S * 1000 {
        tokio::time::sleep(Duration::from_secs(if session.real() { 1 } else { WATCH_S })).await;
        found = report::network(&session.cloud, network).await.ok_or_else(missing)?;
        if session.real() && found.height > from {
            break;
        }
    }
    Ok(Watched { from, found, seconds: (session.cloud.now_ms() - began) / 1000 })
}

/// Runs it.
pub async fn run(session: &Session, network: &str, json: bool, out: &Out) -> Result<u8, Fault> {
    let Watched { from, found, seconds } = watch(session, network).await?;
    let state = found.manifest.state.clone();
    let (launched, grows) = (state == "launched", found.height > from);
    let ok = !launched || (grows && found.double_signs.is_empty());
    let status = match state.as_str() {
        "launched" if !grows => "halted".to_string(),
        "launched" if found.nodes.iter().any(|n| !n.signing) => "degraded".to_string(),
        other => other.to_string(),
    };
    let left = report::left(&session.cloud, network);
    if json {
        out.line(session.summary(&status, network, None).await.to_string());
        return Ok(u8::from(!ok));
    }
    let lang = out.lang();
    let word = lang.seconds(session.real());
    out.say(Key::StatusLine, &[&network, &tables::state(lang, &status), &from, &found.height, &seconds, &word, &found.manifest.revision]);
    if launched {
        out.line(tables::ruled_by(lang, &found.manifest));
        if found.members.len() > 1 {
            out.line(format!("\n{}\n{}", tables::members(lang, &found.members), tables::peerings(lang, &found.peerings)));
        }
        out.line(format!("\n{}", tables::nodes(lang, &found.nodes)));
        for node in &found.nodes {
            if !node.signing {
                out.say(Key::Silent, &[&node.name, &tables::machine(lang, &node.state), &tables::service(lang, &node.service.state), &node.height]);
            }
            if node.service.restarts > 0 {
                out.say(Key::Restarted, &[&node.name, &node.service.restarts, &node.service.reason]);
            }
        }
    }
    super::kept(network, &report::kept(&session.cloud.world(), network), out);
    leftovers(network, &left, out);
    Ok(u8::from(!ok))
}
