//! The scenario, second part: queries and RPC of a running chain, and how its heights behave when nodes stop.

use crate::same_answer;
use crate::same_stage::Stage;
use crate::same_transactions::{acts, alone};
use consortium::report;
use nodectl::Output;
use serde_json::{Value, json};

/// What counts of an error of the RPC.
const ERROR: &[&str] = &["*", "error.code=", "error.message=", "error.data="];

/// Who is who on the chain.
pub struct Chain {
    /// Address of the root multisig.
    pub root: String,
    /// Address of node0's operator.
    pub operator: String,
    /// RPC of node0.
    pub url: String,
    /// Passphrase of node0's keyring, with its line end.
    pub passphrase: String,
}

/// The JSON that a command printed, on whichever stream.
pub fn read(output: &Output) -> Value {
    let text = if output.stdout.is_empty() { &output.stderr } else { &output.stdout };
    serde_json::from_str(text.trim()).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

/// Everything that is done on the running chain.
pub async fn scenario(stage: &mut Stage<'_>) {
    let found = report::network(&stage.session.cloud, "testnet").await.expect("recorded").manifest;
    let chain = Chain {
        root: found.approval["root"].as_str().expect("a root").into(),
        operator: found.nodes.iter().find(|n| n.name == "node0").expect("node0").operator.clone(),
        url: stage.url("node0"),
        passphrase: format!("{}\n", stage.read("node0", "identity/passphrase").trim()),
    };
    queries(stage, &chain).await;
    rpc(stage).await;
    let ids = validators(stage, &chain).await;
    alone(stage, &chain, &ids).await;
    acts(stage, &chain, &ids).await;
    heights(stage, &chain).await;
}

/// A query of node0 as a step.
pub async fn query(stage: &mut Stage<'_>, chain: &Chain, step: &str, words: &[&str], reads: &[&str]) -> Output {
    stage.irita(step, "node0", &[&["query"], words, &["-o", "json", "--node", &chain.url]].concat(), &[], reads).await
}

async fn queries(stage: &mut Stage<'_>, chain: &Chain) {
    let stranger = "iaa1ek4es9wq4krxmwm8mm65fwwzuwjkl2y0ea7y3p";
    for (who, account) in [("the root", chain.root.as_str()), ("an operator", &chain.operator), ("a stranger", stranger)] {
        query(stage, chain, &format!("roles of {who}"), &["perm", "roles", account], &["*", "roles[]="]).await;
        let account =
            query(stage, chain, &format!("account of {who}"), &["auth", "account", account], &["@type=", "address", "account_number=", "sequence="]).await;
        assert!(account.code == 0 || who == "a stranger", "{account:?}");
    }
    let all = ["node", "validators", "--limit", "1000"];
    query(stage, chain, "validators", &all, &["validators[].id", "validators[].name=", "validators[].power=", "validators[].jailed="]).await;
    let nobody = ["query", "node", "validators", "-o", "json", "--node", "tcp://127.0.0.99:26657"];
    stage.irita("validators, nobody listens", "node0", &nobody, &[], &[]).await;
    stage.irita("roles, unknown flag", "node0", &["query", "perm", "roles", stranger, "--bogus"], &[], &[]).await;
}

async fn rpc(stage: &mut Stage<'_>) {
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
    stage
        .note("form of the ids", json!([plain("/result/node_info/id"), plain("/result/validator_info/address"), plain("/result/sync_info/latest_block_hash")]));
    let commit = [
        "result.canonical=",
        "result.signed_header.header.chain_id=",
        "result.signed_header.header.height",
        "result.signed_header.header.time",
        "result.signed_header.commit.height",
        "result.signed_header.commit.block_id.hash",
        "result.signed_header.commit.signatures",
        "result.signed_header.commit.signatures[].block_id_flag=",
        "result.signed_header.commit.signatures[].validator_address",
        "result.signed_header.commit.signatures[].timestamp",
        "result.signed_header.commit.signatures[].signature",
    ];
    // Of fast blocks any single one may lack a vote; one that lacks none is wanted.
    let whole = whole_block(stage).await;
    let found = stage.rpc("/commit of a block", "node0", &format!("/commit?height={whole}"), &commit).await.unwrap_or_default();
    stage.note(
        "its height is the one asked for",
        json!([
            found["result"]["signed_header"]["header"]["height"] == json!(whole.to_string()),
            found["result"]["signed_header"]["commit"]["height"] == json!(whole.to_string())
        ]),
    );
    stage.rpc("/commit of a block too high", "node0", "/commit?height=999999", ERROR).await;
    stage.rpc("/tx of an unknown hash", "node0", &format!("/tx?hash=0x{}", "0".repeat(64)), ERROR).await;
    stage.rpc("/net_info", "node1", "/net_info", &["result.listening=", "result.n_peers="]).await;
}

/// The first height whose commit has every vote.
async fn whole_block(stage: &Stage<'_>) -> u64 {
    for height in 1..=stage.heights(&["node0"]).await[0].saturating_sub(2) {
        let body = stage.session.cloud.rpc(&stage.instance("node0"), &format!("/commit?height={height}")).await.unwrap_or_default();
        if nodectl::commit(&body).expect("a commit").is_some_and(|c| c.signed.len() == 4) {
            return height;
        }
    }
    panic!("no block has every vote")
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
    let seen = grow(stage, &["node0", "node1"], 10).await;
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
    let seen = grow(stage, &["node0", "node1", "node2", "node3"], 10).await;
    stage.note("all run again: heights grow", seen);
}
