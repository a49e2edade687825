//! `check-identity`: whether this machine may sign as the node it was made for. Looked at before every start of irita, which
//! itself would make new keys in silence when it finds none.

use crate::host::Host;
use crate::journal::{self, Pins};
use crate::layout::Layout;
use domain::{Class, Fault, ids};
use serde_json::Value;

/// File with the highest signer state that was seen.
const SEEN: &str = "signed.json";

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
    let (state, seen) = (signer_state(host)?, seen_state(host)?);
    if state < seen {
        return Err(refuse(format!("the signer state is at height {}, this identity has signed up to {}: it is an old copy", state.0, seen.0)));
    }
    remember_signed(host)?;
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

/// Height, round and step: the signer has signed up to there.
type Signed = (u64, u64, u64);

/// Height in the signer's state.
pub(crate) fn signed_height<H: Host>(host: &H) -> Result<u64, Fault> {
    signer_state(host).map(|(height, ..)| height)
}

fn signer_state<H: Host>(host: &H) -> Result<Signed, Fault> {
    let state: Value = json(host, &Layout::of(host).identity("priv_validator_state.json"))?;
    let height = state["height"].as_str().and_then(|h| h.parse().ok());
    let height = height.ok_or_else(|| Fault::new(Class::Conflict, "priv_validator_state.json is not understood"))?;
    Ok((height, state["round"].as_u64().unwrap_or_default(), state["step"].as_u64().unwrap_or_default()))
}

/// The highest signer state that was seen here, in a file of its own: pins belong to whoever holds the node's lock.
fn seen_state<H: Host>(host: &H) -> Result<Signed, Fault> {
    let bytes = host.read(&Layout::of(host).identity(SEEN))?;
    Ok(bytes.and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default())
}

/// Remembers the signer state, so that an older copy of it is refused ever after. A copy of the whole volume carries its own
/// memory: against that stand the fence and the ban on snapshots of identity volumes.
pub(crate) fn remember_signed<H: Host>(host: &H) -> Result<(), Fault> {
    let state = signer_state(host)?;
    if state <= seen_state(host)? {
        return Ok(());
    }
    host.write(&Layout::of(host).identity(SEEN), serde_json::json!(state).to_string().as_bytes(), 0o600)
}

fn json<H: Host>(host: &H, path: &str) -> Result<Value, Fault> {
    let bytes = host.read(path)?.ok_or_else(|| Fault::new(Class::Conflict, format!("{path} is missing")))?;
    serde_json::from_slice(&bytes).map_err(|e| Fault::new(Class::Conflict, format!("{path}: {e}")))
}
