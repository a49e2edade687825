//! Transactions of the simulated irita: signing, putting signatures together, sending.

use super::irita::{error, flag, ok, read_key};
use super::irita_keys::Keyring;
use super::{SimHost, address, irita_query};
use crate::world::Chain;
use crate::{chain_check, chain_state};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{Fault, ids, multisig};
use nodectl::{Host, Output};
use serde_json::{Value, json};
use sm2::dsa::signature::Signer;

/// How a multisig's members sign.
const AMINO: &str = "SIGN_MODE_LEGACY_AMINO_JSON";

/// `tx …`.
pub(super) fn run(host: &SimHost, args: &[&str], stdin: &[&str]) -> Result<Output, Fault> {
    let mut keyring = Keyring::of(host, args, stdin);
    let (done, usage) = match args {
        ["sign", file, rest @ ..] => (sign(host, &mut keyring, file, rest), "tx sign [file] [flags]"),
        ["multisign", file, name, rest @ ..] => (multisign(host, &mut keyring, file, name, rest), "tx multisign [file] [name] [[signature]...] [flags]"),
        ["broadcast", file, ..] => return broadcast(host, file, args),
        _ => return Err(Fault::internal(format!("the simulated irita has no tx {}", args.join(" ")))),
    };
    let document = flag(args, "--output-document");
    match (done, document) {
        (Err(why), _) => Ok(keyring.refuse(why, usage)),
        (Ok(text), Some(file)) => host.write(file, text.as_bytes(), 0o644).map(|()| keyring.tell("")),
        // As the real one: on stderr.
        (Ok(text), None) => Ok(keyring.tell(&format!("{text}\n"))),
    }
}

fn json_file(host: &SimHost, file: &str) -> Result<Value, String> {
    let text = host.file(file).ok_or_else(|| format!("open {file}: no such file or directory"))?;
    serde_json::from_str(&text).map_err(|e| e.to_string())
}

fn public_key(stored: &Value) -> Value {
    serde_json::from_str(stored["pubkey"].as_str().unwrap_or_default()).unwrap_or_default()
}

fn sign(host: &SimHost, keyring: &mut Keyring, file: &str, args: &[&str]) -> Result<String, String> {
    let get = |name: &str| flag(args, name).unwrap_or_default();
    let stored = keyring.key(get("--from"))?;
    let mut tx = json_file(host, file)?;
    let for_multisig = flag(args, "--multisig").is_some();
    if !for_multisig && tx["body"]["messages"][0]["operator"] != stored["address"] {
        return Err(format!("tx intended signer does not match the given signer: {}", get("--from")));
    }
    let key = read_key(&stored.to_string()).map_err(|f| f.message)?;
    let signer = sm2::dsa::SigningKey::new(chain_check::DISTID, &key).map_err(|e| e.to_string())?;
    let bytes = chain_check::signed_bytes(&tx, get("--chain-id"), get("-a"), get("-s"));
    let signature: sm2::dsa::Signature = signer.sign(bytes.as_bytes());
    let signature = STANDARD.encode(signature.to_bytes());
    if for_multisig {
        tx = json!({"signatures": [{"public_key": public_key(&stored), "sequence": get("-s"), "data": {"single": {"mode": AMINO, "signature": signature}}}]});
    } else {
        let mode = json!({"single": {"mode": "SIGN_MODE_DIRECT"}});
        tx["auth_info"]["signer_infos"] = json!([{"public_key": public_key(&stored), "mode_info": mode, "sequence": get("-s")}]);
        tx["signatures"] = json!([signature]);
    }
    Ok(tx.to_string())
}

/// Puts good signatures together without asking whether they are enough; the chain asks.
fn multisign(host: &SimHost, keyring: &mut Keyring, file: &str, name: &str, args: &[&str]) -> Result<String, String> {
    let get = |name: &str| flag(args, name).unwrap_or_default();
    let mut tx = json_file(host, file)?;
    let root = keyring.key(name).map_err(|why| format!("error getting keybase multisig account: {why}"))?;
    if root["type"] != "multi" {
        return Err(format!("\"{name}\" must be of type multi: {}", root["type"].as_str().unwrap_or_default()));
    }
    let key = public_key(&root);
    let list: Vec<&str> = key["public_keys"].as_array().into_iter().flatten().filter_map(|k| k["key"].as_str()).collect();
    let bytes = chain_check::signed_bytes(&tx, get("--chain-id"), get("-a"), get("-s"));
    let mut parts: Vec<(usize, Value)> = vec![];
    for file in args.iter().take_while(|a| !a.starts_with('-')) {
        let part = json_file(host, file)?["signatures"][0].clone();
        let member = part["public_key"]["key"].as_str().unwrap_or_default();
        let account = multisig::account(member).map_err(|f| f.message)?;
        if !chain_check::is_signature(member, part["data"]["single"]["signature"].as_str().unwrap_or_default(), &bytes) {
            return Err(format!("couldn't verify signature for address {account}"));
        }
        let Some(at) = list.iter().position(|k| *k == member) else {
            return Err(format!("provided key {} doesn't exist in pubkeys: ", address(member).unwrap_or_default()));
        };
        // One signer twice counts once.
        parts.retain(|(other, _)| *other != at);
        parts.push((at, part));
    }
    parts.sort_by_key(|(at, _)| *at);
    let mut bits = vec![0_u8; list.len().div_ceil(8)];
    parts.iter().for_each(|(at, _)| bits[at / 8] |= 0x80 >> (at % 8));
    let modes: Vec<Value> = parts.iter().map(|_| json!({"single": {"mode": AMINO}})).collect();
    let mode = json!({"multi": {"bitarray": {"extra_bits_stored": list.len() % 8, "elems": STANDARD.encode(bits)}, "mode_infos": modes}});
    tx["auth_info"]["signer_infos"] = json!([{"public_key": key, "mode_info": mode, "sequence": get("-s")}]);
    tx["signatures"] = json!([STANDARD.encode(json!(parts.iter().map(|(_, p)| p).collect::<Vec<_>>()).to_string())]);
    Ok(tx.to_string())
}

/// Sends: CheckTx's refusals come at once (exit 0 with a code), the rest with the block.
fn broadcast(host: &SimHost, file: &str, args: &[&str]) -> Result<Output, Fault> {
    let usage = "tx broadcast [file_path] [flags]";
    let tx = match json_file(host, file) {
        Ok(tx) => tx,
        Err(why) => return Ok(error(why, usage)),
    };
    let mut world = host.cloud.world();
    let chain = match irita_query::asked(host, &mut world, args) {
        Ok(chain) => chain,
        Err(why) => return Ok(error(why, usage)),
    };
    let hash = ids::sha256_hex(tx.to_string().as_bytes()).to_uppercase();
    let (codespace, code, log) = match known(chain, &hash).map_or_else(|| chain_check::check(chain, &tx), Err) {
        Ok(()) => ("", 0, "[]".to_string()),
        Err(refused) => refused,
    };
    if code == 0 {
        chain.pending.push((hash.clone(), tx));
    }
    let answer = json!({"height": "0", "txhash": hash, "codespace": codespace, "code": code, "data": "", "raw_log": log, "logs": [], "info": "",
        "gas_wanted": "0", "gas_used": "0", "tx": null, "timestamp": "", "events": []});
    Ok(ok(format!("{answer}\n"), ""))
}

/// The mempool remembers what waits and what went well; of what failed in a block it forgets.
fn known(chain: &Chain, hash: &str) -> Option<chain_state::Refused> {
    let waits = chain.pending.iter().any(|(h, _)| h == hash);
    (waits || chain.transactions.get(hash).is_some_and(|t| t["code"] == 0)).then(|| ("sdk", 19, String::new()))
}
