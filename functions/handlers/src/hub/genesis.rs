//! `ensure-genesis`: from what the nodes put down to one file that every node will check for itself.

use crate::Context;
use crate::guard::{hold, names, param};
use domain::genesis::{Spec, assemble, read_gentx, root_address};
use domain::order::NodeAnswer;
use domain::plan::Plan;
use domain::{Class, Fault, ids};
use serde_json::{Value, json};

/// Assembles the genesis from exchange objects, each checked against the hash that its node answered. Undo: `remove-exchange`.
/// `genesis_time` is the launch's own, so that a repeated call writes the same bytes.
pub async fn ensure(ctx: &Context, event: Value) -> Result<Value, Fault> {
    let (network, execution) = names(&event)?;
    let epoch: u64 = param(&event, "epoch")?;
    hold(ctx, &network, &execution, epoch).await?;
    let plan: Plan = param(&event, "plan")?;
    let prepared: Vec<NodeAnswer> = param(&event, "prepared")?;
    let signed: Vec<NodeAnswer> = param(&event, "signed")?;
    let gentxs: Vec<NodeAnswer> = param(&event, "gentxs")?;
    let time: String = param(&event, "genesis_time")?;
    let place = Place { ctx, network: &network, execution: &execution };
    let authority = plan.nodes.iter().find(|n| n.name == plan.authority).ok_or_else(|| Fault::internal("the plan has no authority"))?;
    let base = place.read(&authority.member, &authority.name, "base-genesis.json", hash(&prepared, &authority.name, "base_sha256")?).await?;
    let root = place.read(&authority.member, &authority.name, "root-cert.pem", hash(&signed, &authority.name, "root_cert_sha256")?).await?;
    let root = String::from_utf8(root).map_err(|_| Fault::new(Class::InvalidInput, "the root certificate is not text"))?;
    let mut list = vec![];
    for node in &plan.nodes {
        let bytes = place.read(&node.member, &node.name, "gentx.json", hash(&gentxs, &node.name, "gentx_sha256")?).await?;
        list.push(json_of(&bytes, &format!("gentx of {}", node.name))?);
    }
    let names = Spec::validators_of(&plan);
    let genesis = assemble(&json_of(&base, "base genesis")?, &Spec::of(&plan, &names, &time, &root), &list)?;
    let validators = list.iter().map(read_gentx).collect::<Result<Vec<_>, _>>()?;
    let ruler = root_address(&validators, &plan.root_holders, plan.root_threshold)?;
    let bytes = serde_json::to_vec(&genesis).map_err(|e| Fault::internal(e.to_string()))?;
    let sha256 = ids::sha256_hex(&bytes);
    let key = ids::genesis_key(&network, &execution, &sha256);
    // The hash is in the key: "already there" is the same genesis.
    ctx.aws.put_new(ctx.setting("HUB_BUCKET")?, &key, bytes).await?;
    Ok(json!({"sha256": sha256, "key": key, "root_cert_sha256": ids::sha256_hex(root.as_bytes()),
        "approval": {"root": ruler, "threshold": plan.root_threshold, "holders": plan.root_holders}}))
}

struct Place<'a> {
    ctx: &'a Context,
    network: &'a str,
    execution: &'a str,
}

impl Place<'_> {
    async fn read(&self, member: &str, node: &str, name: &str, sha256: String) -> Result<Vec<u8>, Fault> {
        let key = ids::exchange_key(self.network, self.execution, member, node, name);
        let object = self.ctx.aws.get_object(self.ctx.setting("HUB_BUCKET")?, &key).await?;
        let bytes = object.ok_or_else(|| Fault::new(Class::NotFound, format!("{key} is not there")))?.bytes;
        if ids::sha256_hex(&bytes) != sha256 {
            return Err(Fault::new(Class::Conflict, format!("{key} is not what {node} said it wrote")));
        }
        Ok(bytes)
    }
}

fn hash(answers: &[NodeAnswer], node: &str, field: &str) -> Result<String, Fault> {
    let found = answers.iter().find(|a| a.node == node).and_then(|a| a.result[field].as_str());
    found.map(String::from).ok_or_else(|| Fault::new(Class::InvalidInput, format!("`{field}`: {node} did not answer it")))
}

fn json_of(bytes: &[u8], what: &str) -> Result<Value, Fault> {
    serde_json::from_slice(bytes).map_err(|e| Fault::new(Class::InvalidInput, format!("{what}: {e}")))
}
