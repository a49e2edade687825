//! What irita prints and serves, read. Every reader is tested on recordings of the real program.

use crate::host::Output;
use domain::Fault;
use serde_json::Value;

/// A key as `keys add` and `keys show` print it. The mnemonic is never kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Account address, `iaa…`.
    pub address: String,
    /// Compressed public key, base64; empty for a multisig.
    pub public_key: String,
}

/// `/status`, as far as we care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Peer id.
    pub node_id: String,
    /// Chain id.
    pub network: String,
    /// Height.
    pub height: u64,
    /// Time of that block, RFC 3339.
    pub block_time: String,
    /// Fetching old blocks.
    pub catching_up: bool,
    /// 0 = jailed or removed.
    pub power: u64,
    /// Consensus address, upper hex.
    pub cons_address: String,
}

/// `/commit`, as far as we care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Height.
    pub height: u64,
    /// Block hash, upper hex.
    pub hash: String,
    /// Addresses (upper hex) whose vote for this block is in the commit (`block_id_flag` 2).
    pub signed: Vec<String>,
}

fn bad(what: &str, why: impl std::fmt::Display) -> Fault {
    Fault::internal(format!("{what}: irita's answer is not understood: {why}"))
}

/// Fails with irita's own first error line unless the exit code is 0.
pub fn done(what: &str, output: &Output) -> Result<(), Fault> {
    if output.code == 0 {
        return Ok(());
    }
    let lines = || output.stderr.lines().chain(output.stdout.lines());
    let line = lines().find(|l| l.starts_with("Error:") || l.starts_with("panic:")).or_else(|| lines().next()).unwrap_or("no output");
    Err(Fault::internal(format!("{what}: exit {}: {line}", output.code)))
}

/// `keys add --output json`: on stderr; `keys show --output json`: on stdout.
pub fn key(output: &Output) -> Result<Key, Fault> {
    let value = json("keys", output)?;
    let address = value["address"].as_str().ok_or_else(|| bad("keys", "no address"))?;
    let public_key: Value = value["pubkey"].as_str().and_then(|t| serde_json::from_str(t).ok()).unwrap_or_default();
    Ok(Key { address: address.into(), public_key: public_key["key"].as_str().unwrap_or_default().into() })
}

/// `keys list --output json`: names, types and addresses.
pub fn keys(output: &Output) -> Result<Vec<Value>, Fault> {
    done("keys list", output)?;
    let all: Vec<Value> = serde_json::from_str(output.stdout.trim()).map_err(|e| bad("keys list", e))?;
    Ok(all.iter().map(|k| serde_json::json!({"name": k["name"], "type": k["type"], "address": k["address"]})).collect())
}

/// JSON that irita printed, on whichever stream.
pub fn json(what: &str, output: &Output) -> Result<Value, Fault> {
    done(what, output)?;
    let lines = || output.stdout.lines().chain(output.stderr.lines());
    let line = lines().find(|l| l.starts_with('{')).ok_or_else(|| bad(what, "no JSON"))?;
    serde_json::from_str(line).map_err(|e| bad(what, e))
}

/// `/net_info`: number of peers.
pub fn peers(body: &Value) -> u64 {
    number(body, "/result/n_peers").unwrap_or_default()
}

/// Heights of the last three commits that are canonical at a height. The tip's own may still lack votes that come late; and of
/// fast blocks any single one may lack a vote.
pub fn recent_commits(height: u64) -> std::ops::RangeInclusive<u64> {
    height.saturating_sub(3).max(1)..=height.saturating_sub(1).max(1)
}

/// Why a log ends: its last error or panic without the usage text below it, or else its last three lines, in at most 500
/// characters.
pub fn last_words(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let words: Vec<&str> = match lines.iter().rposition(|l| l.starts_with("Error:") || l.starts_with("panic:")) {
        Some(from) => lines[from..].iter().take_while(|l| !l.starts_with("Usage:")).filter(|l| !l.is_empty()).take(4).copied().collect(),
        None => lines[lines.len().saturating_sub(3)..].to_vec(),
    };
    domain::ids::shorten(&log_lines(&words.join("\n")), 500)
}

/// Log lines (`--log_format json`) as a person reads them: time, level, message, error. Other lines (a panic) stay as they are.
pub fn log_lines(text: &str) -> String {
    let line = |l: &str| match serde_json::from_str::<Value>(l) {
        Ok(v) if v.is_object() => {
            let word = |k: &str| v[k].as_str().unwrap_or_default().to_string();
            let height = v.get("height").map(|h| format!(" height={h}")).unwrap_or_default();
            let err = v.get("err").map(|e| format!(" err={e}")).unwrap_or_default();
            format!("{} {} {}{height}{err}", word("time"), word("level"), word("message"))
        }
        _ => l.to_string(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// `init`: JSON on stderr; gives the peer id.
pub fn init(output: &Output) -> Result<String, Fault> {
    done("init", output)?;
    let value: Value = serde_json::from_str(output.stderr.trim()).map_err(|e| bad("init", e))?;
    value["node_id"].as_str().map(String::from).ok_or_else(|| bad("init", "no node_id"))
}

/// `tendermint show-validator`: the compressed public key, base64, on stdout.
pub fn validator_key(output: &Output) -> Result<String, Fault> {
    done("show-validator", output)?;
    let value: Value = serde_json::from_str(output.stdout.trim()).map_err(|e| bad("show-validator", e))?;
    if value["@type"] != "/cosmos.crypto.sm2.PubKey" {
        return Err(bad("show-validator", "not an SM2 key"));
    }
    value["key"].as_str().map(String::from).ok_or_else(|| bad("show-validator", "no key"))
}

fn number(value: &Value, pointer: &str) -> Result<u64, Fault> {
    let text = value.pointer(pointer).and_then(Value::as_str).ok_or_else(|| bad("rpc", format!("no {pointer}")))?;
    text.parse().map_err(|e| bad("rpc", format!("{pointer}: {e}")))
}

fn text(value: &Value, pointer: &str) -> Result<String, Fault> {
    value.pointer(pointer).and_then(Value::as_str).map(String::from).ok_or_else(|| bad("rpc", format!("no {pointer}")))
}

/// `/status`.
pub fn status(body: &Value) -> Result<Status, Fault> {
    Ok(Status {
        node_id: text(body, "/result/node_info/id")?,
        network: text(body, "/result/node_info/network")?,
        height: number(body, "/result/sync_info/latest_block_height")?,
        block_time: text(body, "/result/sync_info/latest_block_time")?,
        catching_up: body.pointer("/result/sync_info/catching_up").and_then(Value::as_bool).unwrap_or(false),
        power: number(body, "/result/validator_info/voting_power")?,
        cons_address: text(body, "/result/validator_info/address")?,
    })
}

/// `/commit?height=H`; `None` when the block is not there yet.
pub fn commit(body: &Value) -> Result<Option<Commit>, Fault> {
    if body.get("error").is_some() {
        return Ok(None);
    }
    let votes = body.pointer("/result/signed_header/commit/signatures").and_then(Value::as_array);
    let votes = votes.ok_or_else(|| bad("rpc", "no signatures"))?;
    let signed = votes.iter().filter(|v| v["block_id_flag"] == 2).filter_map(|v| v["validator_address"].as_str().map(String::from));
    Ok(Some(Commit {
        height: number(body, "/result/signed_header/header/height")?,
        hash: text(body, "/result/signed_header/commit/block_id/hash")?,
        signed: signed.collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry of a recorded command by the start of its arguments.
    fn recorded(file: &str, argv: &[&str]) -> Output {
        let entry =
            file.lines().map(|l| serde_json::from_str::<Value>(l).expect("json")).find(|e| argv.iter().enumerate().all(|(i, a)| e["argv"][i + 1] == *a));
        let e = entry.expect("recorded");
        let text = |k: &str| e[k].as_str().unwrap_or_default().to_string();
        Output { code: e["exit"].as_i64().unwrap_or(-1) as i32, stdout: text("stdout"), stderr: text("stderr") }
    }

    #[test]
    fn recorded_commands_are_read() {
        let ceremony = include_str!("../tests/fixtures/ceremony-A.jsonl");
        let added = key(&recorded(ceremony, &["keys", "add", "op0"])).expect("key");
        assert_eq!(added.address, "iaa1uv86z53et4jpnzyx4tevca34umx2m49000pcl9");
        assert_eq!(init(&recorded(ceremony, &["init", "org0"])).expect("init"), "0b0470031d422f376dbb91acea47d30e2b0bbfd1");
        let refused = done("add", &recorded(ceremony, &["add-genesis-account", "op0"])).expect_err("exit 1");
        assert!(refused.message.contains("exit 1: Error: failed to get address from Keybase"), "{refused}");
        let tendermint = include_str!("../tests/fixtures/tendermint.jsonl");
        let key = validator_key(&recorded(tendermint, &["tendermint", "show-validator"])).expect("key");
        assert_eq!(key, "A+xFbEu37I48QemSdG4SwLrSxKFnI63sklvmSIUKGiqq");
    }

    #[test]
    fn a_log_tells_why_it_ends() {
        let usage =
            "{\"level\":\"info\",\"message\":\"starting\"}\nError: 1 error(s) decoding:\n\n* time: invalid duration nonsense\nUsage:\n  irita start [flags]\n";
        assert_eq!(last_words(usage), "Error: 1 error(s) decoding:\n* time: invalid duration nonsense");
        let line = "{\"level\":\"error\",\"module\":\"consensus\",\"err\":\"no space left on device\",\"time\":\"2026-11-22T20:59:33Z\",\"message\":\"CONSENSUS FAILURE!!!\"}\n";
        assert_eq!(last_words(line), "2026-11-22T20:59:33Z error CONSENSUS FAILURE!!! err=\"no space left on device\"");
    }

    #[test]
    fn recorded_bodies_are_read() {
        let json = |t: &str| serde_json::from_str::<Value>(t).expect("json");
        let s = status(&json(include_str!("../tests/fixtures/status.validator.json"))).expect("status");
        assert_eq!((s.height, s.power, s.catching_up, s.network.as_str()), (16, 100, false, "probe-0"));
        let jailed = status(&json(include_str!("../tests/fixtures/status.jailed.json"))).expect("status");
        assert_eq!(jailed.power, 0);
        let c = commit(&json(include_str!("../tests/fixtures/commit.json"))).expect("commit").expect("there");
        assert_eq!((c.height, c.signed.len()), (5, 4));
        assert!(commit(&json(include_str!("../tests/fixtures/error.block-too-high.json"))).expect("error body").is_none());
    }
}
