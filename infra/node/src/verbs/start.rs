//! `start`: configuration, the service, and the proof that it answers.

use super::{Job, adopt_identity, check_identity};
use crate::host::Host;
use crate::{answers, toml};
use domain::plan::Plan;
use domain::{Class, Fault, ids, node_config};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// RPC answers within half a second of a good start; a node that needs this long is not going to.
const DEADLINE_S: u64 = 60;

pub(crate) async fn run<H: Host>(job: &Job<'_, H>) -> Result<Value, Fault> {
    let (host, name) = (job.host, job.node.name.as_str());
    let peers: BTreeMap<String, String> = job.param("peers")?;
    let pins = check_identity::look(host).await?;
    if pins.genesis_sha256.is_empty() {
        return Err(Fault::new(Class::Conflict, "this node has accepted no genesis yet"));
    }
    let plan = job.get(&ids::plan_key(&job.order.network, &job.order.execution), &pins.plan_sha256).await?;
    let plan: Plan = serde_json::from_slice(&plan).map_err(|e| Fault::internal(format!("plan: {e}")))?;
    if plan.image != job.image {
        return Err(Fault::new(Class::Conflict, format!("the plan says {}, this member's stack {}", plan.image, job.image)));
    }
    let index = plan.nodes.iter().position(|n| n.name == name).ok_or_else(|| Fault::internal("not in the plan"))?;
    let address = |i: &usize| -> Result<(String, String), Fault> {
        let peer = &plan.nodes[*i].name;
        let id = peers.get(peer).ok_or_else(|| Fault::field("peers", format!("no id of {peer}"), "{\"node0\":\"cf14…\"}"))?;
        let ip = job.order.nodes.iter().find(|n| n.name == *peer).map(|n| n.ip.clone());
        let ip = ip.ok_or_else(|| Fault::field("nodes", format!("no address of {peer}"), "[{\"name\":\"node0\",…}]"))?;
        Ok((id.clone(), format!("{id}@{ip}:26656")))
    };
    let dialled = node_config::dials(index, &plan.nodes).iter().map(address).collect::<Result<Vec<_>, _>>()?;
    let list = dialled.iter().map(|(_, a)| a.as_str()).collect::<Vec<_>>().join(",");
    let unconditional = dialled.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>().join(",");
    let config = node_config::config_toml(&plan.config_toml, name, &list, &unconditional, &job.at.identities(), host.listen());
    for (file, values) in [("config.toml", config), ("app.toml", node_config::app_toml(&plan.app_toml))] {
        let path = job.at.config(file);
        let text = toml::set(&job.text(&path)?, &values, file)?;
        host.write(&path, text.as_bytes(), 0o644)?;
    }
    for folder in ["data", "wasm"] {
        host.link(&format!("{}/.irita/{folder}", job.at.home()), &format!("{}/{folder}", job.at.data()))?;
    }
    host.start_service(job.image, &job.at.home()).await?;
    let until = host.now() + DEADLINE_S;
    loop {
        if let Some(body) = host.rpc("/status").await? {
            let status = answers::status(&body)?;
            if status.network != plan.chain_id {
                return Err(Fault::internal(format!("the node is on chain `{}`, the plan says `{}`", status.network, plan.chain_id)));
            }
            adopt_identity::keep_config(job)?;
            return Ok(json!({"node_id": status.node_id, "cons_address": status.cons_address}));
        }
        if host.now() >= until {
            return Err(Fault::internal(format!(
                "irita does not answer {DEADLINE_S} s after its start; its last lines: {}",
                answers::last_words(&host.log(200).await?)
            )));
        }
        host.sleep(1).await;
    }
}
