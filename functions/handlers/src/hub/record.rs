//! `ensure-record`: the network's manifest, one conditional object per revision, each naming the one before.

use crate::Context;
use crate::guard::{hold, param};
use domain::manifest::{Manifest, ManifestNode};
use domain::order::NodeAnswer;
use domain::plan::Plan;
use domain::{Class, Fault, fault, ids};
use serde_json::{Value, json};

/// The last revision, if the network was ever recorded.
pub async fn last(ctx: &Context, network: &str) -> Result<Option<Manifest>, Fault> {
    let bucket = ctx.setting("HUB_BUCKET")?;
    let keys = ctx.aws.list_objects(bucket, &format!("networks/{network}/manifest/")).await?;
    let Some(key) = keys.last() else { return Ok(None) };
    let object = ctx.aws.get_object(bucket, key).await?.ok_or_else(|| Fault::internal(format!("{key} was listed and is gone")))?;
    serde_json::from_slice(&object.bytes).map(Some).map_err(|e| Fault::internal(format!("{key}: {e}")))
}

/// Writes a revision with `state`, and what came with it: `plan` and `answers` of the ceremony, `verdict` of the witnesses.
/// `launched` is refused with `Transient` unless the witnesses saw every validator sign. There is no undo: the record stays.
pub async fn ensure(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let (network, execution, epoch, state): (String, String, u64, String) =
        (param(&event, "network")?, param(&event, "execution")?, param(&event, "epoch")?, param(&event, "state")?);
    hold(ctx, &network, &execution, epoch).await?;
    let previous = last(ctx, &network).await?;
    let mut next = Manifest::after(previous.as_ref(), &network, &execution, epoch, &state);
    let mut plan_sha256 = String::new();
    if state == "launching" {
        let plan: Plan = param(&event, "plan")?;
        begin(&mut next, &plan);
        let bytes = serde_json::to_vec(&plan).map_err(|e| Fault::internal(e.to_string()))?;
        plan_sha256 = ids::sha256_hex(&bytes);
        // Nodes pin this hash and read the plan by it. Undo: `remove-exchange`.
        ctx.aws.put_new(ctx.setting("HUB_BUCKET")?, &ids::plan_key(&network, &execution), bytes).await?;
    }
    if let Some(nodes) = event.get("nodes").filter(|v| !v.is_null()) {
        set_nodes(&mut next, nodes, event.get("prepared"))?;
    }
    if let Some(genesis) = event.get("genesis").filter(|v| !v.is_null()) {
        next.genesis = json!({"sha256": genesis["sha256"], "key": genesis["key"]});
        next.root_cert_sha256 = genesis["root_cert_sha256"].as_str().unwrap_or_default().into();
    }
    let silence = match event.get("witnesses").filter(|v| !v.is_null()) {
        Some(witnesses) => {
            let answers: Vec<NodeAnswer> = fault::parse("witnesses", witnesses.clone())?;
            next.verdict = verdict(&answers)?;
            let silent: Vec<String> = fault::parse("silent", next.verdict["silent"].clone())?;
            (!silent.is_empty()).then(|| silent.join(", "))
        }
        None => None,
    };
    if silence.is_some() {
        next.state = "failing".into();
    }
    // The same call came before and its answer was lost: then the last revision is this one already.
    let same = |p: &Manifest| p.state == next.state && p.execution == execution && p.epoch == epoch && p.verdict == next.verdict && p.genesis == next.genesis;
    match previous.filter(same) {
        Some(written) => next = written,
        None => write(ctx, &next).await?,
    }
    match silence {
        None => Ok(json!({"revision": next.revision, "sha256": next.sha256(), "plan_sha256": plan_sha256})),
        Some(names) => {
            let v = &next.verdict;
            let text = format!(
                "{} of {} validators signed up to height {}: {names} did not; read that node's log, then launch again",
                v["validators_signed"], v["validators"], v["to"]
            );
            // Internal: another try of the same call cannot make a silent validator sign.
            Err(Fault::new(Class::Internal, text))
        }
    }
}

async fn write(ctx: &Context, next: &Manifest) -> Result<(), Fault> {
    let bytes = serde_json::to_vec(next).map_err(|e| Fault::internal(e.to_string()))?;
    if ctx.aws.put_new(ctx.setting("HUB_BUCKET")?, &ids::manifest_key(&next.network, next.revision), bytes).await? {
        return Ok(());
    }
    Err(Fault::new(Class::Busy, format!("revision {} of {} was written meanwhile; try again", next.revision, next.network)))
}

fn begin(next: &mut Manifest, plan: &Plan) {
    next.request_sha256 = plan.request_sha256.clone();
    next.chain_id = plan.chain_id.clone();
    next.authority = plan.authority.clone();
    next.members = plan.members.clone();
    next.genesis = Value::Null;
    next.verdict = Value::Null;
    next.nodes = vec![];
}

/// Node facts from `check-nodes`, and what each node said of itself in `prepare`.
fn set_nodes(next: &mut Manifest, nodes: &Value, prepared: Option<&Value>) -> Result<(), Fault> {
    let mut list: Vec<ManifestNode> = vec![];
    for n in nodes.as_array().map(Vec::as_slice).unwrap_or_default() {
        let text = |k: &str| n[k].as_str().unwrap_or_default().to_string();
        list.push(ManifestNode {
            name: text("name"),
            member: text("member"),
            kind: "validator".into(),
            power: 100,
            instance: text("instance"),
            private_ip: text("ip"),
            volumes: fault::parse("volumes", n["volumes"].clone())?,
            ..ManifestNode::default()
        });
    }
    if let Some(prepared) = prepared.filter(|p| !p.is_null()) {
        let answers: Vec<NodeAnswer> = fault::parse("prepared", prepared.clone())?;
        let mut digests: Vec<&str> = answers.iter().filter_map(|a| a.result["image_digest"].as_str()).collect();
        digests.sort_unstable();
        digests.dedup();
        let [digest] = digests.as_slice() else {
            return Err(Fault::new(Class::Conflict, format!("the nodes pulled different images: {}", digests.join(", "))));
        };
        next.image_digest = (*digest).to_string();
        for node in &mut list {
            if let Some(a) = answers.iter().find(|a| a.node == node.name) {
                let text = |k: &str| a.result[k].as_str().unwrap_or_default().to_string();
                (node.operator, node.cons_address, node.node_id) = (text("operator"), text("cons_address"), text("node_id"));
            }
        }
    }
    next.nodes = list;
    Ok(())
}

/// What the witnesses agree on: which validators signed all of the last blocks. `Conflict` if they saw different chains.
fn verdict(answers: &[NodeAnswer]) -> Result<Value, Fault> {
    let first = answers.first().ok_or_else(|| Fault::internal("no witness answered"))?;
    let mut silent: Vec<&str> = vec![];
    let names: Vec<&str> = first.result["validators"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for answer in answers {
        if answer.result["to"] == first.result["to"] && answer.result["hash"] != first.result["hash"] {
            return Err(Fault::new(Class::Conflict, format!("{} and {} are on different chains at height {}", first.node, answer.node, first.result["to"])));
        }
        for (name, votes) in names.iter().zip(answer.result["votes"].as_array().into_iter().flatten()) {
            let votes = votes.as_str().unwrap_or_default();
            if (votes.is_empty() || votes.contains('0')) && !silent.contains(name) {
                silent.push(name);
            }
        }
    }
    Ok(json!({"from": first.result["from"], "to": first.result["to"], "hash": first.result["hash"], "validators": names.len(),
        "validators_signed": names.len() - silent.len(), "silent": silent, "witnesses": answers.iter().map(|a| &a.node).collect::<Vec<_>>()}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(node: &str, hash: &str, votes: &[&str]) -> NodeAnswer {
        let result = json!({"from": 3, "to": 5, "hash": hash, "validators": ["node0", "node1"], "votes": votes});
        NodeAnswer { node: node.into(), result, fault: None }
    }

    #[test]
    fn the_verdict_names_who_was_silent_and_refuses_two_chains() {
        let v = verdict(&[answer("node0", "A", &["111", "111"]), answer("node1", "A", &["111", "101"])]).expect("verdict");
        assert_eq!((v["validators_signed"].as_u64(), &v["silent"]), (Some(1), &json!(["node1"])));
        let all = verdict(&[answer("node0", "A", &["111", "111"])]).expect("verdict");
        assert_eq!((all["validators_signed"].as_u64(), &all["silent"]), (Some(2), &json!([])));
        assert_eq!(verdict(&[answer("node0", "A", &["1", "1"]), answer("node1", "B", &["1", "1"])]).expect_err("fork").class, Class::Conflict);
        assert!(verdict(&[]).is_err());
    }
}
