//! The genesis: what is laid over the image's own defaults, and the proof that nothing else was changed.
//!
//! Hub and nodes call the same [`assemble`]: a node rebuilds the genesis from its own `irita init` and refuses one that differs.

use crate::fault::{Class, Fault};
use serde_json::{Value, json};

/// What a funded account gets, in the denomination that gas is paid in.
const GAS: &str = "1000000000000000000000";
/// What it gets of the two other tokens.
const OTHER: &str = "5000000000";
/// The default of 7 counts every key of a multisig: a root of eight keys would be powerless for ever.
const TX_SIG_LIMIT_DEFAULT: usize = 7;

/// Facts of one validator, all read from its signed gentx.
#[derive(Debug, Clone, PartialEq)]
pub struct Validator {
    /// Name; equals the node's name.
    pub name: String,
    /// Operator account.
    pub operator: String,
    /// Peer id.
    pub node_id: String,
    /// Certificate, PEM.
    pub certificate: String,
    /// Voting power.
    pub power: u32,
}

/// What the plan decides about a genesis.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec<'a> {
    /// Chain id.
    pub chain_id: &'a str,
    /// RFC 3339 time, UTC.
    pub genesis_time: &'a str,
    /// The certificate authority's certificate, PEM.
    pub root_cert: &'a str,
    /// Expected validators in order: `(name, power)`.
    pub validators: &'a [(String, u32)],
    /// Keys of the root multisig; 0 while the first operator is root.
    pub root_keys: usize,
}

fn refuse(field: &str, why: impl std::fmt::Display) -> Fault {
    Fault::new(Class::InvalidInput, format!("genesis `{field}`: {why}"))
}

fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str, Fault> {
    value.pointer(pointer).and_then(Value::as_str).ok_or_else(|| refuse(pointer, "is missing or not a string"))
}

/// Reads and checks one signed gentx: exactly one create-validator message, signed once, with `memo` = `id@ip:port`.
pub fn read_gentx(gentx: &Value) -> Result<Validator, Fault> {
    let messages = gentx.pointer("/body/messages").and_then(Value::as_array).ok_or_else(|| refuse("/body/messages", "is missing"))?;
    let [message] = messages.as_slice() else { return Err(refuse("/body/messages", "must hold one message")) };
    if text(message, "/@type")? != "/iritamod.node.MsgCreateValidator" {
        return Err(refuse("/body/messages/0/@type", "is not MsgCreateValidator"));
    }
    if gentx.get("signatures").and_then(Value::as_array).map(Vec::len) != Some(1) {
        return Err(refuse("/signatures", "must hold one signature"));
    }
    let power = text(message, "/power")?.parse().map_err(|e| refuse("/body/messages/0/power", e))?;
    let memo = text(gentx, "/body/memo")?;
    let node_id = memo.split('@').next().unwrap_or_default();
    if node_id.len() != 40 || !node_id.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(refuse("/body/memo", format!("`{memo}` does not start with a peer id")));
    }
    Ok(Validator {
        name: text(message, "/name")?.into(),
        operator: text(message, "/operator")?.into(),
        node_id: node_id.into(),
        certificate: text(message, "/certificate")?.into(),
        power,
    })
}

/// Builds the genesis from a base (`irita init`'s own file) and the signed gentxs.
pub fn assemble(base: &Value, spec: &Spec<'_>, gentxs: &[Value]) -> Result<Value, Fault> {
    let validators = gentxs.iter().map(read_gentx).collect::<Result<Vec<_>, _>>()?;
    let found: Vec<(String, u32)> = validators.iter().map(|v| (v.name.clone(), v.power)).collect();
    if found != spec.validators {
        return Err(refuse("/app_state/genutil/gen_txs", format!("plan has {:?}, gentxs have {found:?}", spec.validators)));
    }
    for (i, v) in validators.iter().enumerate() {
        let twin = |w: &&Validator| w.operator == v.operator || w.node_id == v.node_id || w.certificate == v.certificate;
        if let Some(other) = validators[..i].iter().find(twin) {
            return Err(refuse("/app_state/genutil/gen_txs", format!("{} and {} share an operator, a peer id or a certificate", other.name, v.name)));
        }
    }
    let first = validators.first().ok_or_else(|| refuse("/app_state/genutil/gen_txs", "is empty"))?;
    let mut genesis = base.clone();
    let mut set = |pointer: &str, value: Value| -> Result<(), Fault> {
        *genesis.pointer_mut(pointer).ok_or_else(|| refuse(pointer, "is not in the base that irita init wrote"))? = value;
        Ok(())
    };
    set("/chain_id", json!(spec.chain_id))?;
    set("/genesis_time", json!(spec.genesis_time))?;
    let account =
        |v: &Validator| json!({"@type": "/cosmos.auth.v1beta1.BaseAccount", "address": v.operator, "pub_key": null, "account_number": "0", "sequence": "0"});
    set("/app_state/auth/accounts", validators.iter().map(account).collect())?;
    let limit = spec.root_keys.max(TX_SIG_LIMIT_DEFAULT);
    set("/app_state/auth/params/tx_sig_limit", json!(limit.to_string()))?;
    let coins = json!([{"denom": "ugas", "amount": GAS}, {"denom": "uirita", "amount": OTHER}, {"denom": "upoint", "amount": OTHER}]);
    set("/app_state/bank/balances", validators.iter().map(|v| json!({"address": v.operator, "coins": coins})).collect())?;
    // Contracts skip the permission check, so uploading them would let any funded account take the validator set.
    set("/app_state/wasm/params/code_upload_access", json!({"permission": "Nobody", "address": ""}))?;
    let role = |v: &Validator| {
        let roles = if v.operator == first.operator { ["ROOT_ADMIN"] } else { ["NODE_ADMIN"] };
        json!({"address": v.operator, "roles": roles})
    };
    set("/app_state/perm/role_accounts", validators.iter().map(role).collect())?;
    set("/app_state/node/root_cert", json!(spec.root_cert))?;
    set("/app_state/node/nodes", validators.iter().map(|v| json!({"id": v.node_id, "name": v.name, "certificate": ""})).collect())?;
    set("/app_state/genutil/gen_txs", Value::Array(gentxs.to_vec()))?;
    set("/app_state/evm/params/evm_denom", json!("ugas"))?;
    set("/app_state/feemarket/params/no_base_fee", json!(true))?;
    set("/app_state/crisis/constant_fee/denom", json!("uirita"))?;
    set("/app_state/service/params/base_denom", json!("upoint"))?;
    set("/app_state/service/params/min_deposit", json!([{"denom": "upoint", "amount": "5000"}]))?;
    set("/app_state/token/params/issue_token_base_fee/denom", json!("point"))?;
    let token = |symbol: &str, name: &str, scale: u32| {
        json!({"symbol": symbol, "name": name, "scale": scale, "min_unit": format!("u{symbol}"), "initial_supply": "1000000000",
            "max_supply": "18446744073709551615", "mintable": true, "owner": first.operator})
    };
    let tokens = genesis.pointer_mut("/app_state/token/tokens").and_then(Value::as_array_mut);
    let tokens = tokens.ok_or_else(|| refuse("/app_state/token/tokens", "is not in the base that irita init wrote"))?;
    tokens.push(token("point", "Irita point token", 6));
    tokens.push(token("gas", "IRITA Fee Token", 18));
    Ok(genesis)
}

/// Checks a genesis on a node: the node's own gentx is in it byte for byte, and rebuilding it from the node's own
/// `irita init` gives exactly the same. `own_base` is that file, `own_gentx` the one this node signed.
pub fn check(genesis: &Value, own_base: &Value, own_gentx: &Value, spec: &Spec<'_>) -> Result<Vec<Validator>, Fault> {
    let gentxs = genesis.pointer("/app_state/genutil/gen_txs").and_then(Value::as_array);
    let gentxs = gentxs.ok_or_else(|| refuse("/app_state/genutil/gen_txs", "is missing"))?;
    let own = own_gentx.to_string();
    if !gentxs.iter().map(Value::to_string).any(|g| g == own) {
        return Err(refuse("/app_state/genutil/gen_txs", "this node's own gentx is not in it as it was signed"));
    }
    let rebuilt = assemble(own_base, spec, gentxs)?;
    if let Some(place) = difference(&rebuilt, genesis, "") {
        return Err(refuse(&place, "is not what the plan and this node's own irita init give"));
    }
    gentxs.iter().map(read_gentx).collect()
}

/// JSON pointer of the first place where two values differ.
fn difference(want: &Value, got: &Value, at: &str) -> Option<String> {
    match (want, got) {
        (Value::Object(a), Value::Object(b)) => {
            let extra = b.keys().find(|k| !a.contains_key(*k)).map(|k| format!("{at}/{k}"));
            a.iter()
                .find_map(|(k, v)| {
                    difference(v, b.get(k).unwrap_or(&Value::Null), &format!("{at}/{k}")).or_else(|| (!b.contains_key(k)).then(|| format!("{at}/{k}")))
                })
                .or(extra)
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a.iter().zip(b).enumerate().find_map(|(i, (x, y))| difference(x, y, &format!("{at}/{i}"))),
        _ => (want != got).then(|| at.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Value {
        serde_json::from_str(include_str!("../tests/fixtures/init.genesis.json")).expect("recording")
    }

    fn gentx(i: u32) -> Value {
        json!({"body": {"messages": [{"@type": "/iritamod.node.MsgCreateValidator", "name": format!("node{i}"),
            "certificate": format!("cert{i}"), "power": "100", "description": "", "operator": format!("iaa1{i}")}],
            "memo": format!("{i:040x}@10.0.0.{i}:26656")}, "signatures": ["c2ln"]})
    }

    fn validators(n: u32) -> Vec<(String, u32)> {
        (0..n).map(|i| (format!("node{i}"), 100)).collect()
    }

    fn spec(v: &[(String, u32)]) -> Spec<'_> {
        Spec { chain_id: "testnet", genesis_time: "2026-11-22T00:00:00Z", root_cert: "root", validators: v, root_keys: 0 }
    }

    #[test]
    fn the_recorded_gentx_is_read() {
        let v = read_gentx(&serde_json::from_str(include_str!("../tests/fixtures/gentx.hand-signed.json")).expect("json")).expect("gentx");
        assert_eq!((v.name.as_str(), v.power), ("org0", 100));
        assert_eq!(v.node_id, "0b0470031d422f376dbb91acea47d30e2b0bbfd1");
    }

    #[test]
    fn a_node_accepts_the_assembled_genesis_and_no_other() {
        let names = validators(4);
        let gentxs: Vec<Value> = (0..4).map(gentx).collect();
        let genesis = assemble(&base(), &spec(&names), &gentxs).expect("assembles");
        assert_eq!(check(&genesis, &base(), &gentxs[1], &spec(&names)).expect("accepts").len(), 4);
        let tamper = |pointer: &str, value: Value| {
            let mut bad = genesis.clone();
            *bad.pointer_mut(pointer).expect(pointer) = value;
            check(&bad, &base(), &gentxs[1], &spec(&names)).expect_err(pointer).message
        };
        for pointer in [
            "/chain_id",
            "/app_state/node/root_cert",
            "/app_state/perm/role_accounts/1/roles/0",
            "/app_state/bank/balances/0/coins/0/amount",
            "/app_state/wasm/params/code_upload_access/permission",
            "/app_state/genutil/gen_txs/1/signatures/0",
            "/app_state/slashing/params/signed_blocks_window",
            "/consensus_params/block/time_iota_ms",
        ] {
            assert!(tamper(pointer, json!("other")).starts_with("genesis `"), "{pointer}");
        }
        assert!(tamper("/app_state/genutil/gen_txs/2/body/messages/0/power", json!("1000")).contains("plan has"));
        let mut extra = genesis.clone();
        extra["app_state"]["node"]["validators"] = json!([{"name": "intruder"}]);
        assert!(check(&extra, &base(), &gentxs[1], &spec(&names)).is_err());
        extra = genesis.clone();
        extra["app_state"]["backdoor"] = json!({});
        assert!(check(&extra, &base(), &gentxs[1], &spec(&names)).expect_err("extra").message.contains("/app_state/backdoor"));
    }

    #[test]
    fn gentxs_that_share_something_are_refused() {
        let names = validators(2);
        let mut twin = gentx(1);
        twin["body"]["messages"][0]["certificate"] = json!("cert0");
        assert!(assemble(&base(), &spec(&names), &[gentx(0), twin]).is_err());
        assert!(assemble(&base(), &spec(&names), &[gentx(0)]).is_err());
    }
}
