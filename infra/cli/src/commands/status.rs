//! `status`: what exists, and whether it makes blocks. Height is health, so it watches for a while.

use super::leftovers;
use crate::out::Out;
use crate::report;
use crate::session::Session;
use domain::{Class, Fault};
use std::time::Duration;

/// Long enough for several blocks at the default five seconds; in real time it ends with the first new block.
const WATCH_S: u64 = 30;

/// Runs it.
pub async fn run(session: &Session, network: &str, json: bool, out: &Out) -> Result<u8, Fault> {
    let missing = || Fault::new(Class::NotFound, format!("there is no network `{network}` here"));
    let before = report::network(&session.cloud, network).await.ok_or_else(missing)?;
    let launched = before.manifest.state == "launched";
    let began = session.cloud.now_ms();
    let mut found = before.clone();
    while launched && session.cloud.now_ms() - began < WATCH_S * 1000 {
        tokio::time::sleep(Duration::from_secs(if session.real() { 1 } else { WATCH_S })).await;
        found = report::network(&session.cloud, network).await.ok_or_else(missing)?;
        if session.real() && found.height > before.height {
            break;
        }
    }
    let watched = (session.cloud.now_ms() - began) / 1000;
    let state = found.manifest.state.clone();
    let grows = found.height > before.height;
    let ok = !launched || (grows && found.double_signs.is_empty());
    let status = match state.as_str() {
        "launched" if !grows => "halted".to_string(),
        "launched" if found.nodes.iter().any(|n| !n.signing) => "degraded".to_string(),
        other => other.to_string(),
    };
    let left = report::left(&session.cloud, network, &[]);
    if json {
        out.line(session.summary(&status, network, None, &[]).await.to_string());
        return Ok(u8::from(!ok));
    }
    out.line(format!(
        "{network}: {status}, height {} -> {} in {watched} {}, revision {} of the manifest",
        before.height,
        found.height,
        session.seconds_word(),
        found.manifest.revision
    ));
    if launched {
        out.line(format!("{}\n\n{}", report::ruled_by(&found.manifest), report::table(&found.nodes)));
        for node in &found.nodes {
            if !node.signing {
                out.line(format!("{} does not sign: its machine is {}, its irita is {} at height {}", node.name, node.state, node.service.state, node.height));
            }
            if node.service.restarts > 0 {
                out.line(format!("{}: irita was started again {} times; last: {}", node.name, node.service.restarts, node.service.reason));
            }
        }
    }
    leftovers(&left, out);
    Ok(u8::from(!ok))
}
