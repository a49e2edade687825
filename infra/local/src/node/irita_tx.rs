//! Transactions and queries of the simulated irita: signing, multisigs, sending, and what it prints about its chain.

use super::irita::{error, flag, ok, read_key};
use super::{SimHost, irita_keys};
use crate::chain_state;
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{Class, Fault, ids, multisig};
use nodectl::{Host, Output};
use serde_json::{Value, json};
use sm2::dsa::signature::{Signer, Verifier};

/// The id that irita's signatures are made with.
const DISTID: &str = "1234567812345678";

/// `tx …` and `query …`.
pub(super) fn run(host: &SimHost, args: &[&str], stdin: &str) -> Result<Output, Fault> {
    match args {
        ["tx", "sign", file, rest @ ..] => sign(host, file, rest, stdin),
        ["tx", "multisign", file, name, rest @ ..] => multisign(host, file, name, rest, stdin),
        ["tx", "broadcast", file, ..] => broadcast(host, file),
        ["query", what @ ..] => query(host, what),
        _ => Ok(error(format!("unknown command \"{}\" for \"irita tx\"", args.get(1).unwrap_or(&"")), "tx [command]")),
    }
}

fn json_file(host: &SimHost, file: &str) -> Result<Value, Fault> {
    let text = host.file(file).ok_or_else(|| Fault::new(Class::NotFound, format!("{file} is missing")))?;
    serde_json::from_str(&text).map_err(|e| Fault::internal(e.to_string()))
}

/// What is signed: everything that a signature binds on the real chain.
fn message(tx: &Value, chain_id: &str, account: &str, sequence: &str) -> String {
    format!("{chain_id}/{account}/{sequence}/{}/{}", tx["body"], tx["auth_info"]["fee"])
}

fn sign(host: &SimHost, file: &str, args: &[&str], stdin: &str) -> Result<Output, Fault> {
    let get = |name: &str| flag(args, name).unwrap_or_default();
    let keyring = format!("{}/keyring-file", get("--keyring-dir"));
    let stored = match irita_keys::open(host, &keyring, get("--from"), stdin)? {
        Ok(stored) => stored,
        Err(refused) => return Ok(refused),
    };
    let mut tx = json_file(host, file)?;
    let signer = sm2::dsa::SigningKey::new(DISTID, &read_key(&stored.to_string())?).map_err(|e| Fault::internal(e.to_string()))?;
    let signature: sm2::dsa::Signature = signer.sign(message(&tx, get("--chain-id"), get("-a"), get("-s")).as_bytes());
    let signature = STANDARD.encode(signature.to_bytes());
    let public_key: Value = serde_json::from_str(stored["pubkey"].as_str().unwrap_or_default()).unwrap_or_default();
    if flag(args, "--multisig").is_some() {
        tx = json!({"signatures": [{"public_key": public_key, "sequence": get("-s"),
            "data": {"single": {"mode": "SIGN_MODE_LEGACY_AMINO_JSON", "signature": signature}}}]});
    } else {
        let mode = json!({"single": {"mode": "SIGN_MODE_DIRECT"}});
        tx["auth_info"]["signer_infos"] = json!([{"public_key": public_key, "mode_info": mode, "sequence": get("-s")}]);
        tx["signatures"] = json!([signature]);
    }
    host.write(get("--output-document"), tx.to_string().as_bytes(), 0o644)?;
    Ok(ok("", ""))
}

/// Puts signatures together without asking whether they are enough; the chain asks.
fn multisign(host: &SimHost, file: &str, name: &str, args: &[&str], stdin: &str) -> Result<Output, Fault> {
    let get = |name: &str| flag(args, name).unwrap_or_default();
    let keyring = format!("{}/keyring-file", get("--keyring-dir"));
    let root = match irita_keys::open(host, &keyring, name, stdin)? {
        Ok(root) => root,
        Err(refused) => return Ok(refused),
    };
    let mut tx = json_file(host, file)?;
    let mut parts = vec![];
    for part in args.iter().take_while(|a| !a.starts_with('-')) {
        parts.push(json_file(host, part)?["signatures"][0].clone());
    }
    let public_key: Value = serde_json::from_str(root["pubkey"].as_str().unwrap_or_default()).unwrap_or_default();
    tx["auth_info"]["signer_infos"] = json!([{"public_key": public_key, "mode_info": {"multi": {}}, "sequence": get("-s")}]);
    tx["signatures"] = json!([STANDARD.encode(json!(parts).to_string())]);
    // As the real one: on stderr.
    Ok(ok("", format!("{tx}\n")))
}

/// Whether a transaction of a multisig carries enough signatures of different keys over exactly these bytes.
fn signed_well(tx: &Value, chain_id: &str, account: u64, sequence: u64) -> bool {
    let key = &tx["auth_info"]["signer_infos"][0]["public_key"];
    let list: Vec<String> = key["public_keys"].as_array().into_iter().flatten().filter_map(|k| k["key"].as_str().map(String::from)).collect();
    let threshold = key["threshold"].as_u64().unwrap_or(u64::MAX);
    let sender = tx["body"]["messages"][0]["operator"].as_str().unwrap_or_default();
    if multisig::address(&list, threshold as u32).ok().as_deref() != Some(sender) {
        return false;
    }
    let parts = STANDARD.decode(tx["signatures"][0].as_str().unwrap_or_default()).unwrap_or_default();
    let parts: Vec<Value> = serde_json::from_slice(&parts).unwrap_or_default();
    let bytes = message(tx, chain_id, &account.to_string(), &sequence.to_string());
    let mut good: Vec<&str> = vec![];
    for part in &parts {
        let (Some(key), Some(signature)) = (part["public_key"]["key"].as_str(), part["data"]["single"]["signature"].as_str()) else { continue };
        let verify = || -> Option<bool> {
            let key = sm2::PublicKey::from_sec1_bytes(&STANDARD.decode(key).ok()?).ok()?;
            let signature = sm2::dsa::Signature::from_slice(&STANDARD.decode(signature).ok()?).ok()?;
            Some(sm2::dsa::VerifyingKey::new(DISTID, key).ok()?.verify(bytes.as_bytes(), &signature).is_ok())
        };
        if list.iter().any(|k| k == key) && !good.contains(&key) && verify() == Some(true) {
            good.push(key);
        }
    }
    good.len() as u64 >= threshold
}

/// Sends: CheckTx's refusals come at once (exit 0 with a code), the rest with the block.
fn broadcast(host: &SimHost, file: &str) -> Result<Output, Fault> {
    let tx = json_file(host, file)?;
    let now = host.cloud.now_ms();
    let mut world = host.cloud.world();
    crate::chain::advance(&mut world, now);
    let Some(genesis) = world.processes.get(&host.instance).map(|p| p.genesis_sha256.clone()) else {
        return Ok(error("post failed: Post \"http://127.0.0.1:26657\": dial tcp 127.0.0.1:26657: connect: connection refused", "tx broadcast [file_path] [flags]"));
    };
    let Some(chain) = world.chains.get_mut(&genesis) else { return Err(Fault::internal("no chain")) };
    let sender = tx["body"]["messages"][0]["operator"].as_str().unwrap_or_default();
    let (account, sequence) = chain.accounts.get(sender).copied().unwrap_or_default();
    let hash = ids::sha256_hex(tx.to_string().as_bytes()).to_uppercase();
    let refused = match chain_state::check(chain, &tx) {
        Ok(()) if signed_well(&tx, &chain.chain_id, account, sequence) => None,
        Ok(()) => Some(("sdk", 4, "signature verification failed: unauthorized".to_string())),
        Err(refused) => Some(refused),
    };
    let (codespace, code, log) = refused.unwrap_or(("", 0, "[]".into()));
    if code == 0 {
        chain.pending.push((hash.clone(), tx));
    }
    Ok(ok(format!("{}\n", json!({"height": "0", "txhash": hash, "codespace": codespace, "code": code, "data": "", "raw_log": log, "logs": []})), ""))
}

fn query(host: &SimHost, what: &[&str]) -> Result<Output, Fault> {
    let now = host.cloud.now_ms();
    let mut world = host.cloud.world();
    crate::chain::advance(&mut world, now);
    let chain = world.processes.get(&host.instance).and_then(|p| world.chains.get(&p.genesis_sha256));
    let Some(chain) = chain else { return Ok(error("post failed: dial tcp: connect: connection refused", "query [command]")) };
    let answer = match what {
        ["perm", "roles", account, ..] => json!({"roles": chain.roles.get(*account).cloned().unwrap_or_default()}),
        ["auth", "account", address, ..] => match chain.accounts.get(*address) {
            Some((number, sequence)) => json!({"@type": "/cosmos.auth.v1beta1.BaseAccount", "address": address, "pub_key": null,
                "account_number": number.to_string(), "sequence": sequence.to_string()}),
            None => return Ok(error(format!("rpc error: code = NotFound desc = account {address} not found: key not found"), "query auth account [address] [flags]")),
        },
        ["node", "validators", ..] => {
            let one = |(address, (name, power)): (&String, &(String, u64))| {
                let jailed = chain.jailed.get(address);
                json!({"id": chain_state::validator_id(address), "name": name, "power": jailed.map(|(before, _)| *before).unwrap_or(*power).to_string(), "jailed": jailed.is_some()})
            };
            json!({"validators": chain.validators.iter().map(one).collect::<Vec<_>>()})
        }
        _ => return Ok(error(format!("unknown command \"{}\" for \"irita query\"", what.first().unwrap_or(&"")), "query [command]")),
    };
    Ok(ok(format!("{answer}\n"), ""))
}
