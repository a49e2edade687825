//! What a simulated chain asks of a transaction before it runs: permissions first, as irita does, then signatures.

use crate::chain_state::Refused;
use crate::world::Chain;
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::multisig;
use serde_json::Value;
use sm2::dsa::signature::Verifier;

/// The id that irita's signatures are made with.
pub(crate) const DISTID: &str = "1234567812345678";

/// What is signed: everything that a signature binds on the real chain.
pub(crate) fn signed_bytes(tx: &Value, chain_id: &str, account: &str, sequence: &str) -> String {
    format!("{chain_id}/{account}/{sequence}/{}/{}", tx["body"], tx["auth_info"]["fee"])
}

/// Whether a signature is one of this key (both base64) over these bytes.
pub(crate) fn is_signature(key: &str, signature: &str, bytes: &str) -> bool {
    let verify = || -> Option<bool> {
        let key = sm2::PublicKey::from_sec1_bytes(&STANDARD.decode(key).ok()?).ok()?;
        let signature = sm2::dsa::Signature::from_slice(&STANDARD.decode(signature).ok()?).ok()?;
        Some(sm2::dsa::VerifyingKey::new(DISTID, key).ok()?.verify(bytes.as_bytes(), &signature).is_ok())
    };
    verify() == Some(true)
}

/// Everything that CheckTx refuses before a transaction gets into a block.
pub(crate) fn check(chain: &Chain, tx: &Value) -> Result<(), Refused> {
    permitted(chain, tx)?;
    let sender = tx["body"]["messages"][0]["operator"].as_str().unwrap_or_default();
    let Some((account, sequence)) = chain.accounts.get(sender).copied() else {
        return Err(("sdk", 9, format!("account {sender} does not exist: unknown address")));
    };
    // What waits for a block counts already.
    let waiting = chain.pending.iter().filter(|(_, other)| other["body"]["messages"][0]["operator"] == sender).count();
    let sequence = sequence + waiting as u64;
    let (info, signature) = (&tx["auth_info"]["signer_infos"][0], tx["signatures"][0].as_str());
    let Some(signature) = signature else { return Err(("sdk", 15, "no signatures supplied".into())) };
    let bytes = signed_bytes(tx, &chain.chain_id, &account.to_string(), &sequence.to_string());
    let (key, id) = (&info["public_key"], &chain.chain_id);
    let members: Vec<String> = key["public_keys"].as_array().into_iter().flatten().filter_map(|k| k["key"].as_str().map(String::from)).collect();
    let threshold = key["threshold"].as_u64().unwrap_or_default();
    let owner = match key["key"].as_str() {
        Some(key) => multisig::account(key),
        None => multisig::address(&members, threshold as u32),
    };
    if owner.ok().as_deref() != Some(sender) {
        return Err(("sdk", 8, format!("pubKey does not match signer address {sender} with signer index: 0: invalid pubkey")));
    }
    let Some(key) = key["key"].as_str() else {
        let good = signers(&members, signature, &bytes);
        // The sequence is only in what was signed, so a wrong one looks like a wrong signature.
        let why = format!("signature verification failed; please verify account number ({account}), sequence ({sequence}) and chain-id ({id}): unauthorized");
        return if good as u64 >= threshold { Ok(()) } else { Err(("sdk", 4, why)) };
    };
    let given = info["sequence"].as_str().unwrap_or_default();
    if given != sequence.to_string() {
        return Err(("sdk", 32, format!("account sequence mismatch, expected {sequence}, got {given}: incorrect account sequence")));
    }
    let why = format!("signature verification failed; please verify account number ({account}) and chain-id ({id}): unauthorized");
    if is_signature(key, signature, &bytes) { Ok(()) } else { Err(("sdk", 4, why)) }
}

/// How many different members of a multisig signed exactly these bytes.
fn signers(members: &[String], signature: &str, bytes: &str) -> usize {
    let parts: Vec<Value> = STANDARD.decode(signature).ok().and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
    let signed = |member: &&String| {
        let own = parts.iter().filter(|p| p["public_key"]["key"].as_str() == Some(member.as_str()));
        own.filter_map(|p| p["data"]["single"]["signature"].as_str()).any(|s| is_signature(member, s, bytes))
    };
    members.iter().filter(signed).count()
}

/// Whether the sender of every message has a role for it.
pub(crate) fn permitted(chain: &Chain, tx: &Value) -> Result<(), Refused> {
    for message in tx["body"]["messages"].as_array().into_iter().flatten() {
        let roles = chain.roles.get(message["operator"].as_str().unwrap_or_default()).cloned().unwrap_or_default();
        let wanted: &[&str] = match message["@type"].as_str() {
            Some("/iritamod.perm.MsgUnassignRoles" | "/iritamod.perm.MsgAssignRoles") => &["ROOT_ADMIN", "PERM_ADMIN", "POWER_USER_ADMIN"],
            _ => &["ROOT_ADMIN", "NODE_ADMIN"],
        };
        if !roles.iter().any(|r| wanted.contains(&r.as_str())) {
            let log = format!("Required roles: [{}]; sender roles: [{}]. : unauthorized operation", wanted.join(" "), roles.join(" "));
            return Err(("perm", 2, log));
        }
    }
    Ok(())
}
