//! `prepare`: disks, image, keys and certificate request. After it the node has an identity that never leaves its volume.

use super::Job;
use crate::host::Host;
use crate::{answers, certificate, journal};
use domain::order::OrderNode;
use domain::plan::Plan;
use domain::{Class, Fault, ids, node_config};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Operator key's name in the keyring.
pub(crate) const OPERATOR: &str = "operator";

/// Port that validators dial.
const PEER_PORT: u16 = 26656;
/// A way that is not there after this many seconds is not going to be.
const REACH_S: u64 = 40;

/// Mounts data and identity (and looks at the authority volume), each found by its volume id; a disk is formatted only if it
/// is blank and the order says that it is ours.
pub(crate) async fn mount_volumes<H: Host>(job: &Job<'_, H>) -> Result<(), Fault> {
    for (role, mount) in [("data", Some(job.at.data())), ("identity", Some(job.at.identities())), ("authority", None)] {
        let Some(volume) = volume(job, role)? else { continue };
        let volume = volume.as_str();
        let disk = find_disk(job.host, volume).await?;
        if disk.mounted_at.is_empty() && disk.blank {
            job.host.format(&disk, role).await?;
        } else if disk.label != role {
            return Err(Fault::new(Class::Conflict, format!("{volume} is not blank and not a {role} volume of ours (label `{}`)", disk.label)));
        }
        if let (Some(at), true) = (&mount, disk.mounted_at.is_empty()) {
            let disk = find_disk(job.host, volume).await?;
            job.host.mount(&disk, at, true).await?;
        }
    }
    Ok(())
}

/// Volume of this node with a role; the member's own function put it into the order.
pub(crate) fn volume<H: Host>(job: &Job<'_, H>, role: &str) -> Result<Option<String>, Fault> {
    let volumes: BTreeMap<String, BTreeMap<String, String>> = job.param("volumes")?;
    let ours = volumes.get(&job.node.name);
    let ours = ours.ok_or_else(|| Fault::field("volumes", format!("nothing for {}", job.node.name), "{\"node0\":{\"data\":\"vol-…\"}}"))?;
    match ours.get(role) {
        None if role != "authority" => Err(Fault::field("volumes", format!("{} has no {role} volume", job.node.name), "{\"node0\":{\"data\":\"vol-…\"}}")),
        found => Ok(found.cloned()),
    }
}

pub(crate) async fn find_disk<H: Host>(host: &H, volume: &str) -> Result<crate::host::Disk, Fault> {
    let disks = host.disks().await?;
    disks.into_iter().find(|d| d.volume == volume).ok_or_else(|| Fault::new(Class::Busy, format!("{volume} is not attached to this machine yet")))
}

pub(crate) async fn run<H: Host>(job: &Job<'_, H>) -> Result<Value, Fault> {
    let (host, name) = (job.host, job.node.name.as_str());
    let (chain_id, authority): (String, String) = (job.param("chain_id")?, job.param("authority")?);
    let image = job.image;
    let digest = job.pull().await?;
    let mut pins = journal::pins(host)?.unwrap_or_default();
    let plan_sha256: String = job.param("plan_sha256")?;
    if !pins.plan_sha256.is_empty() && pins.plan_sha256 != plan_sha256 {
        return Err(Fault::new(Class::Conflict, "this identity has agreed to another plan already"));
    }
    let plan = job.get(&ids::plan_key(&job.order.network, &job.order.execution), &plan_sha256).await?;
    let plan: Plan = serde_json::from_slice(&plan).map_err(|e| Fault::internal(format!("plan: {e}")))?;
    // What the member agreed to when it joined is its own stack's word, not the order's.
    let agreement: String = job.param("agreement")?;
    if !agreement.is_empty() && agreement != plan.agreement() {
        let why = format!("this member agreed to `{agreement}`, the plan is `{}`", plan.agreement());
        return Err(Fault::new(Class::Conflict, why));
    }
    check_reach(job, &plan).await?;
    pins.plan_sha256 = plan_sha256;
    let (key_pem, node_id, base) = keys(job, image, &chain_id).await?;
    let operator = operator(job, image).await?;
    let public = certificate::public_key_of_private(&key_pem)?;
    pins.cons_address = cons_address(&public)?;
    let csr = certificate::request(&key_pem, name)?;
    let csr_sha256 = job.put("request.pem", csr.as_bytes()).await?;
    journal::save(host, &pins)?;
    let mut answer = json!({
        "node_id": node_id, "cons_address": pins.cons_address, "operator": operator.address, "operator_key": operator.public_key, "image_digest": digest, "csr_sha256": csr_sha256,
    });
    if authority == name {
        answer["base_sha256"] = json!(job.put("base-genesis.json", base.as_bytes()).await?);
    }
    Ok(answer)
}

/// Whether this node reaches the other members' nodes that it will dial, by a real connection: nobody listens yet, but a machine
/// that refuses it has been reached. Peerings, routes and rules that came last may need some seconds.
async fn check_reach<H: Host>(job: &Job<'_, H>, plan: &Plan) -> Result<(), Fault> {
    let index = plan.nodes.iter().position(|n| n.name == job.node.name).ok_or_else(|| Fault::internal("not in the plan"))?;
    let dialled: Vec<&str> = node_config::dials(index, &plan.nodes).into_iter().map(|i| plan.nodes[i].name.as_str()).collect();
    let foreign = |n: &&OrderNode| n.member != job.node.member && dialled.contains(&n.name.as_str());
    let mut waiting: Vec<&OrderNode> = job.order.nodes.iter().filter(foreign).collect();
    let until = job.host.now() + REACH_S;
    loop {
        let mut left = vec![];
        for node in waiting {
            if !job.host.reaches(&node.ip, PEER_PORT).await {
                left.push(node);
            }
        }
        let Some(first) = left.first() else { return Ok(()) };
        if job.host.now() >= until {
            let why = format!(
                "no way to {} of {} at {}:{PEER_PORT} ({} of {} nodes of other members cannot be reached); look at the peering, the routes of both sides and the rules of {}'s group",
                first.name,
                first.member,
                first.ip,
                left.len(),
                dialled.len(),
                first.member
            );
            return Err(Fault::new(Class::NotFound, why));
        }
        waiting = left;
        job.host.sleep(2).await;
    }
}

/// Consensus address: the first 20 bytes of the key's SHA-256, upper hex.
pub(crate) fn cons_address(public: &str) -> Result<String, Fault> {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(public).map_err(|e| Fault::internal(e.to_string()))?;
    Ok(ids::sha256_hex(&bytes)[..40].to_uppercase())
}

/// Consensus and node keys: made once by `irita init` in a folder of the identity volume, then moved beside it.
/// Gives the consensus key (PEM), the peer id and the genesis that init wrote.
async fn keys<H: Host>(job: &Job<'_, H>, image: &str, chain_id: &str) -> Result<(String, String, String), Fault> {
    let (host, home) = (job.host, job.at.identity("init"));
    let file = |path: &str| format!("{home}/.irita/{path}");
    if host.read(&job.at.identity("node-id"))?.is_none() {
        // A half-done try left nothing that anybody has seen: begin anew.
        host.remove(&home)?;
        let out = host.irita(image, &home, &["init", &job.node.name, "--chain-id", chain_id], &[]).await?;
        let node_id = answers::init(&out)?;
        let out = host.irita(image, &home, &["genkey", "--type", "validator", "--out-file", &file("config/validator.pem")], &[]).await?;
        answers::done("genkey", &out)?;
        // genkey makes a new key in silence when it finds none: the two must be the same.
        let shown = answers::validator_key(&host.irita(image, &home, &["tendermint", "show-validator"], &[]).await?)?;
        let pem = job.text(&file("config/validator.pem"))?;
        if certificate::public_key_of_private(&pem)? != shown {
            return Err(Fault::internal("irita genkey and show-validator speak of different keys"));
        }
        for (from, to, mode) in [
            ("config/priv_validator_key.json", "priv_validator_key.json", 0o600),
            ("config/node_key.json", "node_key.json", 0o600),
            ("config/validator.pem", "validator.pem", 0o400),
            ("data/priv_validator_state.json", "priv_validator_state.json", 0o600),
        ] {
            host.write(&job.at.identity(to), job.text(&file(from))?.as_bytes(), mode)?;
        }
        for name in ["config.toml", "app.toml", "client.toml", "genesis.json"] {
            host.write(&job.at.config(name), job.text(&file(&format!("config/{name}")))?.as_bytes(), 0o644)?;
        }
        host.write(&job.at.identity("base-genesis.json"), job.text(&file("config/genesis.json"))?.as_bytes(), 0o644)?;
        host.remove(&home)?;
        // Last: whoever finds this file finds all the others.
        host.write(&job.at.identity("node-id"), node_id.as_bytes(), 0o644)?;
    }
    Ok((job.text(&job.at.identity("validator.pem"))?, job.text(&job.at.identity("node-id"))?, job.text(&job.at.identity("base-genesis.json"))?))
}

/// The operator's account key, in a file keyring whose random passphrase is read by nobody but nodectl.
async fn operator<H: Host>(job: &Job<'_, H>, image: &str) -> Result<answers::Key, Fault> {
    let host = job.host;
    let keyring = job.at.identity("keyring");
    let base = ["--keyring-backend", "file", "--keyring-dir", keyring.as_str(), "--output", "json"];
    if host.read(&job.at.identity("operator"))?.is_some() {
        return Ok(answers::Key { address: job.text(&job.at.identity("operator"))?, public_key: job.text(&job.at.identity("operator-key"))? });
    }
    host.remove(&keyring)?;
    let passphrase = hex::encode(host.entropy(24)?);
    host.write(&job.at.identity("passphrase"), passphrase.as_bytes(), 0o400)?;
    let args = [&["keys", "add", OPERATOR], base.as_slice()].concat();
    let out = host.irita(image, &job.at.home(), &args, &[&format!("{passphrase}\n{passphrase}\n")]).await?;
    // The mnemonic is in `out` and goes no further: only the address is taken from it.
    let key = answers::key(&out)?;
    host.write(&job.at.identity("operator-key"), key.public_key.as_bytes(), 0o644)?;
    // Last: whoever finds this file finds the other.
    host.write(&job.at.identity("operator"), key.address.as_bytes(), 0o644)?;
    Ok(key)
}
