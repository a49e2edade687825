//! `start-service`, `stop-service`, `restart-service`, `change-config`: irita on this node, seen to be back before they answer.

use super::{Job, adopt_identity, check_health, check_identity};
use crate::host::Host;
use crate::{answers, toml};
use domain::{Class, Fault, ids, node_config};
use serde_json::{Map, Value, json};

/// A node has this long to answer and to see a new block after a start.
const DEADLINE_S: u64 = 90;

/// Starts irita and waits until it is back. Undo: `stop-service`.
pub(crate) async fn start<H: Host>(job: &Job<'_, H>) -> Result<Value, Fault> {
    check_identity::look(job.host).await?;
    let before = height(job).await?;
    job.host.start_service(job.image, &job.at.home()).await?;
    let height = wait_until_back(job, before, job.param("expect_blocks")?).await?;
    Ok(json!({"height": height}))
}

/// Stops irita cleanly, also in the first seconds after a start. Undo: `start-service`.
pub(crate) async fn stop<H: Host>(job: &Job<'_, H>) -> Result<Value, Fault> {
    job.host.stop_service().await?;
    let signed = check_identity::signed_height(job.host)?;
    check_health::remember_signed(job.host, signed)?;
    Ok(json!({"signed_height": signed}))
}

/// Changes values of config.toml and app.toml, and restarts irita. When it does not come back, the old files are put back, it is
/// started again, and the answer is the fault that says so.
pub(crate) async fn change_config<H: Host>(job: &Job<'_, H>) -> Result<Value, Fault> {
    let host = job.host;
    let (config, app): (Map<String, Value>, Map<String, Value>) = (job.param("config_toml")?, job.param("app_toml")?);
    node_config::check_given(&config, &app)?;
    check_identity::look(host).await?;
    let mut changed = vec![];
    for (file, values) in [("config.toml", &config), ("app.toml", &app)] {
        let path = job.at.config(file);
        // Kept until the answer: a call that was killed half-way finds what there was before it.
        let kept = format!("{path}.before");
        let old = match host.read(&kept)? {
            Some(bytes) => String::from_utf8(bytes).map_err(|_| Fault::internal(format!("{kept} is not text")))?,
            None => job.text(&path)?,
        };
        let new = toml::set(&old, values, file)?;
        changed.push((path, kept, old, new));
    }
    for (path, kept, old, new) in &changed {
        host.write(kept, old.as_bytes(), 0o644)?;
        host.write(path, new.as_bytes(), 0o644)?;
    }
    let before = height(job).await?;
    let expect: bool = job.param("expect_blocks")?;
    host.start_service(job.image, &job.at.home()).await?;
    let back = wait_until_back(job, before, expect).await;
    if back.is_err() {
        for (path, _, old, _) in &changed {
            host.write(path, old.as_bytes(), 0o644)?;
        }
        host.start_service(job.image, &job.at.home()).await?;
    }
    let done = match back {
        Ok(height) => adopt_identity::keep_config(job).map(|()| json!({"height": height})),
        Err(why) => {
            let again = match wait_until_back(job, before, expect).await {
                Ok(height) => format!("the old configuration is back and the node is at height {height}"),
                Err(f) => format!("the old configuration is back, but the node is not: {}", f.message),
            };
            Err(Fault::new(Class::Internal, format!("with the new configuration {}; {again}", ids::shorten(&why.message, 400))))
        }
    };
    changed.iter().try_for_each(|(_, kept, ..)| host.remove(kept))?;
    done
}

async fn height<H: Host>(job: &Job<'_, H>) -> Result<u64, Fault> {
    Ok(job.host.rpc("/status").await?.map(|b| answers::status(&b)).transpose()?.map(|s| s.height).unwrap_or_default())
}

/// Waits until irita answers and (if `expect_blocks`) has caught up, sees a height above `before` and, unless it is out of the
/// set, signs again; gives its height.
async fn wait_until_back<H: Host>(job: &Job<'_, H>, before: u64, expect_blocks: bool) -> Result<u64, Fault> {
    let host = job.host;
    let until = host.now() + DEADLINE_S;
    loop {
        let status = host.rpc("/status").await?.map(|b| answers::status(&b)).transpose()?;
        if let Some(s) = status {
            let grows = !s.catching_up && s.height > before;
            if !expect_blocks || (grows && (s.power == 0 || check_health::signs(job, &s, before).await?)) {
                return Ok(s.height);
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
