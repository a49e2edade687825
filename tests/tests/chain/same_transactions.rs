//! The scenario, third part: transactions of one operator and of the root, as they are refused and as they pass.

use crate::same_answer;
use crate::same_chain::{Chain, query, read};
use crate::same_script::TRANSACTION;
use crate::same_stage::Stage;
use serde_json::{Value, json};

/// What counts of an answer to `tx broadcast`.
const SENT: &[&str] = &["*", "height=", "code=", "codespace=", "raw_log=", "gas_wanted=", "gas_used="];
/// What counts of `/tx`; irita's own log of a success is a list of events, which nobody reads.
const DONE: &[&str] = &["result.height", "result.hash", "result.tx_result.code=", "result.tx_result.codespace="];
const FAILED: &[&str] = &["result.height", "result.hash", "result.tx_result.code=", "result.tx_result.codespace=", "result.tx_result.log="];
/// A transaction that is not signed yet.
fn transaction(message: &Value) -> Value {
    json!({"body": {"messages": [message], "memo": "", "timeout_height": "0", "extension_options": [], "non_critical_extension_options": []},
        "auth_info": {"signer_infos": [], "fee": {"amount": [{"denom": "ugas", "amount": "200000"}], "gas_limit": "200000", "payer": "", "granter": ""}}, "signatures": []})
}

/// Number and next sequence of an account.
async fn account(stage: &Stage<'_>, chain: &Chain, address: &str) -> (String, u64) {
    let found = read(&stage.quiet("node0", "scratch", &["query", "auth", "account", address, "-o", "json", "--node", &chain.url], &[]).await);
    let text = |k: &str| found[k].as_str().expect("text").to_string();
    (text("account_number"), text("sequence").parse().expect("a number"))
}

/// Sends a transaction from node0.
async fn send(stage: &mut Stage<'_>, chain: &Chain, step: &str, signed: &Value) -> Value {
    let file = stage.write("node0", "scratch/whole.json", &signed.to_string());
    let sent = stage.irita(step, "node0", &["tx", "broadcast", &file, "-b", "sync", "-o", "json", "--node", &chain.url], &[], SENT).await;
    read(&sent)
}

/// Waits for a transaction's block; what became of it there is a step.
async fn in_a_block(stage: &mut Stage<'_>, step: &str, sent: &Value) {
    let path = format!("/tx?hash=0x{}", sent["txhash"].as_str().expect("a hash"));
    for _ in 0..60 {
        let body = stage.session.cloud.rpc(&stage.instance("node0"), &path).await.unwrap_or_default();
        if let Some(result) = body.pointer("/result/tx_result") {
            let reads = if result["code"] == json!(0) { DONE } else { FAILED };
            stage.rpc(&format!("{step}: in a block"), "node0", &path, reads).await;
            return;
        }
        stage.wait(1).await;
    }
    stage.note(&format!("{step}: in a block"), "never");
}

/// What one operator sends alone.
pub async fn alone(stage: &mut Stage<'_>, chain: &Chain, ids: &[String; 2]) {
    let me = &chain.operator;
    for (step, message) in [
        ("alone: unjail", json!({"@type": "/iritamod.slashing.MsgUnjailValidator", "id": ids[1], "operator": me})),
        ("alone: assign-roles", json!({"@type": "/iritamod.perm.MsgAssignRoles", "address": me, "roles": ["NODE_ADMIN"], "operator": me})),
        ("alone: unassign-roles", json!({"@type": "/iritamod.perm.MsgUnassignRoles", "address": me, "roles": ["NODE_ADMIN"], "operator": me})),
        ("alone: remove-validator", json!({"@type": "/iritamod.node.MsgRemoveValidator", "id": ids[0], "operator": me})),
    ] {
        let signed = signed_alone(stage, chain, &message).await;
        send(stage, chain, step, &signed).await;
    }
}

/// A message signed by node0's operator for itself.
async fn signed_alone(stage: &mut Stage<'_>, chain: &Chain, message: &Value) -> Value {
    let (number, sequence) = account(stage, chain, &chain.operator).await;
    let (file, document, keyring) =
        (stage.at("node0", "scratch/unsigned.json"), stage.at("node0", "scratch/alone.json"), stage.at("node0", "identity/keyring"));
    stage.write("node0", "scratch/unsigned.json", &transaction(message).to_string());
    let sequence = sequence.to_string();
    let place = ["--offline", "-a", &number, "-s", &sequence, "--chain-id", "testnet", "--keyring-backend", "file", "--keyring-dir", &keyring];
    let sign = [&["tx", "sign", &file, "--from", "operator", "--output-document", &document][..], &place].concat();
    let done = stage.quiet("node0", "scratch", &sign, &[&chain.passphrase]).await;
    assert_eq!(done.code, 0, "{done:?}");
    serde_json::from_str(&stage.read("node0", "scratch/alone.json")).expect("json")
}

/// Signatures of some holders of the root over a message, put together on node0.
async fn together(stage: &mut Stage<'_>, chain: &Chain, step: &str, holders: &[&str], message: &Value, sequence: (u64, u64)) -> Value {
    let (number, _) = account(stage, chain, &chain.root).await;
    let text = transaction(message).to_string();
    let mut parts = vec![];
    for holder in holders {
        let (file, document) = (stage.write(holder, "scratch/act.json", &text), stage.at(holder, "scratch/signed-act.json"));
        let (keyring, passphrase) = (stage.at(holder, "identity/keyring"), format!("{}\n", stage.read(holder, "identity/passphrase").trim()));
        let at = sequence.0.to_string();
        let place = ["--offline", "-a", &number, "-s", &at, "--chain-id", "testnet", "--keyring-backend", "file", "--keyring-dir", &keyring];
        let sign = [&["tx", "sign", &file, "--from", "operator", "--multisig", &chain.root, "--output-document", &document][..], &place].concat();
        let done = stage.quiet(holder, "scratch", &sign, &[&passphrase]).await;
        assert_eq!(done.code, 0, "{done:?}");
        let part = stage.read(holder, "scratch/signed-act.json");
        if parts.is_empty() {
            let part: Value = serde_json::from_str(&part).expect("json");
            let reads = ["*", "signatures[].sequence=", "signatures[].data.single.mode=", "signatures[].public_key.@type="];
            stage.note(&format!("{step}: members of a signature"), same_answer::members(&part, &reads, ""));
        }
        parts.push(stage.write("node0", &format!("scratch/part-{holder}.json"), &part));
    }
    let (file, keyring, at) = (stage.write("node0", "scratch/act.json", &text), stage.at("node0", "identity/keyring"), sequence.1.to_string());
    let place = ["--offline", "-a", &number, "-s", &at, "--chain-id", "testnet", "--keyring-backend", "file", "--keyring-dir", &keyring];
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let multisign = [&["tx", "multisign", &file, "root"], &parts[..], &place].concat();
    let output = stage.irita(&format!("{step}: multisign"), "node0", &multisign, &[&chain.passphrase], TRANSACTION).await;
    if output.code == 0 { read(&output) } else { Value::Null }
}

/// What the root does, well and badly.
pub async fn acts(stage: &mut Stage<'_>, chain: &Chain, ids: &[String; 2]) {
    let (root, me) = (&chain.root, &chain.operator);
    let role = |kind: &str, role: &str| json!({"@type": format!("/iritamod.perm.{kind}"), "address": me, "roles": [role], "operator": root});
    let unjail = |id: &str, by: &str| json!({"@type": "/iritamod.slashing.MsgUnjailValidator", "id": id, "operator": by});
    let three = ["node0", "node1", "node2"];
    let next = account(stage, chain, root).await.1;

    let two = together(stage, chain, "two of four", &three[..2], &unjail(&ids[1], root), (next, next)).await;
    send(stage, chain, "two of four", &two).await;
    together(stage, chain, "signed for another sequence", &three, &unjail(&ids[1], root), (next, next + 1)).await;
    let early = together(stage, chain, "sequence too high", &three, &unjail(&ids[1], root), (next + 5, next + 5)).await;
    send(stage, chain, "sequence too high", &early).await;
    let mut changed = together(stage, chain, "changed after signing", &three, &unjail(&ids[1], root), (next, next)).await;
    changed["body"]["memo"] = json!("something else");
    send(stage, chain, "changed after signing", &changed).await;

    send(stage, chain, "signed by nobody", &transaction(&unjail(&ids[1], root))).await;

    let mut sequence = next;
    for (step, message) in [
        ("unjail of one that is not jailed", unjail(&ids[1], root)),
        ("unjail of an unknown id", unjail(&"A".repeat(64), root)),
        ("unassign of a role not held", role("MsgUnassignRoles", "NODE_ADMIN")),
        ("assign", role("MsgAssignRoles", "NODE_ADMIN")),
    ] {
        let signed = together(stage, chain, step, &three, &message, (sequence, sequence)).await;
        let sent = send(stage, chain, step, &signed).await;
        in_a_block(stage, step, &sent).await;
        sequence += 1;
        stage.note(&format!("{step}: the root's next sequence"), account(stage, chain, root).await.1 - next);
        if sent["code"] == json!(0) && step == "assign" {
            // A transaction that went well stays in the mempool's memory.
            send(stage, chain, "the same bytes again", &signed).await;
        }
    }
    let used = together(stage, chain, "sequence used twice", &three, &unjail(&ids[1], root), (sequence - 1, sequence - 1)).await;
    send(stage, chain, "sequence used twice", &used).await;
    query(stage, chain, "roles after assign", &["perm", "roles", me], &["*", "roles[]="]).await;
    // With a role, an operator's own transaction gets into a block; what it signs itself tells its sequence.
    let mut ahead = signed_alone(stage, chain, &unjail(&ids[1], me)).await;
    ahead["auth_info"]["signer_infos"][0]["sequence"] = json!("9");
    send(stage, chain, "alone, sequence too high", &ahead).await;
    let mut changed = signed_alone(stage, chain, &unjail(&ids[1], me)).await;
    changed["body"]["memo"] = json!("something else");
    send(stage, chain, "alone, changed after signing", &changed).await;
    let signed = signed_alone(stage, chain, &unjail(&ids[1], me)).await;
    let sent = send(stage, chain, "alone, with a role: unjail", &signed).await;
    in_a_block(stage, "alone, with a role: unjail", &sent).await;
    // Two at once: the second is taken although the first is in no block yet.
    let first = together(stage, chain, "first of two", &three, &role("MsgUnassignRoles", "NODE_ADMIN"), (sequence, sequence)).await;
    let second = together(stage, chain, "second of two", &three, &unjail(&ids[1], root), (sequence + 1, sequence + 1)).await;
    let first = send(stage, chain, "first of two", &first).await;
    let second = send(stage, chain, "second of two", &second).await;
    in_a_block(stage, "first of two", &first).await;
    in_a_block(stage, "second of two", &second).await;
    query(stage, chain, "roles after unassign", &["perm", "roles", me], &["*", "roles[]="]).await;
    stage.note("all sequences", account(stage, chain, root).await.1 - next);
}
