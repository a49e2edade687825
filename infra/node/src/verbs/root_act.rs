//! `sign-act` and `pass-act`: what the root multisig does. A node builds the transaction itself from a named act and its own
//! chain's facts; it never signs bytes that somebody gives it.

use super::{Job, check_health, make_gentx::ROOT, prepare::OPERATOR};
use crate::host::Host;
use crate::{answers, toml};
use domain::order::NodeAnswer;
use domain::{Class, Fault, ids, node_config};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// File on the identity volume that says who rules the chain, as this node accepted it with the genesis.
pub(crate) const RULE: &str = "rule.json";
/// irita takes this much gas for a message, whatever it does.
const GAS: u64 = 200_000;
/// A transaction is in a block within two blocks; slow chains have blocks of ten seconds and more.
const DEADLINE_S: u64 = 90;

/// What the root may be asked to do. Both need nobody's approval: the first belongs to the launch, the second only lets a
/// validator back in that the set already has.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Act {
    /// Takes NODE_ADMIN from every operator: from then on only the root changes anything.
    CloseLaunch,
    /// Lets a jailed validator sign again.
    Unjail {
        /// Name of the validator.
        validator: String,
    },
}

#[derive(Debug, Clone, Deserialize)]
struct Rule {
    address: String,
    threshold: usize,
    holders: Vec<String>,
    chain_id: String,
    operators: Vec<String>,
}

/// An act made into a transaction of the root's next sequence number.
struct Made {
    rule: Rule,
    account: String,
    sequence: String,
    transaction: Value,
}

/// Signs an act with the operator's key, for the root. Answers `{sequence, signature_sha256}`, or `{passed: true}` when the
/// chain shows that it has been done already.
pub(crate) async fn sign<H: Host>(job: &Job<'_, H>) -> Result<Value, Fault> {
    let Some(made) = make(job).await? else { return Ok(json!({"passed": true})) };
    let (unsigned, signed) = (file(job, "unsigned"), file(job, "signed"));
    job.host.write(&unsigned, made.transaction.to_string().as_bytes(), 0o644)?;
    let keyring = job.at.identity("keyring");
    let args = ["tx", "sign", &unsigned, "--from", OPERATOR, "--multisig", &made.rule.address];
    let place = offline(&made, &keyring);
    let args = [args.as_slice(), &place, &["--output-document", &signed]].concat();
    answers::done("sign", &job.host.irita(job.image, &job.at.home(), &args, &[&job.passphrase()?]).await?)?;
    let text = job.text(&signed)?;
    job.host.remove(&unsigned)?;
    job.host.remove(&signed)?;
    let sha256 = job.put(&signature_name(&made, &ids::sha256_hex(text.as_bytes())), text.as_bytes()).await?;
    Ok(json!({"sequence": made.sequence, "signature_sha256": sha256}))
}

/// Puts the signatures together, sends the transaction, and waits until the chain shows its effect. Answers `{passed, height}`.
pub(crate) async fn pass<H: Host>(job: &Job<'_, H>) -> Result<Value, Fault> {
    let Some(made) = make(job).await? else { return Ok(json!({"passed": true})) };
    let signed: Vec<NodeAnswer> = job.param("signed")?;
    let signatures = signatures(&signed, &made.rule)?;
    let unsigned = file(job, "unsigned");
    job.host.write(&unsigned, made.transaction.to_string().as_bytes(), 0o644)?;
    let mut parts = vec![];
    // More signatures than needed make the transaction larger and no better.
    for (i, (node, sha256)) in signatures.iter().take(made.rule.threshold).enumerate() {
        let bytes = job.get(&job.key(node, &signature_name(&made, sha256)), sha256).await?;
        let part = file(job, &format!("part{i}"));
        job.host.write(&part, &bytes, 0o644)?;
        parts.push(part);
    }
    let keyring = job.at.identity("keyring");
    let head = ["tx", "multisign", &unsigned, ROOT];
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let args = [head.as_slice(), &parts, &offline(&made, &keyring)].concat();
    let whole = answers::json("multisign", &job.host.irita(job.image, &job.at.home(), &args, &[&job.passphrase()?]).await?)?;
    let signed = file(job, "whole");
    job.host.write(&signed, whole.to_string().as_bytes(), 0o644)?;
    let node = format!("tcp://{}", job.host.rpc_address());
    let args = ["tx", "broadcast", &signed, "-b", "sync", "-o", "json", "--node", &node];
    let sent = answers::json("broadcast", &job.host.irita(job.image, &job.at.home(), &args, &[]).await?)?;
    // sdk 19: an earlier try of ours, killed before it could answer, has sent the very same transaction.
    if (sent["codespace"].as_str(), sent["code"].as_u64()) != (Some("sdk"), Some(19)) {
        refused(&sent["code"], &sent["codespace"], &sent["raw_log"])?;
    }
    let height = committed(job, sent["txhash"].as_str().unwrap_or_default()).await?;
    for done in parts.iter().copied().chain([unsigned.as_str(), signed.as_str()]) {
        job.host.remove(done)?;
    }
    match make(job).await? {
        None => Ok(json!({"passed": true, "height": height})),
        Some(_) => Err(Fault::internal(format!("the transaction is in block {height}, but the chain does not show its effect"))),
    }
}

/// Who signed, by the answers to `sign-act`: holders of the root only, since a name becomes part of a key. `Denied` if they are
/// too few.
fn signatures<'a>(answers: &'a [NodeAnswer], rule: &Rule) -> Result<BTreeMap<&'a str, &'a str>, Fault> {
    let mut found = BTreeMap::new();
    for answer in answers {
        let Some(sha256) = answer.result["signature_sha256"].as_str() else { continue };
        if !rule.holders.contains(&answer.node) || sha256.len() != 64 || !sha256.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(Fault::field("signed", format!("`{}` is not a holder of the root with a signature", answer.node), "[{\"node\":\"node0\",…}]"));
        }
        found.insert(answer.node.as_str(), sha256);
    }
    if found.len() < rule.threshold {
        let silent: Vec<String> = answers.iter().filter_map(|a| Some(format!("{}: {}", a.node, a.fault.as_ref()?.message))).collect();
        let why = format!("{} of {} root keys signed, {} rule this chain; {}", found.len(), rule.holders.len(), rule.threshold, silent.join("; "));
        return Err(Fault::new(Class::Denied, why));
    }
    Ok(found)
}

/// Its own hash is in the name: a second try signs anew, and no two signatures are alike.
fn signature_name(made: &Made, sha256: &str) -> String {
    format!("act-{}-{}.json", made.sequence, ids::shorten(sha256, 16))
}

fn file<H: Host>(job: &Job<'_, H>, what: &str) -> String {
    format!("{}/act-{what}.json", job.at.home())
}

fn offline<'a>(made: &'a Made, keyring: &'a str) -> [&'a str; 11] {
    let (account, sequence, chain) = (made.account.as_str(), made.sequence.as_str(), made.rule.chain_id.as_str());
    ["--offline", "-a", account, "-s", sequence, "--chain-id", chain, "--keyring-backend", "file", "--keyring-dir", keyring]
}

/// Fails when a transaction's code is not 0: irita itself exits with 0.
fn refused(code: &Value, codespace: &Value, log: &Value) -> Result<(), Fault> {
    match code.as_u64() {
        Some(0) => Ok(()),
        _ => Err(Fault::new(
            Class::Denied,
            format!("the chain refused the act: {} {code}: {}", codespace.as_str().unwrap_or_default(), log.as_str().unwrap_or_default()),
        )),
    }
}

/// Height of the block that a transaction is in.
async fn committed<H: Host>(job: &Job<'_, H>, hash: &str) -> Result<u64, Fault> {
    let until = job.host.now() + DEADLINE_S;
    while job.host.now() < until {
        if let Some(body) = job.host.rpc(&format!("/tx?hash=0x{hash}")).await?
            && let Some(result) = body.pointer("/result/tx_result")
        {
            refused(&result["code"], &result["codespace"], &result["log"])?;
            return Ok(body.pointer("/result/height").and_then(Value::as_str).and_then(|h| h.parse().ok()).unwrap_or_default());
        }
        job.host.sleep(1).await;
    }
    Err(Fault::new(Class::Transient, format!("transaction {hash} was not in a block within {DEADLINE_S} s")))
}

async fn query<H: Host>(job: &Job<'_, H>, words: &[&str]) -> Result<Value, Fault> {
    let node = format!("tcp://{}", job.host.rpc_address());
    let args = [&["query"], words, &["-o", "json", "--node", &node]].concat();
    answers::json(&words.join(" "), &job.host.irita(job.image, &job.at.home(), &args, &[]).await?)
}

/// Waits for the chain's first block: the launch asks for its act as soon as the nodes run, and before that block every query
/// finds an empty store, in which nobody has a role that could be taken.
async fn first_block<H: Host>(job: &Job<'_, H>) -> Result<(), Fault> {
    let until = job.host.now() + DEADLINE_S;
    loop {
        if let Some(body) = job.host.rpc("/status").await?
            && answers::status(&body)?.height > 0
        {
            return Ok(());
        }
        if job.host.now() >= until {
            return Err(Fault::new(Class::Transient, format!("this node saw no block within {DEADLINE_S} s")));
        }
        job.host.sleep(1).await;
    }
}

/// The act of the order as a transaction; `None` when the chain shows that it has been done.
async fn make<H: Host>(job: &Job<'_, H>) -> Result<Option<Made>, Fault> {
    let act: Act = job.param("act")?;
    first_block(job).await?;
    let rule: Rule = domain::fault::parse(RULE, serde_json::from_str(&job.text(&job.at.identity(RULE))?).unwrap_or_default())?;
    let messages = match &act {
        Act::CloseLaunch => {
            let own = job.text(&job.at.identity("operator"))?;
            let roles = query(job, &["perm", "roles", &own]).await?;
            if !roles["roles"].as_array().is_some_and(|r| r.iter().any(|r| r == "NODE_ADMIN")) {
                return Ok(None);
            }
            let message = |o: &String| json!({"@type": "/iritamod.perm.MsgUnassignRoles", "address": o, "roles": ["NODE_ADMIN"], "operator": rule.address});
            rule.operators.iter().map(message).collect::<Vec<_>>()
        }
        Act::Unjail { validator } => {
            let found = check_health::validator(job, validator).await?;
            let found = found.ok_or_else(|| Fault::new(Class::NotFound, format!("the chain has no validator `{validator}`")))?;
            if found["jailed"] != json!(true) {
                return Ok(None);
            }
            vec![json!({"@type": "/iritamod.slashing.MsgUnjailValidator", "id": found["id"], "operator": rule.address})]
        }
    };
    let account = query(job, &["auth", "account", &rule.address]).await?;
    let text = |k: &str| account[k].as_str().map(String::from).ok_or_else(|| Fault::internal(format!("the root's account has no {k}")));
    let gas = GAS * messages.len() as u64;
    // What the nodes take now: a change of the configuration may have raised it.
    let price = toml::get(&job.text(&job.at.config("app.toml"))?, "minimum-gas-prices", "app.toml")?;
    let price = node_config::gas_price(price.as_str().unwrap_or_default());
    let transaction = json!({
        "body": {"messages": messages, "memo": "", "timeout_height": "0", "extension_options": [], "non_critical_extension_options": []},
        "auth_info": {"signer_infos": [], "fee": {"amount": [{"denom": "ugas", "amount": (gas * price).to_string()}],
            "gas_limit": gas.to_string(), "payer": "", "granter": ""}},
        "signatures": [],
    });
    Ok(Some(Made { account: text("account_number")?, sequence: text("sequence")?, rule, transaction }))
}
