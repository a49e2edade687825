//! What exists: one object per revision, each naming the hash of the one before; and the lock of a network.

use crate::fault::{Class, Fault};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Version of the manifest's form.
pub const FORMAT: u32 = 1;

/// One node of a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct ManifestNode {
    /// Name.
    pub name: String,
    /// Member.
    pub member: String,
    /// `validator` or `full`.
    pub kind: String,
    /// Operator's account address.
    pub operator: String,
    /// Consensus address, 40 hex.
    pub cons_address: String,
    /// Peer id, 40 hex.
    pub node_id: String,
    /// Voting power.
    pub power: u32,
    /// Instance id.
    pub instance: String,
    /// Private address.
    pub private_ip: String,
    /// Volume ids.
    pub volumes: Vec<String>,
}

/// One revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// Network.
    pub network: String,
    /// 1, 2, 3, ...
    pub revision: u64,
    /// Hash of the revision before; empty for the first.
    pub prev_sha256: String,
    /// Execution that wrote it.
    pub execution: String,
    /// Its epoch.
    pub epoch: u64,
    /// `launching`, `launched`, `undone`, `removing`, `removed`.
    pub state: String,
    /// Hash of the request.
    #[serde(default)]
    pub request_sha256: String,
    /// Chain id.
    #[serde(default)]
    pub chain_id: String,
    /// `{sha256, key}` of the genesis.
    #[serde(default)]
    pub genesis: Value,
    /// Digest that every node pulled.
    #[serde(default)]
    pub image_digest: String,
    /// Hash of the root certificate.
    #[serde(default)]
    pub root_cert_sha256: String,
    /// Node that holds the authority.
    #[serde(default)]
    pub authority: String,
    /// Who rules the chain: `{root, threshold, holders}`, the root's address and the nodes whose operators hold its keys.
    #[serde(default)]
    pub approval: Value,
    /// Members.
    #[serde(default)]
    pub members: Vec<crate::plan::Member>,
    /// Nodes.
    #[serde(default)]
    pub nodes: Vec<ManifestNode>,
    /// What the witnesses saw: `{from, to, validators_signed, silent}`.
    #[serde(default)]
    pub verdict: Value,
}

impl Manifest {
    /// Hash that the next revision names.
    pub fn sha256(&self) -> String {
        crate::ids::sha256_hex(serde_json::to_string(self).unwrap_or_default().as_bytes())
    }

    /// An empty revision after `previous`.
    pub fn after(previous: Option<&Manifest>, network: &str, execution: &str, epoch: u64, state: &str) -> Manifest {
        let base = Manifest {
            format: FORMAT,
            network: network.into(),
            revision: 0,
            prev_sha256: String::new(),
            execution: String::new(),
            epoch: 0,
            state: String::new(),
            request_sha256: String::new(),
            chain_id: String::new(),
            genesis: Value::Null,
            image_digest: String::new(),
            root_cert_sha256: String::new(),
            authority: String::new(),
            approval: Value::Null,
            members: vec![],
            nodes: vec![],
            verdict: Value::Null,
        };
        let mut next = previous.cloned().unwrap_or(base);
        next.prev_sha256 = previous.map(Manifest::sha256).unwrap_or_default();
        next.revision += 1;
        next.execution = execution.into();
        next.epoch = epoch;
        next.state = state.into();
        next
    }
}

/// The one object that says who may change a network now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Lock {
    /// Grows with each holder.
    pub epoch: u64,
    /// Holder's execution name; empty when free.
    pub execution: String,
    /// Holder's execution ARN; empty when free.
    pub execution_arn: String,
}

/// What to do about a lock that `execution` wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockStep {
    /// Write this, on the condition that nobody else did.
    Take(Lock),
    /// Already ours.
    Ours(u64),
    /// Held: only after the holder is seen dead.
    AskHolder(Lock),
}

impl Lock {
    /// Decides on a lock as read (`None` = never written).
    pub fn decide(found: Option<&Lock>, execution: &str, arn: &str) -> LockStep {
        let next = |epoch| Lock { epoch, execution: execution.into(), execution_arn: arn.into() };
        match found {
            None => LockStep::Take(next(1)),
            Some(l) if l.execution == execution => LockStep::Ours(l.epoch),
            Some(l) if l.execution.is_empty() => LockStep::Take(next(l.epoch + 1)),
            Some(l) => LockStep::AskHolder(l.clone()),
        }
    }

    /// The lock after a takeover from a dead holder.
    pub fn taken_over(&self, execution: &str, arn: &str) -> Lock {
        Lock { epoch: self.epoch + 1, execution: execution.into(), execution_arn: arn.into() }
    }

    /// `Conflict` unless `execution` holds it at `epoch`.
    pub fn check_held(&self, execution: &str, epoch: u64) -> Result<(), Fault> {
        if self.execution == execution && self.epoch == epoch {
            return Ok(());
        }
        let holder = if self.execution.is_empty() { "nobody" } else { &self.execution };
        let text = format!("{execution} does not hold the lock at epoch {epoch}: {holder} holds it at epoch {}", self.epoch);
        Err(Fault::new(Class::Conflict, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_taken_once_and_epochs_only_grow() {
        let LockStep::Take(first) = Lock::decide(None, "a", "arn:a") else { panic!("free") };
        assert_eq!(Lock::decide(Some(&first), "a", "arn:a"), LockStep::Ours(1));
        assert_eq!(Lock::decide(Some(&first), "b", "arn:b"), LockStep::AskHolder(first.clone()));
        let second = first.taken_over("b", "arn:b");
        assert_eq!(second.epoch, 2);
        assert!(second.check_held("a", 1).is_err() && second.check_held("b", 1).is_err() && second.check_held("b", 2).is_ok());
    }

    #[test]
    fn revisions_form_a_hash_chain() {
        let one = Manifest::after(None, "testnet", "e1", 1, "launching");
        let two = Manifest::after(Some(&one), "testnet", "e1", 1, "launched");
        assert_eq!((one.revision, two.revision), (1, 2));
        assert_eq!(two.prev_sha256, one.sha256());
        assert_ne!(one.sha256(), two.sha256());
    }
}
