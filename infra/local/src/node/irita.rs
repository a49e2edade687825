//! The simulated irita: the commands of the ceremony, on the streams and with the exit codes that were recorded.

use super::{SimHost, address, irita_flags, irita_keys, irita_query, irita_tx};
use crate::world::Process;
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::Fault;
use nodectl::{Host, Output};
use serde_json::{Value, json};
use sm2::elliptic_curve::sec1::ToSec1Point;
use sm2::pkcs8::EncodePrivateKey;

const CONFIG: &str = include_str!("../../fixtures/init.config.toml");
const APP: &str = include_str!("../../fixtures/init.app.toml");
const CLIENT: &str = include_str!("../../fixtures/client.toml");
const GENESIS: &str = include_str!("../../fixtures/init.genesis.json");
pub(super) fn ok(stdout: impl Into<String>, stderr: impl Into<String>) -> Output {
    Output { code: 0, stdout: stdout.into(), stderr: stderr.into() }
}

/// cobra's way: the message and the usage on stderr, exit 1.
pub(super) fn error(message: impl std::fmt::Display, usage: &str) -> Output {
    Output { code: 1, stdout: String::new(), stderr: format!("Error: {message}\nUsage:\n  irita {usage}\n") }
}

pub(super) fn flag<'a>(args: &[&'a str], name: &str) -> Option<&'a str> {
    args.iter().position(|a| *a == name).and_then(|i| args.get(i + 1)).copied()
}

pub(super) fn secret(host: &SimHost) -> Result<sm2::SecretKey, Fault> {
    // A random number is below the curve's order nearly always; try until it is.
    (0..8).find_map(|_| sm2::SecretKey::from_slice(&host.entropy(32).ok()?).ok()).ok_or_else(|| Fault::internal("no key"))
}

pub(super) fn public(key: &sm2::SecretKey) -> String {
    STANDARD.encode(key.public_key().to_sec1_point(true).as_bytes())
}

/// Runs one command. `stdin` is written piece by piece.
pub(crate) fn run(host: &SimHost, home: &str, args: &[&str], stdin: &[&str]) -> Result<Output, Fault> {
    if let Some(refused) = irita_flags::refused(args) {
        return Ok(refused);
    }
    match args {
        ["init", moniker, rest @ ..] => init(host, home, moniker, rest),
        ["genkey", rest @ ..] => genkey(host, home, rest),
        ["keys", rest @ ..] => irita_keys::run(host, rest, stdin),
        ["tx", "node", "create-validator", rest @ ..] => create_validator(host, rest),
        ["tx", rest @ ..] => irita_tx::run(host, rest, stdin),
        ["query", rest @ ..] => irita_query::run(host, rest),
        _ => {
            let key = consensus_key(host, home)?;
            Ok(ok(format!("{}\n", json!({"@type": "/cosmos.crypto.sm2.PubKey", "key": public(&key)})), ""))
        }
    }
}

pub(super) fn read_key(text: &str) -> Result<sm2::SecretKey, Fault> {
    let value: Value = serde_json::from_str(text).map_err(|e| Fault::internal(e.to_string()))?;
    let bytes = STANDARD.decode(value["priv_key"]["value"].as_str().unwrap_or_default()).map_err(|e| Fault::internal(e.to_string()))?;
    sm2::SecretKey::from_slice(&bytes).map_err(|e| Fault::internal(e.to_string()))
}

fn consensus_key(host: &SimHost, home: &str) -> Result<sm2::SecretKey, Fault> {
    let file = format!("{home}/.irita/config/priv_validator_key.json");
    if host.file(&file).is_none() {
        // As the real one: a missing key is made anew in silence.
        write_consensus_key(host, home)?;
    }
    read_key(&host.file(&file).unwrap_or_default())
}

fn write_consensus_key(host: &SimHost, home: &str) -> Result<(), Fault> {
    let key = secret(host)?;
    let text = json!({"address": address(&public(&key)), "pub_key": {"type": "tendermint/PubKeySm2", "value": public(&key)},
        "priv_key": {"type": "tendermint/PrivKeySm2", "value": STANDARD.encode(key.to_bytes())}});
    host.write(&format!("{home}/.irita/config/priv_validator_key.json"), text.to_string().as_bytes(), 0o600)
}

fn init(host: &SimHost, home: &str, moniker: &str, args: &[&str]) -> Result<Output, Fault> {
    let file = |name: &str| format!("{home}/.irita/{name}");
    if host.file(&file("config/genesis.json")).is_some() && !args.iter().any(|a| ["--overwrite", "-o"].contains(a)) {
        return Ok(error(format!("genesis.json file already exists: {}", file("config/genesis.json")), "init [moniker] [flags]"));
    }
    let chain_id = flag(args, "--chain-id").unwrap_or_default();
    write_consensus_key(host, home)?;
    let node = secret(host)?;
    let node_id = address(&public(&node)).unwrap_or_default().to_lowercase();
    let node_key = json!({"priv_key": {"type": "tendermint/PrivKeySm2", "value": STANDARD.encode(node.to_bytes())}});
    host.write(&file("config/node_key.json"), node_key.to_string().as_bytes(), 0o600)?;
    host.write(&file("data/priv_validator_state.json"), b"{\n  \"height\": \"0\",\n  \"round\": 0,\n  \"step\": 0\n}", 0o600)?;
    host.write(&file("config/config.toml"), CONFIG.replace("moniker = \"org1\"", &format!("moniker = \"{moniker}\"")).as_bytes(), 0o644)?;
    host.write(&file("config/app.toml"), APP.as_bytes(), 0o644)?;
    host.write(&file("config/client.toml"), CLIENT.as_bytes(), 0o600)?;
    let mut genesis: Value = serde_json::from_str(GENESIS).map_err(|e| Fault::internal(e.to_string()))?;
    genesis["chain_id"] = json!(chain_id);
    genesis["genesis_time"] = json!(crate::names::time(host.cloud.now_ms()));
    host.write(&file("config/genesis.json"), genesis.to_string().as_bytes(), 0o644)?;
    let answer = json!({"app_message": genesis["app_state"], "chain_id": chain_id, "gentxs_dir": "", "moniker": moniker, "node_id": node_id});
    Ok(ok("", format!("{answer}\n")))
}

fn genkey(host: &SimHost, home: &str, args: &[&str]) -> Result<Output, Fault> {
    let out = flag(args, "--out-file").unwrap_or("priv.pem");
    if flag(args, "--type").is_some_and(|t| t != "validator") {
        return Ok(error("key type must be node or validator", "genkey [flags]"));
    }
    let pem = consensus_key(host, home)?.to_pkcs8_pem(sm2::pkcs8::LineEnding::LF).map_err(|e| Fault::internal(e.to_string()))?;
    host.write(out, pem.as_bytes(), 0o600)?;
    Ok(ok("", ""))
}

fn create_validator(host: &SimHost, args: &[&str]) -> Result<Output, Fault> {
    let usage = "tx node create-validator [flags]";
    let get = |name: &str| flag(args, name).unwrap_or_default();
    if let Some(why) = irita_flags::missing(args, &["cert", "from", "name", "power"]) {
        return Ok(error(why, usage));
    }
    if !args.contains(&"--generate-only") {
        return Err(Fault::internal("the simulated irita makes transactions only with --generate-only"));
    }
    if let Some(why) = irita_keys::no_address(get("--from")) {
        return Ok(error(format!("must provide a valid Bech32 address in generate-only mode: {why}"), usage));
    }
    let Some(certificate) = host.file(get("--cert")) else {
        return Ok(error(format!("open {}: no such file or directory", get("--cert")), usage));
    };
    if get("--power") == "0" {
        return Ok(error("power must be positive: invalid request", usage));
    }
    let message = json!({"@type": "/iritamod.node.MsgCreateValidator", "name": get("--name"), "certificate": certificate, "power": get("--power"),
        "description": "", "operator": get("--from")});
    let unsigned = json!({"body": {"messages": [message], "memo": get("--note"), "timeout_height": "0", "extension_options": [], "non_critical_extension_options": []},
        "auth_info": {"signer_infos": [], "fee": {"amount": [], "gas_limit": "200000", "payer": "", "granter": ""}}, "signatures": []});
    Ok(ok(format!("{unsigned}\n"), ""))
}

/// What `irita start` makes of its files: the process, or why there is none.
pub(crate) fn start(host: &SimHost, home: &str) -> Result<(Process, Value), Fault> {
    let file = |name: &str| host.file(&format!("{home}/.irita/config/{name}")).ok_or_else(|| Fault::internal(format!("irita start: no {name}")));
    let config: toml_edit::DocumentMut = file("config.toml")?.parse().map_err(|e| Fault::internal(format!("irita start: {e}")))?;
    let text = |section: &str, key: &str| {
        let item = if section.is_empty() { config.get(key) } else { config.get(section).and_then(|s| s.get(key)) };
        item.and_then(|i| i.as_str()).unwrap_or_default().to_string()
    };
    let genesis_text = file("genesis.json")?;
    let genesis: Value = serde_json::from_str(&genesis_text).map_err(|e| Fault::internal(format!("irita start: {e}")))?;
    let key = |path: &str| host.file(path).ok_or_else(|| Fault::internal(format!("irita start: {path} is missing")));
    let consensus = read_key(&key(&text("", "priv_validator_key_file"))?)?;
    let node = read_key(&key(&text("", "node_key_file"))?)?;
    key(&text("", "priv_validator_state_file"))?;
    let commit = text("consensus", "timeout_commit");
    let commit_ms = match commit.strip_suffix("ms") {
        Some(ms) => ms.parse().ok(),
        None => commit.strip_suffix('s').and_then(|s| s.parse::<f64>().ok()).map(|s| (s * 1000.0) as u64),
    };
    let commit_ms = commit_ms.ok_or_else(|| Fault::internal(format!("irita start: time: invalid duration \"{commit}\"")))?;
    let process = Process {
        instance: host.instance.clone(),
        started_ms: 0,
        chain_id: genesis["chain_id"].as_str().unwrap_or_default().into(),
        genesis_sha256: domain::ids::sha256_hex(genesis_text.as_bytes()),
        node_id: address(&public(&node)).unwrap_or_default().to_lowercase(),
        cons_address: address(&public(&consensus)).unwrap_or_default(),
        peers: text("p2p", "persistent_peers").split(',').filter(|p| !p.is_empty()).map(String::from).collect(),
        commit_ms,
        height: 0,
    };
    Ok((process, genesis))
}
