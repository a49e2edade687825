//! `make-gentx`: the node's own signed transaction that makes it a validator at height 0, made offline.

use super::{Job, look, prepare::OPERATOR};
use crate::host::Host;
use crate::{answers, certificate, journal};
use domain::plan::Plan;
use domain::{Class, Fault, ids};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Name of the root multisig in the keyrings of its holders.
pub(crate) const ROOT: &str = "root";
/// File with the address that irita computed for it.
pub(crate) const ROOT_ADDRESS: &str = "root-address";

pub(crate) async fn run<H: Host>(job: &Job<'_, H>) -> Result<Value, Fault> {
    let (host, name) = (job.host, job.node.name.as_str());
    let (chain_id, authority): (String, String) = (job.param("chain_id")?, job.param("authority")?);
    let root_sha256: String = job.param("root_cert_sha256")?;
    let root = job.get(&job.key(&authority, "root-cert.pem"), &root_sha256).await?;
    let all = job.get(&job.key(&authority, "certificates.json"), &job.param::<String>("certificates_sha256")?).await?;
    let all: BTreeMap<String, String> = serde_json::from_slice(&all).map_err(|e| Fault::internal(e.to_string()))?;
    let cert = all.get(name).ok_or_else(|| Fault::new(Class::NotFound, format!("the authority signed nothing for {name}")))?;
    let root = String::from_utf8(root).map_err(|_| Fault::internal("the root certificate is not text"))?;
    certificate::check_certificate(cert, &root)?;
    if certificate::public_key_of_certificate(cert)? != certificate::public_key_of_private(&job.text(&job.at.identity("validator.pem"))?)? {
        return Err(Fault::new(Class::Conflict, "the certificate is for another key than this node's"));
    }
    host.write(&job.at.identity("certificate.pem"), cert.as_bytes(), 0o644)?;
    host.write(&job.at.identity("root-cert.pem"), root.as_bytes(), 0o644)?;
    let mut pins = journal::pins(host)?.unwrap_or_default();
    pins.root_cert_sha256 = root_sha256;
    journal::save(host, &pins)?;
    root_key(job).await?;
    let operator = job.text(&job.at.identity("operator"))?;
    let memo = format!("{}@{}:26656", job.text(&job.at.identity("node-id"))?, job.node.ip);
    if let Some(text) = signed_before(job, cert, &memo)? {
        return Ok(json!({"gentx_sha256": job.put("gentx.json", text.as_bytes()).await?}));
    }
    let power: u32 = job.param("power")?;
    let (power, unsigned, signed, certificate_file) =
        (power.to_string(), job.at.identity("gentx-unsigned.json"), job.at.identity("gentx.json"), job.at.identity("certificate.pem"));
    let make = [
        "tx",
        "node",
        "create-validator",
        "--generate-only",
        "--offline",
        "--from",
        &operator,
        "--name",
        name,
        "--cert",
        &certificate_file,
        "--power",
        &power,
        "--chain-id",
        &chain_id,
        "--note",
        &memo,
        "-a",
        "0",
        "-s",
        "0",
    ];
    let out = host.irita(job.image, &job.at.home(), &make, &[]).await?;
    answers::done("create-validator", &out)?;
    host.write(&unsigned, out.stdout.as_bytes(), 0o644)?;
    let keyring = job.at.identity("keyring");
    let sign = [
        "tx",
        "sign",
        &unsigned,
        "--offline",
        "-a",
        "0",
        "-s",
        "0",
        "--chain-id",
        &chain_id,
        "--from",
        OPERATOR,
        "--keyring-backend",
        "file",
        "--keyring-dir",
        &keyring,
        "--output-document",
        &signed,
    ];
    let out = host.irita(job.image, &job.at.home(), &sign, &[&job.passphrase()?]).await?;
    answers::done("sign", &out)?;
    let gentx: Value = serde_json::from_str(&job.text(&signed)?).map_err(|e| Fault::internal(format!("gentx: {e}")))?;
    let read = domain::genesis::read_gentx(&gentx)?;
    if read.operator != operator || read.name != name {
        return Err(Fault::internal(format!("irita made a gentx of {} for {}", read.operator, read.name)));
    }
    let text = gentx.to_string();
    host.write(&signed, text.as_bytes(), 0o644)?;
    Ok(json!({"gentx_sha256": job.put("gentx.json", text.as_bytes()).await?}))
}

/// On the nodes whose operators hold the root: its multisig in the keyring, and its address as irita computes it.
async fn root_key<H: Host>(job: &Job<'_, H>) -> Result<(), Fault> {
    let pins = journal::pins(job.host)?.unwrap_or_default();
    let plan = job.get(&ids::plan_key(&job.order.network, &job.order.execution), &pins.plan_sha256).await?;
    let plan: Plan = serde_json::from_slice(&plan).map_err(|e| Fault::internal(format!("plan: {e}")))?;
    let holders = plan.root_holders;
    if !holders.contains(&job.node.name) || job.host.read(&job.at.identity(ROOT_ADDRESS))?.is_some() {
        return Ok(());
    }
    let keys: BTreeMap<String, String> = job.param("operator_keys")?;
    let (keyring, passphrase, home) = (job.at.identity("keyring"), job.passphrase()?, job.at.home());
    let base = ["--keyring-backend", "file", "--keyring-dir", keyring.as_str(), "--output", "json"];
    // A half-done try has left some of them, and irita asks before it writes one again.
    let there = look::keys_of(job.host, job.image).await?;
    let missing = |name: &str| !there.iter().any(|k| k["name"] == json!(name));
    let mut names = vec![];
    for holder in &holders {
        let name = if *holder == job.node.name { OPERATOR } else { holder };
        names.push(name);
        if missing(name) {
            let key = keys.get(holder).ok_or_else(|| Fault::field("operator_keys", format!("no key of {holder}"), "{\"node0\":\"Agi…\"}"))?;
            let public = json!({"@type": "/cosmos.crypto.sm2.PubKey", "key": key}).to_string();
            let out = job.host.irita(job.image, &home, &[&["keys", "add", name, "--pubkey", &public], base.as_slice()].concat(), &[&passphrase]).await?;
            answers::done("keys add --pubkey", &out)?;
        }
    }
    let (names, k) = (names.join(","), plan.root_threshold.to_string());
    if missing(ROOT) {
        let add = ["keys", "add", ROOT, "--multisig", &names, "--multisig-threshold", &k];
        answers::done("keys add --multisig", &job.host.irita(job.image, &home, &[add.as_slice(), &base].concat(), &[&passphrase]).await?)?;
    }
    let out = job.host.irita(job.image, &home, &[&["keys", "show", ROOT], base.as_slice()].concat(), &[&passphrase]).await?;
    job.host.write(&job.at.identity(ROOT_ADDRESS), answers::key(&out)?.address.as_bytes(), 0o644)
}

/// The gentx of an earlier, half-done try: signing anew would give other bytes than those that may lie in the exchange.
fn signed_before<H: Host>(job: &Job<'_, H>, certificate: &str, memo: &str) -> Result<Option<String>, Fault> {
    let Some(bytes) = job.host.read(&job.at.identity("gentx.json"))? else { return Ok(None) };
    let Ok(gentx) = serde_json::from_slice::<Value>(&bytes) else { return Ok(None) };
    let same = domain::genesis::read_gentx(&gentx).is_ok_and(|v| v.certificate == certificate) && gentx["body"]["memo"] == json!(memo);
    Ok(same.then(|| gentx.to_string()))
}
