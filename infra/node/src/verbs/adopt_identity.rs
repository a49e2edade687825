//! `adopt-identity`: a node's identity and data on another machine. Whoever sends the order has seen the old machine ended (its
//! process had the key in memory); here it is seen that the volumes are that node's, whole and not blank.

use super::{Job, check_identity, prepare, service};
use crate::host::Host;
use crate::{journal, toml};
use domain::{Class, Fault};
use serde_json::{Value, json};

/// Files of irita's own folder that a machine needs, kept on the identity volume since the root volume goes with its machine.
const KEPT: [&str; 4] = ["client.toml", "app.toml", "config.toml", "genesis.json"];

/// Keeps irita's configuration and genesis beside the identity. Called whenever they were changed and seen to work.
pub(crate) fn keep_config<H: Host>(job: &Job<'_, H>) -> Result<(), Fault> {
    for file in KEPT {
        job.host.write(&job.at.identity(&format!("config/{file}")), job.text(&job.at.config(file))?.as_bytes(), 0o644)?;
    }
    Ok(())
}

/// Mounts the volumes (a blank one is refused: it is no identity), puts the configuration back with this machine's own addresses,
/// and starts irita.
pub(crate) async fn run<H: Host>(job: &Job<'_, H>) -> Result<Value, Fault> {
    for (role, place) in [("data", job.at.data()), ("identity", job.at.identities())] {
        let volume = prepare::volume(job, role)?.unwrap_or_default();
        let disk = prepare::find_disk(job.host, &volume).await?;
        if disk.blank || disk.label != role {
            return Err(Fault::new(Class::Conflict, format!("{volume} is not a {role} volume of ours (label `{}`)", disk.label)));
        }
        if disk.mounted_at.is_empty() {
            job.host.mount(&disk, &place, true).await?;
        }
    }
    // Only now is there a journal that knows the node and the epochs that it has seen.
    journal::check_order(job.host, &job.order, &job.node.name)?;
    let digest = job.pull().await?;
    for file in KEPT {
        let mut text = job.text(&job.at.identity(&format!("config/{file}")))?;
        if file == "config.toml" {
            let own = json!({"priv_validator_key_file": job.at.identity("priv_validator_key.json"),
                "priv_validator_state_file": job.at.identity("priv_validator_state.json"), "node_key_file": job.at.identity("node_key.json")});
            let mut values = own.as_object().cloned().unwrap_or_default();
            values.extend(job.host.listen());
            text = toml::set(&text, &values, file)?;
        }
        job.host.write(&job.at.config(file), text.as_bytes(), 0o644)?;
    }
    for folder in ["data", "wasm"] {
        job.host.link(&format!("{}/.irita/{folder}", job.at.home()), &format!("{}/{folder}", job.at.data()))?;
    }
    let signed_before = check_identity::signed_height(job.host)?;
    let mut answer = service::start(job).await?;
    answer["signed_before"] = json!(signed_before);
    answer["image_digest"] = json!(digest);
    Ok(answer)
}
