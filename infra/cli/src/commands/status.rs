//! `status`: what exists, and whether it makes blocks. Height is health, so it watches for half a minute of virtual time.

use super::{leftovers, open};
use consortium::home::Home;
use consortium::report;
use domain::{Class, Fault};
use std::path::Path;
use std::time::Duration;

/// Long enough for several blocks at the default five seconds.
const WATCH: Duration = Duration::from_secs(30);

/// Runs it.
pub async fn run(home: &Path, network: &str, json: bool) -> Result<u8, Fault> {
    let home = Home::take(home)?;
    if home.world()?.is_none() {
        return Err(Fault::new(Class::NotFound, "there is no local world yet; begin with: consortium launch events/console/launch-testnet.json"));
    }
    let session = open(&home, Default::default()).await?;
    let missing = || Fault::new(Class::NotFound, format!("there is no network `{network}` here"));
    let before = report::network(&session.cloud, network).ok_or_else(missing)?;
    tokio::time::sleep(WATCH).await;
    let found = report::network(&session.cloud, network).ok_or_else(missing)?;
    session.cloud.save().map_err(|e| Fault::internal(e.to_string()))?;
    let state = found.manifest.state.clone();
    let grows = found.height > before.height;
    let ok = state != "launched" || (grows && found.double_signs.is_empty());
    let status = match state.as_str() {
        "launched" if !grows => "halted".to_string(),
        "launched" if found.nodes.iter().any(|n| !n.signing) => "degraded".to_string(),
        other => other.to_string(),
    };
    let left = report::left(&session.cloud, network, &[]);
    if json {
        println!("{}", session.summary(&status, network, None, &[]));
    } else {
        println!(
            "{network}: {status}, height {} -> {} in {} virtual seconds, revision {} of the manifest\n",
            before.height,
            found.height,
            WATCH.as_secs(),
            found.manifest.revision
        );
        if state == "launched" {
            println!("{}", report::table(&found.nodes));
            for node in found.nodes.iter().filter(|n| !n.signing) {
                println!("{} does not sign: its machine is {}, its irita is at height {}", node.name, node.state, node.height);
            }
        }
        leftovers(&left);
    }
    Ok(u8::from(!ok))
}
