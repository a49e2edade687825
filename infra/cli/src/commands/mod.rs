//! One file per command.

pub mod doctor;
pub mod failure;
pub mod launch;
pub mod look;
pub mod members;
pub mod operate;
pub mod rehearse;
pub mod remove;
pub mod status;
pub mod tables;

use crate::lang::Key;
use crate::out::Out;
use crate::report::{Kept, Left};
use crate::session::{Outcome, Session};
use domain::Fault;
use domain::request::{REQUEST_MAX_BYTES, Request};
use std::io::Read;
use std::path::Path;

/// Reads a request file, at most as much as a request may have.
pub fn request(file: &Path) -> Result<(serde_json::Value, Request), Fault> {
    let unreadable = |e: std::io::Error| Fault::field("FILE", format!("{}: {e}", file.display()), "events/console/launch-testnet.json");
    let mut bytes = vec![];
    let mut reader = std::fs::File::open(file).map_err(unreadable)?.take(REQUEST_MAX_BYTES as u64 + 1);
    reader.read_to_end(&mut bytes).map_err(unreadable)?;
    let request = Request::from_text(&bytes)?;
    Ok((serde_json::json!(request), request))
}

/// A listener for states that tells phases, each once.
pub fn progress(session: &Session, quiet: bool, out: &Out) -> impl FnMut(&str, &str, f64) {
    let (mut last, out, real) = ("", out.clone(), session.real());
    move |_, state, seconds| {
        if let (false, Some(text)) = (quiet, out.lang().told(state))
            && text != last
        {
            out.phase(seconds, text, real);
            last = text;
        }
    }
}

/// The closing lines of a workflow.
pub fn totals(session: &Session, network: &str, outcome: &Outcome, left: &[Left], out: &Out) {
    let (seconds, cost) = (format!("{:.1}", outcome.seconds), format!("{:.4}", outcome.cost));
    let word = out.lang().seconds(session.real());
    out.say(Key::Totals, &[&seconds, &word, &outcome.calls, &outcome.object_calls, &outcome.transitions, &cost]);
    leftovers(network, left, out);
}

/// What a removal kept: why, what it costs, and how to be rid of it.
pub fn kept(network: &str, kept: &[Kept], out: &Out) {
    for (kind, head, later) in [("data", Key::KeptData, Key::DeleteData), ("identity", Key::KeptIdentities, Key::DeleteIdentities)] {
        let these: Vec<&Kept> = kept.iter().filter(|k| k.kind == kind).collect();
        if these.is_empty() {
            continue;
        }
        let total = format!("{:.2}", these.iter().map(|k| k.monthly).sum::<f64>());
        out.say(head, &[&these.len(), &total]);
        these.iter().for_each(|k| out.say(Key::KeptVolume, &[&k.volume, &k.gb, &k.zone, &format!("{:.2}", k.monthly)]));
        out.say(later, &[&network]);
    }
}

/// What is left, or that nothing is.
pub fn leftovers(network: &str, left: &[Left], out: &Out) {
    if left.is_empty() {
        out.say(Key::LeftNone, &[]);
    } else {
        out.say(Key::Left, &[&left.len(), &network]);
        left.iter().for_each(|l| out.line(format!("  {}", l.text(out.lang()))));
    }
}

/// Exit code: as asked, failed and undone, or something left.
pub fn exit(ok: bool, left: &[Left]) -> u8 {
    match (ok, left.is_empty()) {
        (_, false) => 3,
        (true, true) => 0,
        (false, true) => 1,
    }
}
