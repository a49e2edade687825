//! What transactions and absence change on a simulated chain: accounts, roles, jail. The figures are irita's defaults
//! (slashing window 100 blocks, half of them, 600 s; a set change counts two blocks after its transaction).

use crate::chain_check;
use crate::world::Chain;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Blocks that are looked back at for absence.
const WINDOW: usize = 100;
/// A validator that missed more than this many of them is jailed.
const MISSED_MAX: usize = 50;
/// How long, ms.
const JAIL_MS: u64 = 600_000;

/// `(number, sequence)` by account.
type Accounts = BTreeMap<String, (u64, u64)>;
/// Roles by account.
type Roles = BTreeMap<String, Vec<String>>;

/// Accounts (numbered in the genesis' order) and roles of a genesis.
pub(crate) fn at_genesis(genesis: &Value) -> (Accounts, Roles) {
    let list = |pointer: &str| genesis.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |v: &Value| v.as_str().unwrap_or_default().to_string();
    let mut accounts: Accounts = list("/app_state/auth/accounts").iter().enumerate().map(|(n, a)| (text(&a["address"]), (n as u64, 0))).collect();
    // The gentxs are the operators' first transactions.
    for gentx in list("/app_state/genutil/gen_txs") {
        if let Some((_, sequence)) = accounts.get_mut(&text(&gentx["body"]["messages"][0]["operator"])) {
            *sequence += 1;
        }
    }
    let roles = |r: &Value| (text(&r["address"]), r["roles"].as_array().into_iter().flatten().map(text).collect());
    let roles = list("/app_state/perm/role_accounts").iter().map(roles).collect();
    (accounts, roles)
}

/// What a new block does: set changes that are due, absences, and every transaction that waits.
pub(crate) fn deliver(chain: &mut Chain, height: u64, at: u64, signed: &[String]) {
    for (address, power) in chain.changes.remove(&height).unwrap_or_default() {
        if let Some((_, now)) = chain.validators.get_mut(&address) {
            *now = power;
        }
    }
    for (address, (_, power)) in chain.validators.clone() {
        let missed = chain.missed.entry(address.clone()).or_default();
        missed.push(!signed.contains(&address));
        if missed.len() > WINDOW {
            missed.remove(0);
        }
        if power > 0 && missed.iter().filter(|m| **m).count() > MISSED_MAX {
            chain.missed.remove(&address);
            chain.jailed.insert(address.clone(), (power, at + JAIL_MS));
            chain.changes.entry(height + 2).or_default().push((address, 0));
        }
    }
    for (hash, transaction) in std::mem::take(&mut chain.pending) {
        let (code, codespace, log) = match execute(chain, height, at, &transaction) {
            Ok(()) => (0, "", "[]".to_string()),
            Err((codespace, code, log)) => (code, codespace, log),
        };
        chain.transactions.insert(hash, json!({"height": height, "code": code, "codespace": codespace, "log": log}));
    }
}

/// Codespace, code and log, as irita gives them.
pub(crate) type Refused = (&'static str, u32, String);

fn execute(chain: &mut Chain, height: u64, at: u64, transaction: &Value) -> Result<(), Refused> {
    chain_check::permitted(chain, transaction)?;
    let before = (chain.roles.clone(), chain.jailed.clone(), chain.changes.clone());
    let mut result = Ok(());
    for (i, message) in transaction["body"]["messages"].as_array().into_iter().flatten().enumerate() {
        let done = one(chain, height, at, message);
        result = done.map_err(|(space, code, log)| match space {
            // A panic takes the whole transaction, not one message of it.
            "undefined" => (space, code, log),
            _ => (space, code, format!("failed to execute message; message index: {i}: {log}")),
        });
        if result.is_err() {
            // All messages of a transaction, or none.
            (chain.roles, chain.jailed, chain.changes) = before;
            break;
        }
    }
    // A transaction that failed in its messages has used its sequence number.
    if let Some((_, sequence)) = chain.accounts.get_mut(transaction["body"]["messages"][0]["operator"].as_str().unwrap_or_default()) {
        *sequence += 1;
    }
    result
}

fn one(chain: &mut Chain, height: u64, at: u64, message: &Value) -> Result<(), Refused> {
    let text = |k: &str| message[k].as_str().unwrap_or_default().to_string();
    match message["@type"].as_str().unwrap_or_default() {
        "/iritamod.perm.MsgAssignRoles" => {
            let held = chain.roles.entry(text("address")).or_default();
            for role in message["roles"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if !held.iter().any(|r| r == role) {
                    held.push(role.into());
                }
            }
            Ok(())
        }
        "/iritamod.perm.MsgUnassignRoles" => {
            let held = chain.roles.entry(text("address")).or_default();
            for role in message["roles"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                let at = held.iter().position(|r| r == role).ok_or_else(|| ("perm", 8, format!("{role}: the account does not have this role")))?;
                held.remove(at);
            }
            Ok(())
        }
        "/iritamod.slashing.MsgUnjailValidator" => {
            let address = chain.validators.iter().find(|(a, _)| validator_id(a) == text("id")).map(|(a, _)| a.clone());
            // irita's slashing module panics on an id that the set does not have.
            let panic = || ("undefined", 111_222, "panic message redacted to hide potentially sensitive system info: panic".to_string());
            let address = address.ok_or_else(panic)?;
            match chain.jailed.get(&address) {
                None => Err(("slashing", 5, "validator not jailed; cannot be unjailed".into())),
                Some((_, until)) if at < *until => Err(("slashing", 4, "validator still jailed; cannot be unjailed".into())),
                Some((power, _)) => {
                    chain.changes.entry(height + 2).or_default().push((address.clone(), *power));
                    chain.jailed.remove(&address);
                    Ok(())
                }
            }
        }
        other => Err(("sdk", 6, format!("unrecognized message route: {other}"))),
    }
}

/// Id that a simulated chain gives a validator: 64 upper hex, as the real one's.
pub(crate) fn validator_id(cons_address: &str) -> String {
    domain::ids::sha256_hex(cons_address.as_bytes()).to_uppercase()
}
