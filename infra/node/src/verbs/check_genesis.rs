//! `check-genesis`: the node's own refusal of anything it did not agree to.

use super::{Job, make_gentx::ROOT_ADDRESS, root_act::RULE};
use crate::host::Host;
use crate::journal;
use domain::genesis::{Spec, check, root_address};
use domain::plan::Plan;
use domain::{Class, Fault, ids};
use serde_json::{Value, json};

pub(crate) async fn run<H: Host>(job: &Job<'_, H>) -> Result<Value, Fault> {
    let host = job.host;
    let sha256: String = job.param("genesis_sha256")?;
    let mut pins = journal::pins(host)?.unwrap_or_default();
    if !pins.genesis_sha256.is_empty() && pins.genesis_sha256 != sha256 {
        return Err(Fault::new(Class::Conflict, "this identity has accepted another genesis already"));
    }
    let bytes = job.get(&ids::genesis_key(&job.order.network, &job.order.execution, &sha256), &sha256).await?;
    let plan = job.get(&ids::plan_key(&job.order.network, &job.order.execution), &pins.plan_sha256).await?;
    let plan: Plan = serde_json::from_slice(&plan).map_err(|e| Fault::internal(format!("plan: {e}")))?;
    let root = job.text(&job.at.identity("root-cert.pem"))?;
    if ids::sha256_hex(root.as_bytes()) != pins.root_cert_sha256 {
        return Err(Fault::new(Class::Conflict, "the root certificate is not the one that was pinned"));
    }
    let json_of = |text: &[u8], what: &str| serde_json::from_slice::<Value>(text).map_err(|e| Fault::new(Class::InvalidInput, format!("{what}: {e}")));
    let genesis = json_of(&bytes, "genesis")?;
    let base = json_of(job.text(&job.at.identity("base-genesis.json"))?.as_bytes(), "base genesis")?;
    let own = json_of(job.text(&job.at.identity("gentx.json"))?.as_bytes(), "gentx")?;
    let names = Spec::validators_of(&plan);
    // The time is the hub's to choose; everything else must follow from the plan and from this node's own init.
    let time = genesis["genesis_time"].as_str().unwrap_or_default();
    let validators = check(&genesis, &base, &own, &Spec::of(&plan, &names, time, &root))?;
    let ruler = root_address(&validators, &plan.root_holders, plan.root_threshold)?;
    // Who is root is fixed for the chain's life: irita itself must compute the address that the genesis has.
    if plan.root_holders.contains(&job.node.name) && job.text(&job.at.identity(ROOT_ADDRESS))? != ruler {
        return Err(Fault::new(Class::Conflict, format!("the genesis makes {ruler} root, this node's irita computed another address")));
    }
    for v in &validators {
        crate::certificate::check_certificate(&v.certificate, &root)?;
    }
    let rule = json!({"address": ruler, "threshold": plan.root_threshold, "holders": plan.root_holders, "chain_id": plan.chain_id, "operators": validators.iter().map(|v| &v.operator).collect::<Vec<_>>()});
    host.write(&job.at.identity(RULE), rule.to_string().as_bytes(), 0o644)?;
    host.write(&job.at.config("genesis.json"), &bytes, 0o644)?;
    pins.genesis_sha256 = sha256.clone();
    journal::save(host, &pins)?;
    Ok(json!({"genesis_sha256": sha256, "validators": validators.len()}))
}
