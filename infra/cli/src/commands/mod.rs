//! One file per command.

pub mod launch;
pub mod look;
pub mod operate;
pub mod rehearse;
pub mod remove;
pub mod status;

use crate::out::Out;
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

/// What a state means to a person; states that only look or choose are not told.
fn phrase(state: &str) -> Option<&'static str> {
    Some(match state {
        "AcquireLock" => "taking the network's lock",
        "PlanNetwork" => "planning",
        "RecordLaunching" => "recording what is meant to be made",
        "EnsureNodes" => "starting machines",
        "WaitForBoot" => "machines boot, agents come up",
        "NameNodes" => "naming nodes and volumes",
        "PrepareNodes" => "preparing nodes: disks, image, keys that never leave them",
        "SignCertificates" => "the authority node signs certificates",
        "MakeGentxs" => "each node signs its own genesis transaction",
        "EnsureGenesis" => "assembling the genesis",
        "CheckGenesis" => "each node checks the genesis",
        "StartNodes" => "configuring and starting irita",
        "CheckBlocks" => "waiting for blocks signed by all",
        "CloseLaunch" => "the root's first act: nobody else may change the validator set",
        "CheckHealth" => "looking at every node",
        "OperateNode" => "one node: changing it and waiting until it is back",
        "PassRootAct" => "the root's keys sign and send",
        "RecordLaunched" => "recording the launch",
        "UndoResources" => "UNDOING: removing what was made",
        "RecordRemoving" => "recording the removal",
        "RemoveNodes" => "ending machines",
        "RemoveVolumes" => "deleting volumes",
        "CheckSettlement" => "settling: looking at what an ended run left",
        _ => return None,
    })
}

/// A listener for states that prints phases, each once.
pub fn progress(quiet: bool, out: &Out) -> impl FnMut(&str, &str, f64) {
    let (mut last, out) = ("", out.clone());
    move |_, state, seconds| {
        if let (false, Some(text)) = (quiet, phrase(state))
            && text != last
        {
            out.line(format!("  {seconds:>7.1} s  {text}"));
            last = text;
        }
    }
}

/// The closing lines of a workflow.
pub fn totals(session: &Session, outcome: &Outcome, left: &[String], out: &Out) {
    out.line(format!(
        "\n{:.1} {}, {} AWS calls and {} of objects, {} transitions, ${:.4} orchestration",
        outcome.seconds,
        session.seconds_word(),
        outcome.calls,
        outcome.object_calls,
        outcome.transitions,
        outcome.cost
    ));
    leftovers(left, out);
}

/// What is left, or that nothing is.
pub fn leftovers(left: &[String], out: &Out) {
    if left.is_empty() {
        out.line("leftovers: none");
    } else {
        out.line(format!("leftovers ({}), run: consortium remove NETWORK", left.len()));
        left.iter().for_each(|l| out.line(format!("  {l}")));
    }
}

/// Exit code: as asked, failed and undone, or something left.
pub fn exit(ok: bool, left: &[String]) -> u8 {
    match (ok, left.is_empty()) {
        (_, false) => 3,
        (true, true) => 0,
        (false, true) => 1,
    }
}
