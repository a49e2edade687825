//! The scenario, second part: queries, transactions and RPC of a running chain, and how its heights behave when nodes stop.

use crate::same_answer;
use crate::same_script::TRANSACTION;
use crate::same_stage::Stage;
use consortium::report;
use nodectl::Output;
use serde_json::{Value, json};

/// What counts of an answer to `tx broadcast`.
const SENT: &[&str] = &["*", "height=", "code=", "codespace=", "raw_log=", "gas_wanted=", "gas_used="];
/// What counts of `/tx`; irita's own log of a success is a list of events, which nobody reads.
const DONE: &[&str] = &["result.height", "result.hash", "result.tx_result.code=", "result.tx_result.codespace="];
const FAILED: &[&str] = &["result.height", "result.hash", "result.tx_result.code=", "result.tx_result.codespace=", "result.tx_result.log="];
/// What counts of an error of the RPC.
const ERROR: &[&str] = &["*", "error.code=", "error.message=", "error.data="];

/// Who is who on the chain.
struct Chain {
    root: String,
    operator: String,
    url: String,
    passphrase: String,
}

fn read(output: &Output) -> Value {
    let text = if output.stdout.is_empty() { &output.stderr } else { &output.stdout };
    serde_json::from_str(text.trim()).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

/// A transaction that is not signed yet.
fn transaction(message: &Value) -> Value {
    json!({"body": {"messages": [message], "memo": "", "timeout_height": "0", "extension_options": [], "non_critical_extension_options": []},
        "auth_info": {"signer_infos": [], "fee": {"amount": [{"denom": "ugas", "amount": "200000"}], "gas_limit": "200000", "payer": "", "granter": ""}}, "signatures": []})
}

pub async fn scenario(stage: &mut Stage<'_>) {
    let found = report::network(&stage.session.cloud, "testnet").await.expect("recorded").manifest;
    let chain = Chain {
        root: found.approval["root"].as_str().expect("a root").into(),
        operator: found.nodes.iter().find(|n| n.name == "node0").expect("node0").operator.clone(),
        url: stage.url("node0"),
        passphrase: format!("{}\n", stage.read("node0", "identity/passphrase").trim()),
    };
    queries(stage, &chain).await;
    rpc(stage, &chain).await;
    let ids = validators(stage, &chain).await;
    alone(stage, &chain, &ids).await;
    acts(stage, &chain, &ids).await;
    heights(stage, &chain).await;
}

async fn query(stage: &mut Stage<'_>, chain: &Chain, step: &str, words: &[&str], reads: &[&str]) -> Output {
    stage.irita(step, "node0", &[&["query"], words, &["-o", "json", "--node", &chain.url]].concat(), &[], reads).await
}

async fn queries(stage: &mut Stage<'_>, chain: &Chain) {
    let stranger = "iaa1ek4es9wq4krxmwm8mm65fwwzuwjkl2y0ea7y3p";
    for (who, account) in [("the root", chain.root.as_str()), ("an operator", &chain.operator), ("a stranger", stranger)] {
        query(stage, chain, &format!("roles of {who}"), &["perm", "roles", account], &["*", "roles[]="]).await;
        let account = query(stage, chain, &format!("account of {who}"), &["auth", "account", account], &["@type=", "address", "account_number=", "sequence="]).await;
        assert!(account.code == 0 || who == "a stranger", "{account:?}");
    }
    let all = ["node", "validators", "--limit", "1000"];
    query(stage, chain, "validators", &all, &["validators[].id", "validators[].name=", "validators[].power=", "validators[].jailed="]).await;
    let nobody = ["query", "node", "validators", "-o", "json", "--node", "tcp://127.0.0.99:26657"];
    stage.irita("validators, nobody listens", "node0", &nobody, &[], &[]).await;
    stage.irita("roles, unknown flag", "node0", &["query", "perm", "roles", stranger, "--bogus"], &[], &[]).await;
}

async fn rpc(stage: &mut Stage<'_>, _: &Chain) {
    let status = [
        "result.node_info.id",
        "result.node_info.network=",
        "result.node_info.version=",
        "result.node_info.moniker=",
        "result.sync_info.latest_block_height",
        "result.sync_info.latest_block_hash",
        "result.sync_info.latest_block_time",
        "result.sync_info.catching_up=",
        "result.validator_info.address",
        "result.validator_info.voting_power=",
        "id=",
        "jsonrpc=",
    ];
    for node in ["node0", "node3"] {
        stage.rpc(&format!("/status of {node}"), node, "/status", &status).await;
    }
    let body = stage.session.cloud.rpc(&stage.instance("node0"), "/status").await.expect("answers");
    let plain = |path: &str| same_answer::plain(body.pointer(path).and_then(Value::as_str).unwrap_or_default(), "");
    stage.note("form of the ids", json!([plain("/result/node_info/id"), plain("/result/validator_info/address"), plain("/result/sync_info/latest_block_hash")]));
    let commit = [
        "result.canonical=",
        "result.signed_header.header.chain_id=",
        "result.signed_header.header.height=",
        "result.signed_header.header.time",
        "result.signed_header.commit.height=",
        "result.signed_header.commit.block_id.hash",
        "result.signed_header.commit.signatures",
        "result.signed_header.commit.signatures[].block_id_flag=",
        "result.signed_header.commit.signatures[].validator_address",
        "result.signed_header.commit.signatures[].timestamp",
        "result.signed_header.commit.signatures[].signature",
    ];
    stage.rpc("/commit of a block", "node0", "/commit?height=5", &commit).await;
    stage.rpc("/commit of a block too high", "node0", "/commit?height=999999", ERROR).await;
    stage.rpc("/tx of an unknown hash", "node0", &format!("/tx?hash=0x{}", "0".repeat(64)), ERROR).await;
    stage.rpc("/net_info", "node1", "/net_info", &["result.listening=", "result.n_peers="]).await;
}

/// Ids of the validators node0 and node3.
async fn validators(stage: &mut Stage<'_>, chain: &Chain) -> [String; 2] {
    let all = stage.quiet("node0", "scratch", &["query", "node", "validators", "-o", "json", "--node", &chain.url], &[]).await;
    let all = read(&all)["validators"].clone();
    ["node0", "node3"].map(|name| {
        let found = all.as_array().into_iter().flatten().find(|v| v["name"] == name).expect("a validator");
        found["id"].as_str().expect("an id").to_string()
    })
}

async fn account(stage: &Stage<'_>, chain: &Chain, address: &str) -> (String, u64) {
    let found = read(&stage.quiet("node0", "scratch", &["query", "auth", "account", address, "-o", "json", "--node", &chain.url], &[]).await);
    let text = |k: &str| found[k].as_str().expect("text").to_string();
    (text("account_number"), text("sequence").parse().expect("a number"))
}

/// Sends what lies on node0; if it is taken, waits for its block.
async fn send(stage: &mut Stage<'_>, chain: &Chain, step: &str, signed: &Value) -> Value {
    let file = stage.write("node0", "scratch/whole.json", &signed.to_string());
    let sent = stage.irita(step, "node0", &["tx", "broadcast", &file, "-b", "sync", "-o", "json", "--node", &chain.url], &[], SENT).await;
    read(&sent)
}

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
async fn alone(stage: &mut Stage<'_>, chain: &Chain, ids: &[String; 2]) {
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

async fn signed_alone(stage: &mut Stage<'_>, chain: &Chain, message: &Value) -> Value {
    let (number, sequence) = account(stage, chain, &chain.operator).await;
    let (file, document, keyring) = (stage.at("node0", "scratch/unsigned.json"), stage.at("node0", "scratch/alone.json"), stage.at("node0", "identity/keyring"));
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

async fn acts(stage: &mut Stage<'_>, chain: &Chain, ids: &[String; 2]) {
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

/// Whether every one of these nodes has a greater height some blocks later.
async fn grow(stage: &Stage<'_>, nodes: &[&str], seconds: u64) -> Vec<bool> {
    let before = stage.heights(nodes).await;
    stage.wait(seconds).await;
    stage.heights(nodes).await.iter().zip(before).map(|(after, before)| *after > before).collect()
}

async fn heights(stage: &mut Stage<'_>, chain: &Chain) {
    let seen = grow(stage, &["node0", "node3"], 6).await;
    stage.note("all run: heights grow", seen);
    stage.rpc("a block before any stop", "node0", "/commit?height=2", &["result.signed_header.header.height="]).await;
    let stopped = stage.operate("stop", "node3").await;
    stage.note("stop of one", stopped.status);
    let seen = grow(stage, &["node0", "node1"], 15).await;
    stage.note("one of four stopped: heights grow", seen);
    let seen = stage.heights(&["node3"]).await;
    stage.note("a stopped node tells", seen);
    stage.rpc("/status of a stopped node", "node3", "/status", &["*"]).await;
    let url = stage.url("node3");
    stage.irita("roles, from a stopped node", "node0", &["query", "perm", "roles", &chain.root, "-o", "json", "--node", &url], &[], &[]).await;
    stage.rpc("/net_info with one stopped", "node1", "/net_info", &["result.n_peers="]).await;
    let refused = stage.operate("stop", "node2").await;
    stage.note("stop of a second", json!([refused.status, refused.error.0, same_answer::plain(&refused.error.1, "")]));
    stage.halt("node2");
    stage.wait(4).await;
    let seen = grow(stage, &["node0", "node1"], 8).await;
    stage.note("two of four stopped: heights grow", seen);
    stage.rpc("/status without quorum", "node0", "/status", &["result.sync_info.catching_up=", "result.validator_info.voting_power="]).await;
    for node in ["node2", "node3"] {
        let started = stage.operate("start", node).await;
        stage.note(&format!("start of {node}"), started.status);
    }
    let seen = grow(stage, &["node0", "node1", "node2", "node3"], 15).await;
    stage.note("all run again: heights grow", seen);
}
