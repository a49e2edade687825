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
    /// The operator's compressed public key, base64.
    pub operator_key: String,
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
    /// The operators of these validators hold the keys of the root multisig.
    pub root_holders: &'a [String],
    /// This many of them rule the chain.
    pub root_threshold: u32,
    /// Blocks come faster than one a second, so the chain's clock must be told to count smaller steps.
    pub fast_blocks: bool,
}

impl<'a> Spec<'a> {
    /// What a plan decides. `validators` = [`Spec::validators_of`] the plan.
    pub fn of(plan: &'a crate::plan::Plan, validators: &'a [(String, u32)], genesis_time: &'a str, root_cert: &'a str) -> Spec<'a> {
        let fast_blocks = crate::node_config::fast_blocks(&plan.config_toml);
        Spec {
            chain_id: &plan.chain_id,
            genesis_time,
            root_cert,
            validators,
            root_holders: &plan.root_holders,
            root_threshold: plan.root_threshold,
            fast_blocks,
        }
    }

    /// Names and powers of a plan's validators, in their order.
    pub fn validators_of(plan: &crate::plan::Plan) -> Vec<(String, u32)> {
        plan.nodes.iter().map(|n| (n.name.clone(), n.power)).collect()
    }
}

/// Address of the root multisig: over the operator keys that signed the holders' gentxs.
pub fn root_address(validators: &[Validator], holders: &[String], threshold: u32) -> Result<String, Fault> {
    let key = |h: &String| validators.iter().find(|v| v.name == *h).map(|v| v.operator_key.clone());
    let keys: Option<Vec<String>> = holders.iter().map(key).collect();
    let keys = keys.ok_or_else(|| refuse("/app_state/genutil/gen_txs", "a holder of the root's keys has none"))?;
    crate::multisig::address(&keys, threshold)
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
    let operator_key = text(gentx, "/auth_info/signer_infos/0/public_key/key")?;
    if crate::multisig::account(operator_key)? != text(message, "/operator")? {
        return Err(refuse("/auth_info/signer_infos/0/public_key", "is not the operator's"));
    }
    Ok(Validator {
        operator_key: operator_key.into(),
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
    let root = root_address(&validators, spec.root_holders, spec.root_threshold)?;
    let accounts: Vec<&str> = std::iter::once(root.as_str()).chain(validators.iter().map(|v| v.operator.as_str())).collect();
    let mut genesis = base.clone();
    let mut set = |pointer: &str, value: Value| -> Result<(), Fault> {
        *genesis.pointer_mut(pointer).ok_or_else(|| refuse(pointer, "is not in the base that irita init wrote"))? = value;
        Ok(())
    };
    set("/chain_id", json!(spec.chain_id))?;
    set("/genesis_time", json!(spec.genesis_time))?;
    if spec.fast_blocks {
        set("/consensus_params/block/time_iota_ms", json!("10"))?;
    }
    let account = |a: &&str| json!({"@type": "/cosmos.auth.v1beta1.BaseAccount", "address": a, "pub_key": null, "account_number": "0", "sequence": "0"});
    set("/app_state/auth/accounts", accounts.iter().map(account).collect())?;
    let limit = spec.root_holders.len().max(TX_SIG_LIMIT_DEFAULT);
    set("/app_state/auth/params/tx_sig_limit", json!(limit.to_string()))?;
    let coins = json!([{"denom": "ugas", "amount": GAS}, {"denom": "uirita", "amount": OTHER}, {"denom": "upoint", "amount": OTHER}]);
    set("/app_state/bank/balances", accounts.iter().map(|a| json!({"address": a, "coins": coins})).collect())?;
    // Contracts skip the permission check, so uploading them would let any funded account take the validator set.
    set("/app_state/wasm/params/code_upload_access", json!({"permission": "Nobody", "address": ""}))?;
    // An operator needs NODE_ADMIN for its gentx; the root's first act after the launch takes it away.
    let role = |a: &&str| json!({"address": a, "roles": [if *a == root { "ROOT_ADMIN" } else { "NODE_ADMIN" }]});
    set("/app_state/perm/role_accounts", accounts.iter().map(role).collect())?;
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
            "max_supply": "18446744073709551615", "mintable": true, "owner": root})
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

    fn key(i: u32) -> String {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode([i as u8 + 2; 33])
    }

    fn gentx(i: u32) -> Value {
        let operator = crate::multisig::account(&key(i)).expect("address");
        json!({"body": {"messages": [{"@type": "/iritamod.node.MsgCreateValidator", "name": format!("node{i}"),
            "certificate": format!("cert{i}"), "power": "100", "description": "", "operator": operator}],
            "memo": format!("{i:040x}@10.0.0.{i}:26656")}, "auth_info": {"signer_infos": [{"public_key": {"key": key(i)}}]}, "signatures": ["c2ln"]})
    }

    fn validators(n: u32) -> Vec<(String, u32)> {
        (0..n).map(|i| (format!("node{i}"), 100)).collect()
    }

    fn holders(n: usize) -> &'static [String] {
        static NAMES: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| (0..9).map(|i| format!("node{i}")).collect());
        &NAMES[..n]
    }

    fn spec(v: &[(String, u32)]) -> Spec<'_> {
        Spec {
            chain_id: "testnet",
            genesis_time: "2026-11-22T00:00:00Z",
            root_cert: "root",
            validators: v,
            root_holders: holders(2),
            root_threshold: 2,
            fast_blocks: false,
        }
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
    fn only_the_multisig_is_root_and_every_key_of_it_counts() {
        let names = validators(9);
        let gentxs: Vec<Value> = (0..9).map(gentx).collect();
        let of = |keys, root_threshold| {
            let spec = Spec { root_holders: holders(keys), root_threshold, ..spec(&names) };
            assemble(&base(), &spec, &gentxs).expect("assembles")
        };
        let genesis = of(9, 5);
        let roles = genesis.pointer("/app_state/perm/role_accounts").and_then(Value::as_array).expect("roles").clone();
        let roots: Vec<&Value> = roles.iter().filter(|r| r["roles"] == json!(["ROOT_ADMIN"])).collect();
        let keys: Vec<String> = (0..9).map(key).collect();
        assert_eq!((roots.len(), &roots[0]["address"]), (1, &json!(crate::multisig::address(&keys, 5).expect("address"))));
        assert_eq!(roles.len(), 10);
        assert_eq!(genesis.pointer("/app_state/auth/params/tx_sig_limit"), Some(&json!("9")));
        // Another threshold, or fewer keys, is another root: a node that planned this one refuses those.
        assert_ne!(genesis, of(9, 6));
        assert_ne!(genesis, of(4, 3));
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
