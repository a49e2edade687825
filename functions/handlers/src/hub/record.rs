//! `ensure-record`: the network's manifest, one conditional object per revision, each naming the one before.

use crate::Context;
use crate::guard::{hold, names, param};
use domain::manifest::{Manifest, ManifestNode};
use domain::order::NodeAnswer;
use domain::plan::{POWER, Plan};
use domain::request::OnFailure;
use domain::{Class, Fault, fault, ids};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The last revision, if the network was ever recorded.
pub async fn last(ctx: &Context, network: &str) -> Result<Option<Manifest>, Fault> {
    let bucket = ctx.setting("HUB_BUCKET")?;
    let keys = ctx.aws.list_objects(bucket, &format!("networks/{network}/manifest/")).await?;
    let Some(key) = keys.last() else { return Ok(None) };
    let object = ctx.aws.get_object(bucket, key).await?.ok_or_else(|| Fault::internal(format!("{key} was listed and is gone")))?;
    serde_json::from_slice(&object.bytes).map(Some).map_err(|e| Fault::internal(format!("{key}: {e}")))
}

/// Whether an execution began something that its last revision does not end.
pub fn is_unfinished(last: Option<&Manifest>, execution: &str) -> bool {
    last.is_some_and(|m| m.execution == execution && matches!(m.state.as_str(), "launching" | "failing" | "removing"))
}

/// Names of the members of the last revision; the founder alone before there is one.
pub fn members(last: Option<&Manifest>) -> Vec<String> {
    match last.filter(|m| !m.members.is_empty()) {
        Some(manifest) => manifest.members.iter().map(|m| m.name.clone()).collect(),
        None => vec![domain::consortium::FOUNDER.into()],
    }
}

/// Writes a revision with `state`, and what came with it: `plan` and `answers` of the ceremony, `verdict` of the witnesses.
/// Unless the witnesses saw every validator sign, `launched` becomes `failing` (all will be undone) or `kept`, as the request's
/// `on_failure` says, and the answer names who was silent. There is no undo: the record stays.
pub async fn ensure(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let (network, execution) = names(&event)?;
    let (epoch, state): (u64, String) = (param(&event, "epoch")?, param(&event, "state")?);
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
        next.approval = genesis["approval"].clone();
        next.root_cert_sha256 = genesis["root_cert_sha256"].as_str().unwrap_or_default().into();
    }
    let silent: Vec<String> = match event.get("witnesses").filter(|v| !v.is_null()) {
        Some(witnesses) => {
            let answers: Vec<NodeAnswer> = fault::parse("witnesses", witnesses.clone())?;
            let plan: Plan = param(&event, "plan")?;
            next.verdict = verdict(&answers, &plan)?;
            let silent: Vec<String> = fault::parse("silent", next.verdict["silent"].clone())?;
            if !silent.is_empty() {
                next.state = if plan.on_failure == OnFailure::Keep { "kept" } else { "failing" }.into();
            }
            silent
        }
        None => vec![],
    };
    // The same call came before and its answer was lost: then the last revision is this one already.
    let same = |p: &Manifest| p.state == next.state && p.execution == execution && p.epoch == epoch && p.verdict == next.verdict && p.genesis == next.genesis;
    match previous.filter(same) {
        Some(written) => next = written,
        None => write(ctx, &next).await?,
    }
    let v = &next.verdict;
    let why = match silent.is_empty() {
        true => String::new(),
        false => format!("{} of {} validators signed up to height {}: {} did not", v["validators_signed"], v["validators"], v["to"], silent.join(", ")),
    };
    Ok(json!({"revision": next.revision, "sha256": next.sha256(), "plan_sha256": plan_sha256, "state": next.state, "silent": silent, "why": why}))
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

/// The digest that every node pulled; who pulled which, when it is not one.
fn same_image(answers: &[NodeAnswer]) -> Result<String, Fault> {
    let mut pulled: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for a in answers {
        pulled.entry(a.result["image_digest"].as_str().unwrap_or("no digest")).or_default().push(&a.node);
    }
    if let (1, Some((digest, _))) = (pulled.len(), pulled.first_key_value()) {
        return Ok((*digest).to_string());
    }
    // Those who are few come first: they are the ones to look at.
    let mut groups: Vec<(&str, Vec<&str>)> = pulled.into_iter().collect();
    groups.sort_by_key(|(_, nodes)| nodes.len());
    let told: Vec<String> = groups.iter().map(|(digest, nodes)| format!("{} {digest}", nodes.join(", "))).collect();
    Err(Fault::new(Class::Conflict, format!("the nodes pulled different images under one name: {}; name the image by its digest", told.join("; "))))
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
            power: POWER,
            instance: text("instance"),
            private_ip: text("ip"),
            volumes: fault::parse("volumes", n["volumes"].clone())?,
            ..ManifestNode::default()
        });
    }
    if let Some(prepared) = prepared.filter(|p| !p.is_null()) {
        let answers: Vec<NodeAnswer> = fault::parse("prepared", prepared.clone())?;
        next.image_digest = same_image(&answers)?;
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

/// What the witnesses agree on: which of the planned validators signed all of the last blocks.
/// `Conflict` if they saw different chains; `Internal` if they are too few or speak of other validators.
fn verdict(answers: &[NodeAnswer], plan: &Plan) -> Result<Value, Fault> {
    let planned: Vec<&str> = plan.nodes.iter().map(|n| n.name.as_str()).collect();
    if answers.len() * 3 <= planned.len() {
        return Err(Fault::internal(format!(
            "{} of {} nodes are too few witnesses: more than a third must have seen the blocks",
            answers.len(),
            planned.len()
        )));
    }
    let first = answers.first().ok_or_else(|| Fault::internal("no witness answered"))?;
    let mut silent: Vec<&str> = vec![];
    for answer in answers {
        let votes: Vec<&str> = answer.result["votes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if answer.result["validators"] != json!(planned.len()) || votes.len() != planned.len() {
            return Err(Fault::internal(format!("{} speaks of {} validators, the plan of {}", answer.node, answer.result["validators"], planned.len())));
        }
        // Too few blocks are as bad as a missing vote: then nobody has signed what was asked for.
        let full = |v: &str| v.len() == plan.blocks as usize && v.chars().all(|c| c == '1');
        silent.extend(planned.iter().zip(&votes).filter(|(_, v)| !full(v)).map(|(name, _)| *name));
        if answer.result["to"] == first.result["to"] && answer.result["hash"] != first.result["hash"] {
            return Err(Fault::new(Class::Conflict, format!("{} and {} are on different chains at height {}", first.node, answer.node, first.result["to"])));
        }
    }
    silent.sort_unstable();
    silent.dedup();
    if silent.is_empty() && answers.iter().any(|a| a.result["to"] != first.result["to"]) {
        return Err(Fault::new(Class::Conflict, "the witnesses saw everybody sign, but not the same blocks"));
    }
    Ok(json!({"from": first.result["from"], "to": first.result["to"], "hash": first.result["hash"], "validators": planned.len(),
        "validators_signed": planned.len() - silent.len(), "silent": silent, "witnesses": answers.iter().map(|a| &a.node).collect::<Vec<_>>()}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::plan::{Facts, Member, Quota, Subnet};

    fn plan() -> Plan {
        let request = json!({"network": "testnet", "chain_id": "testnet", "size": "test", "validators": 2, "blocks": 3, "allow_no_fault_tolerance": true});
        let request = domain::request::Request::from_value(request).expect("valid");
        let member = Member { name: "founder".into(), account: "1".into(), region: "us-east-1".into(), ..Member::default() };
        let subnets = vec![Subnet { id: "s".into(), zone: "z".into() }];
        let quota = Quota { limit: 99, used: 0 };
        let facts = Facts {
            member,
            subnets,
            offered: vec![("m6a.large".into(), "z".into())],
            max_nodes: 9,
            image: request.image.clone(),
            agreement: String::new(),
            vcpus: quota.clone(),
            peerings: quota,
        };
        Plan::decide(&request, &[facts], "e").expect("plan")
    }

    fn answer(node: &str, hash: &str, to: u64, votes: &[&str]) -> NodeAnswer {
        let result = json!({"from": to - 2, "to": to, "hash": hash, "validators": 2, "votes": votes});
        NodeAnswer { node: node.into(), result, fault: None }
    }

    #[test]
    fn the_verdict_names_who_was_silent_and_refuses_two_chains() {
        let of = |answers: &[NodeAnswer]| verdict(answers, &plan());
        let v = of(&[answer("node0", "A", 5, &["111", "111"]), answer("node1", "A", 5, &["111", "101"])]).expect("verdict");
        assert_eq!((v["validators_signed"].as_u64(), &v["silent"]), (Some(1), &json!(["node1"])));
        let all = of(&[answer("node0", "A", 5, &["111", "111"])]).expect("verdict");
        assert_eq!((all["validators_signed"].as_u64(), &all["silent"]), (Some(2), &json!([])));
        let fork = of(&[answer("node0", "A", 5, &["111", "111"]), answer("node1", "B", 5, &["111", "111"])]);
        assert_eq!(fork.expect_err("fork").class, Class::Conflict);
        let apart = of(&[answer("node0", "A", 5, &["111", "111"]), answer("node1", "B", 6, &["111", "111"])]);
        assert_eq!(apart.expect_err("other blocks").class, Class::Conflict);
    }

    #[test]
    fn too_few_blocks_validators_or_witnesses_are_no_launch() {
        let short = verdict(&[answer("node0", "A", 5, &["11", "11"])], &plan()).expect("verdict");
        assert_eq!(short["validators_signed"], json!(0));
        assert!(verdict(&[], &plan()).is_err());
        let mut nobody = answer("node0", "A", 5, &[]);
        nobody.result["validators"] = json!(0);
        assert!(verdict(&[nobody], &plan()).is_err());
    }
}
