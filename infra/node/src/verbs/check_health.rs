//! `check-health`: one look at a node. Height is health: `/health`, `catching_up` and the process look fine after a consensus
//! failure, a full disk or a lost quorum, so only a fresh block counts, and whoever asked compares the nodes' heights.

use super::{Job, check_identity};
use crate::answers;
use crate::host::Host;
use crate::toml;
use domain::{Fault, ids, node_config};
use serde_json::{Map, Value, json};

/// `{service, restarts, reason, disk_free, signed_height}` always; while irita answers also `{height, block_time, peers,
/// catching_up, power, signing, jailed}`. `signing` = this node's vote is in
/// one of the last three commits that cannot change any more, and the last block is fresh.
pub(crate) async fn run<H: Host>(job: &Job<'_, H>) -> Result<Value, Fault> {
    let host = job.host;
    let service = host.service().await?;
    let signed = check_identity::signed_height(host).unwrap_or_default();
    let mut answer = json!({"service": service.state, "restarts": service.restarts, "reason": ids::shorten(&service.reason, 200),
        "disk_free": host.free_percent(&job.at.data()).unwrap_or_default(), "signed_height": signed});
    let Some(body) = host.rpc("/status").await? else {
        if service.state != "stopped" {
            answer["log"] = json!(answers::last_words(&host.log(200).await?));
        }
        return Ok(answer);
    };
    let status = answers::status(&body)?;
    let peers = host.rpc("/net_info").await?.map(|b| answers::peers(&b)).unwrap_or_default();
    // After a consensus failure or a lost quorum the RPC goes on showing the last votes for ever: only a fresh block counts.
    let signing = status.power > 0 && !status.catching_up && is_fresh(job, &status.block_time)? && signs(job, &status, 0).await?;
    answer["height"] = json!(status.height);
    answer["block_time"] = json!(status.block_time);
    answer["peers"] = json!(peers);
    answer["catching_up"] = json!(status.catching_up);
    answer["power"] = json!(status.power);
    answer["signing"] = json!(signing);
    answer["jailed"] = json!(status.power == 0 && is_jailed(job).await?);
    Ok(answer)
}

/// Whether a block is so young that the chain must be going on: three blocks by this node's own configuration, and 15 s for
/// rounds that fail and for clocks.
fn is_fresh<H: Host>(job: &Job<'_, H>, block_time: &str) -> Result<bool, Fault> {
    let commit = toml::get(&job.text(&job.at.config("config.toml"))?, "consensus.timeout_commit", "config.toml")?;
    let config = Map::from_iter([("consensus.timeout_commit".to_string(), commit)]);
    let block = humantime::parse_rfc3339(block_time).ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
    let age = block.map(|t| job.host.now().saturating_sub(t.as_secs()));
    Ok(age.is_some_and(|age| age as f64 <= 3.0 * node_config::block_seconds(&config) + 15.0))
}

/// Whether this node's vote is in one of the recent commits above `after`.
pub(crate) async fn signs<H: Host>(job: &Job<'_, H>, status: &answers::Status, after: u64) -> Result<bool, Fault> {
    for height in answers::recent_commits(status.height).filter(|h| *h > after) {
        let commit = job.host.rpc(&format!("/commit?height={height}")).await?.map(|b| answers::commit(&b)).transpose()?.flatten();
        if commit.is_some_and(|c| c.signed.contains(&status.cons_address)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Power 0 may mean jailed or removed; only the chain's own list tells. `false` while it cannot be asked.
async fn is_jailed<H: Host>(job: &Job<'_, H>) -> Result<bool, Fault> {
    Ok(validator(job, &job.node.name).await?.is_some_and(|v| v["jailed"] == json!(true)))
}

/// The chain's entry of a validator, by its name; `None` if it has none or does not answer.
pub(crate) async fn validator<H: Host>(job: &Job<'_, H>, name: &str) -> Result<Option<Value>, Fault> {
    let node = format!("tcp://{}", job.host.rpc_address());
    let out = job.host.irita(job.image, &job.at.home(), &["query", "node", "validators", "-o", "json", "--limit", "1000", "--node", &node], &[]).await?;
    let list: Value = serde_json::from_str(&out.stdout).unwrap_or_default();
    Ok(list["validators"].as_array().into_iter().flatten().find(|v| v["name"] == json!(name)).cloned())
}
