//! `start-service`, `stop-service`, `restart-service`, `change-config`: irita on this node, seen to be back before they answer.

use super::{Job, adopt_identity, check_health, check_identity};
use crate::host::Host;
use crate::{answers, toml};
use domain::{Class, Fault, ids, node_config};
use serde_json::{Map, Value, json};

/// A node has this long to answer and to sign a new block after a start.
const DEADLINE_S: u64 = 90;
/// While it fetches old blocks, and gets on with it, it has this long; whoever sent the order waits ten minutes.
const CATCH_UP_S: u64 = 540;

/// Starts irita and waits until it is back. Undo: `stop-service`.
pub(crate) async fn start<H: Host>(job: &Job<'_, H>) -> Result<Value, Fault> {
    check_identity::look(job.host).await?;
    roll_back(job, |_| true)?;
    let before = height(job).await?;
    job.host.start_service(job.image, &job.at.home()).await?;
    let height = wait_until_back(job, before, job.param("expect_blocks")?).await?;
    Ok(json!({"height": height}))
}

/// Stops irita cleanly, also in the first seconds after a start. Undo: `start-service`.
pub(crate) async fn stop<H: Host>(job: &Job<'_, H>) -> Result<Value, Fault> {
    job.host.stop_service().await?;
    check_identity::remember_signed(job.host)?;
    Ok(json!({"signed_height": check_identity::signed_height(job.host)?}))
}

/// Changes values of config.toml and app.toml, and restarts irita. When it does not come back, the old files are put back, it is
/// started again, and the answer is the fault that says so.
pub(crate) async fn change_config<H: Host>(job: &Job<'_, H>) -> Result<Value, Fault> {
    let (config, app): (Map<String, Value>, Map<String, Value>) = (job.param("config_toml")?, job.param("app_toml")?);
    node_config::check_given(&config, &app)?;
    check_clock(job, &config)?;
    check_identity::look(job.host).await?;
    // What an earlier order left half-done is put back first; what a killed try of this very one began goes on.
    roll_back(job, |op| op != job.order.op)?;
    let before = height(job).await?;
    let expect: bool = job.param("expect_blocks")?;
    let why = match apply(job, &config, &app, before, expect).await {
        Ok(height) => {
            forget(job)?;
            return Ok(json!({"height": height}));
        }
        Err(why) => why,
    };
    roll_back(job, |_| true)?;
    job.host.start_service(job.image, &job.at.home()).await?;
    let again = match wait_until_back(job, before, expect).await {
        Ok(height) => format!("the old configuration is back and the node is at height {height}"),
        Err(f) => format!("the old configuration is back, but the node is not: {}", f.message),
    };
    // What was wrong with the values themselves is said as that.
    let class = if why.class == Class::InvalidInput { why.class } else { Class::Internal };
    Err(Fault::new(class, format!("with the new configuration {}; {again}", ids::shorten(&why.message, 400))))
}

/// Blocks faster than one a second need a genesis that knows of it.
fn check_clock<H: Host>(job: &Job<'_, H>, config: &Map<String, Value>) -> Result<(), Fault> {
    let genesis: Value = serde_json::from_str(&job.text(&job.at.config("genesis.json"))?).unwrap_or_default();
    let slow = genesis.pointer("/consensus_params/block/time_iota_ms") == Some(&json!("1000"));
    if slow && config.contains_key("consensus.timeout_commit") && node_config::fast_blocks(config) {
        let why = "this chain was born for blocks of a second and more; faster ones would push its clock ahead of real time for good";
        return Err(Fault::field("config_toml.consensus.timeout_commit", why, "\"1s\""));
    }
    Ok(())
}

const FILES: [&str; 2] = ["config.toml", "app.toml"];

/// Where the file from before a change is kept, with the op that changed it, until that op is answered.
fn kept<H: Host>(job: &Job<'_, H>, file: &str) -> String {
    format!("{}.before", job.at.config(file))
}

async fn apply<H: Host>(job: &Job<'_, H>, config: &Map<String, Value>, app: &Map<String, Value>, before: u64, expect: bool) -> Result<u64, Fault> {
    for (file, values) in FILES.into_iter().zip([config, app]) {
        let old = match old_file(job, file)? {
            Some((_, old)) => old,
            None => job.text(&job.at.config(file))?,
        };
        let new = toml::set(&old, values, file)?;
        job.host.write(&kept(job, file), json!({"op": job.order.op, "text": old}).to_string().as_bytes(), 0o644)?;
        job.host.write(&job.at.config(file), new.as_bytes(), 0o644)?;
    }
    job.host.start_service(job.image, &job.at.home()).await?;
    let height = wait_until_back(job, before, expect).await?;
    adopt_identity::keep_config(job)?;
    Ok(height)
}

/// Op and text of a file from before a change that was not answered yet.
fn old_file<H: Host>(job: &Job<'_, H>, file: &str) -> Result<Option<(String, String)>, Fault> {
    let Some(bytes) = job.host.read(&kept(job, file))? else { return Ok(None) };
    let found: Value = serde_json::from_slice(&bytes).map_err(|e| Fault::internal(format!("{file}.before: {e}")))?;
    let text = |k: &str| found[k].as_str().unwrap_or_default().to_string();
    Ok(Some((text("op"), text("text"))))
}

/// Puts back the files of changes that were never answered, if their op is one of `which`.
fn roll_back<H: Host>(job: &Job<'_, H>, which: impl Fn(&str) -> bool) -> Result<(), Fault> {
    for file in FILES {
        if let Some((_, old)) = old_file(job, file)?.filter(|(op, _)| which(op)) {
            job.host.write(&job.at.config(file), old.as_bytes(), 0o644)?;
            job.host.remove(&kept(job, file))?;
        }
    }
    Ok(())
}

fn forget<H: Host>(job: &Job<'_, H>) -> Result<(), Fault> {
    FILES.iter().try_for_each(|file| job.host.remove(&kept(job, file)))
}

/// Height that the node has, or had signed when it does not answer.
async fn height<H: Host>(job: &Job<'_, H>) -> Result<u64, Fault> {
    let seen = job.host.rpc("/status").await.ok().flatten().and_then(|b| answers::status(&b).ok());
    Ok(seen.map(|s| s.height).unwrap_or_default().max(check_identity::signed_height(job.host)?))
}

/// Waits until irita answers and (if `expect_blocks`) has caught up, sees a height above `before` and, unless it is out of the
/// set, signs again; gives its height.
async fn wait_until_back<H: Host>(job: &Job<'_, H>, before: u64, expect_blocks: bool) -> Result<u64, Fault> {
    let host = job.host;
    let began = host.now();
    let (mut until, mut reached) = (began + DEADLINE_S, 0);
    loop {
        // An answer that cannot be read yet is none.
        let status = host.rpc("/status").await.ok().flatten().and_then(|b| answers::status(&b).ok());
        if let Some(s) = status {
            let grows = !s.catching_up && s.height > before;
            if !expect_blocks || (grows && (s.power == 0 || check_health::signs(job, &s, before).await?)) {
                return Ok(s.height);
            }
            if s.catching_up && s.height > reached {
                (until, reached) = ((host.now() + DEADLINE_S).min(began + CATCH_UP_S), s.height);
            }
        }
        let service = host.service().await?;
        // Started twice and ended twice: it is not going to stay.
        if service.state != "running" && service.restarts > 0 || host.now() >= until {
            let log = answers::last_words(&host.log(200).await?);
            return Err(Fault::internal(format!("irita did not come back ({}; {}); its last lines: {log}", service.state, service.reason)));
        }
        host.sleep(1).await;
    }
}
