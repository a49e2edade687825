//! Keys of the simulated irita: a file keyring behind a passphrase, on the streams that were recorded.

use super::irita::{error, flag, ok, public, secret};
use super::{SimHost, address};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{Fault, multisig};
use nodectl::{Host, Output};
use serde_json::{Value, json};

/// Words of simulated mnemonics; not BIP-39's, so that no real one can be taken for a fixture.
const WORDS: [&str; 8] = ["harbour", "pencil", "velvet", "granite", "lantern", "orchid", "saddle", "copper"];

/// `keys …`.
pub(super) fn run(host: &SimHost, args: &[&str], stdin: &str) -> Result<Output, Fault> {
    let Some(keyring) = flag(args, "--keyring-dir").map(|d| format!("{d}/keyring-file")) else {
        return Ok(error("the simulated irita keeps keys only in --keyring-dir", "keys [command]"));
    };
    match args {
        ["add", name, rest @ ..] => add(host, &keyring, name, rest, stdin),
        ["show", name, ..] => match open(host, &keyring, name, stdin)? {
            Ok(key) => Ok(ok(shown(&key).to_string(), "")),
            Err(refused) => Ok(refused),
        },
        ["list", ..] => {
            if let Some(refused) = wrong_passphrase(host, &keyring, stdin) {
                return Ok(refused);
            }
            let names = host.names_below(&keyring);
            let all = names.iter().filter_map(|n| n.strip_suffix(".info")).filter_map(|n| stored(host, &keyring, n));
            Ok(ok(all.map(|k| shown(&k)).collect::<Value>().to_string(), ""))
        }
        _ => Ok(error(format!("unknown command \"{}\" for \"irita keys\"", args.first().unwrap_or(&"")), "keys [command]")),
    }
}

/// A key with its secret, or the refusal.
pub(super) fn open(host: &SimHost, keyring: &str, name: &str, stdin: &str) -> Result<Result<Value, Output>, Fault> {
    if let Some(refused) = wrong_passphrase(host, keyring, stdin) {
        return Ok(Err(refused));
    }
    Ok(stored(host, keyring, name).ok_or_else(|| error(format!("{name}: key not found"), "keys show [name_or_address] [flags]")))
}

fn stored(host: &SimHost, keyring: &str, name: &str) -> Option<Value> {
    serde_json::from_str(&host.file(&format!("{keyring}/{name}.info"))?).ok()
}

fn shown(key: &Value) -> Value {
    json!({"name": key["name"], "type": key["type"], "address": key["address"], "pubkey": key["pubkey"]})
}

/// Three tries at the first line of standard input; `None` = it is right.
fn wrong_passphrase(host: &SimHost, keyring: &str, stdin: &str) -> Option<Output> {
    let kept = host.file(&format!("{keyring}/keyhash"))?;
    if stdin.lines().next() == Some(kept.as_str()) {
        return None;
    }
    let refused = error("too many failed passphrase attempts", "keys [command]").stderr;
    Some(Output { code: 1, stderr: format!("incorrect passphrase\nincorrect passphrase\nincorrect passphrase\n{refused}"), ..Output::default() })
}

fn add(host: &SimHost, keyring: &str, name: &str, args: &[&str], stdin: &str) -> Result<Output, Fault> {
    let lines: Vec<&str> = stdin.lines().collect();
    let new = host.file(&format!("{keyring}/keyhash")).is_none();
    if new && (lines.len() < 2 || lines[0].len() < 8 || lines[0] != lines[1]) {
        let refused = error("too many failed passphrase attempts", "keys add <name> [flags]").stderr;
        return Ok(Output { code: 1, stderr: format!("EOF\nEOF\nEOF\n{refused}"), ..Output::default() });
    }
    if let Some(refused) = wrong_passphrase(host, keyring, stdin) {
        return Ok(refused);
    }
    if stored(host, keyring, name).is_some() {
        return Ok(error("aborted", "keys add <name> [flags]"));
    }
    let mut mnemonic = None;
    let (kind, account, pubkey, private) = if let Some(given) = flag(args, "--pubkey") {
        let key: Value = serde_json::from_str(given).unwrap_or_default();
        ("offline", multisig::account(key["key"].as_str().unwrap_or_default())?, given.to_string(), String::new())
    } else if let Some(names) = flag(args, "--multisig") {
        let threshold: u32 = flag(args, "--multisig-threshold").and_then(|t| t.parse().ok()).unwrap_or(1);
        let mut keys = vec![];
        for part in names.split(',') {
            let Some(found) = stored(host, keyring, part) else { return Ok(error(format!("{part}: key not found"), "keys add <name> [flags]")) };
            let key: Value = serde_json::from_str(found["pubkey"].as_str().unwrap_or_default()).unwrap_or_default();
            keys.push(key["key"].as_str().unwrap_or_default().to_string());
        }
        keys.sort_by_key(|k| address(k));
        let list: Vec<Value> = keys.iter().map(|k| json!({"@type": "/cosmos.crypto.sm2.PubKey", "key": k})).collect();
        let pubkey = json!({"@type": "/cosmos.crypto.multisig.LegacyAminoPubKey", "threshold": threshold, "public_keys": list});
        ("multi", multisig::address(&keys, threshold)?, pubkey.to_string(), String::new())
    } else {
        let key = secret(host)?;
        let words: Vec<&str> = host.entropy(24)?.iter().map(|b| WORDS[usize::from(*b) % WORDS.len()]).collect();
        host.cloud.world().mnemonics.push(words.join(" "));
        mnemonic = Some(words.join(" "));
        let pubkey = json!({"@type": "/cosmos.crypto.sm2.PubKey", "key": public(&key)}).to_string();
        ("local", multisig::account(&public(&key))?, pubkey, STANDARD.encode(key.to_bytes()))
    };
    if new {
        host.write(&format!("{keyring}/keyhash"), lines[0].as_bytes(), 0o600)?;
    }
    let mut key = json!({"name": name, "type": kind, "address": account, "pubkey": pubkey});
    let mut kept = key.clone();
    if kind == "local" {
        kept["priv_key"] = json!({"value": private});
    }
    host.write(&format!("{keyring}/{name}.info"), kept.to_string().as_bytes(), 0o600)?;
    if let Some(words) = mnemonic {
        key["mnemonic"] = json!(words);
    }
    Ok(ok("", format!("{key}\n")))
}
