//! `check-identity`: whether this machine may sign as the node it was made for. Looked at before every start of irita, which
//! itself would make new keys in silence when it finds none.

use crate::host::Host;
use crate::journal::{self, Pins};
use crate::layout::Layout;
use domain::{Class, Fault, ids};
use serde_json::Value;

/// Files without which a validator must not start.
const FILES: [&str; 3] = ["priv_validator_key.json", "priv_validator_state.json", "node_key.json"];

/// Refuses with `Conflict` unless both volumes are mounted, the identity is whole, its consensus key is the one that was pinned
/// when it was made, the genesis is the one that was accepted, and its signer state is not older than one that has been seen.
pub async fn look<H: Host>(host: &H) -> Result<Pins, Fault> {
    let at = Layout::of(host);
    let refuse = |why: String| Fault::new(Class::Conflict, why);
    mounted(host).await?;
    for file in FILES {
        if host.read(&at.identity(file))?.is_none() {
            return Err(refuse(format!("{file} is missing: this node has no identity to start with")));
        }
    }
    let pins = journal::pins(host)?.ok_or_else(|| refuse("pins.json is missing: this is not an identity of ours".into()))?;
    let key: Value = json(host, &at.identity("priv_validator_key.json"))?;
    let address = super::prepare::cons_address(key["pub_key"]["value"].as_str().unwrap_or_default())?;
    if address != pins.cons_address {
        return Err(refuse(format!("the consensus key is {address}, this identity was made with {}", pins.cons_address)));
    }
    let genesis = host.read(&at.config("genesis.json"))?.unwrap_or_default();
    if !pins.genesis_sha256.is_empty() && ids::sha256_hex(&genesis) != pins.genesis_sha256 {
        return Err(refuse("the genesis on this node is not the one that it accepted".into()));
    }
    let height = signed_height(host)?;
    if height < pins.signed_height {
        return Err(refuse(format!("the signer state is at height {height}, this identity has signed up to {}: it is an old copy", pins.signed_height)));
    }
    Ok(pins)
}

/// Refuses unless data and identity volumes are mounted: without its mount a folder looks empty, and keys would be made anew.
pub(crate) async fn mounted<H: Host>(host: &H) -> Result<(), Fault> {
    let at = Layout::of(host);
    let disks = host.disks().await?;
    for (role, place) in [("identity", at.identities()), ("data", at.data())] {
        if !disks.iter().any(|d| d.mounted_at == place && d.label == role) {
            return Err(Fault::new(Class::Conflict, format!("no {role} volume is mounted at {place}")));
        }
    }
    Ok(())
}

/// Height in the signer's state: it has signed up to there.
pub(crate) fn signed_height<H: Host>(host: &H) -> Result<u64, Fault> {
    let state: Value = json(host, &Layout::of(host).identity("priv_validator_state.json"))?;
    state["height"].as_str().and_then(|h| h.parse().ok()).ok_or_else(|| Fault::new(Class::Conflict, "priv_validator_state.json is not understood"))
}

fn json<H: Host>(host: &H, path: &str) -> Result<Value, Fault> {
    let bytes = host.read(path)?.ok_or_else(|| Fault::new(Class::Conflict, format!("{path} is missing")))?;
    serde_json::from_slice(&bytes).map_err(|e| Fault::new(Class::Conflict, format!("{path}: {e}")))
}
