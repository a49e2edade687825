//! What the hub asks of a member's functions, and what those ask of a node. Both sides read the same types.

use crate::fault::{Class, Fault};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A node command's answer must stay below the 2,500 characters that ListCommandInvocations shows.
pub const ANSWER_MAX: usize = 2_400;
/// The document's one parameter may be this long.
pub const ORDER_MAX: usize = 24_000;

/// What the hub sends to a member's function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberOrder {
    /// The relation id of the invitation; unique per member.
    pub relation: String,
    /// Network.
    pub network: String,
    /// Execution that asks.
    pub execution: String,
    /// Epoch of the lock that the execution holds.
    pub epoch: u64,
    /// What the function needs.
    #[serde(default)]
    pub params: Value,
}

impl MemberOrder {
    /// Checks what any function checks before it looks at its own parameters. The epoch is checked against the member's own object.
    pub fn check(&self, relation: &str) -> Result<(), Fault> {
        if self.relation != relation {
            return Err(Fault::new(Class::Denied, format!("relation `{}` is not this member's", self.relation)));
        }
        check_names(&self.network, &self.execution)
    }
}

/// Whether a text may be part of an object's key or of a name: letters, digits, `-` and `_`, so many at most.
pub fn is_plain(text: &str, max: usize) -> bool {
    text.len() <= max && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// Refuses what cannot be a network's name.
pub fn check_network(network: &str) -> Result<(), Fault> {
    if network.is_empty() || !is_plain(network, 32) {
        return Err(Fault::field("network", "not a network's name", "\"testnet\""));
    }
    Ok(())
}

/// Refuses what cannot be a network's or an execution's name.
pub fn check_names(network: &str, execution: &str) -> Result<(), Fault> {
    check_network(network)?;
    // EventBridge chooses the names of executions that it starts, so nothing but the characters can be asked of them.
    if execution.is_empty() || !is_plain(execution, 80) {
        return Err(Fault::field("execution", "not an execution's name", "\"testnet-launch-01ARZ3NDEKTSV4RRFFQ69G5FAV\""));
    }
    Ok(())
}

/// One node as commands see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderNode {
    /// Name.
    pub name: String,
    /// Instance id.
    pub instance: String,
    /// Private address.
    pub ip: String,
    /// Whose it is.
    #[serde(default)]
    pub member: String,
}

/// The one parameter of the SSM document: base64url JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeOrder {
    /// Journal key; also the command's Comment.
    pub op: String,
    /// Epoch; a lower one than the node has seen is refused.
    pub epoch: u64,
    /// Network.
    pub network: String,
    /// Execution.
    pub execution: String,
    /// Member whose node this is.
    pub member: String,
    /// What to do: one of [`VERBS`].
    pub verb: String,
    /// Bucket of the exchange objects.
    pub bucket: String,
    /// Region of that bucket.
    pub region: String,
    /// The nodes that the order speaks of; a node finds itself by instance id.
    pub nodes: Vec<OrderNode>,
    /// What the verb needs.
    #[serde(default)]
    pub params: Value,
}

/// Every verb of nodectl that an order may name, and the parameters that the hub may give with it. What a member's function adds
/// (`volumes`, `agreement`) is not among them: the hub has no say in it.
pub const VERBS: [(&str, &[&str]); 17] = [
    ("prepare", &["chain_id", "authority", "plan_sha256"]),
    ("sign-certificates", &["requests"]),
    ("make-gentx", &["chain_id", "authority", "root_cert_sha256", "certificates_sha256", "power", "operator_keys"]),
    ("check-genesis", &["genesis_sha256"]),
    ("start", &["peers"]),
    ("check-blocks", &["blocks", "deadline_s"]),
    ("adopt-identity", &["expect_blocks"]),
    ("sign-act", &["act"]),
    ("pass-act", &["act", "signed"]),
    ("start-service", &["expect_blocks"]),
    ("stop-service", &["expect_blocks"]),
    ("restart-service", &["expect_blocks"]),
    ("change-config", &["config_toml", "app_toml", "expect_blocks"]),
    ("check-health", &[]),
    ("list-keys", &[]),
    ("read-log", &["lines"]),
    ("read-config", &["config_toml", "app_toml"]),
];

/// The parameters that the hub may give with a verb; `InvalidInput` when there is no such verb.
pub fn params_of(verb: &str) -> Result<&'static [&'static str], Fault> {
    let found = VERBS.iter().find(|(name, _)| *name == verb).map(|(_, params)| *params);
    found.ok_or_else(|| Fault::field("verb", format!("`{verb}` is not one of {}", VERBS.map(|(name, _)| name).join(", ")), "\"prepare\""))
}

/// Refuses what an object has beside the `known` fields, by name: a field that nobody reads may be a hostile one that somebody
/// reads one day.
pub fn only(what: &str, value: &Value, known: &[&str]) -> Result<(), Fault> {
    let stranger = value.as_object().and_then(|o| o.keys().find(|k| !known.contains(&k.as_str())));
    let Some(name) = stranger else { return Ok(()) };
    let known = if known.is_empty() { "there is none".to_string() } else { format!("known are {}", known.join(", ")) };
    Err(Fault::new(Class::InvalidInput, format!("`{what}`: unknown field `{}`; {known}", crate::ids::shorten(name, 60))))
}

/// Verbs that change nothing: they need no lock and no epoch, so that a person can look while something else is going on.
const READING: [&str; 4] = ["check-health", "list-keys", "read-log", "read-config"];

/// Whether a verb only looks.
pub fn is_reading(verb: &str) -> bool {
    READING.contains(&verb)
}

impl NodeOrder {
    /// As the document's parameter. `InvalidInput` when it would not fit.
    pub fn encode(&self) -> Result<String, Fault> {
        let json = serde_json::to_vec(self).map_err(|e| Fault::internal(e.to_string()))?;
        let text = URL_SAFE_NO_PAD.encode(json);
        if text.len() > ORDER_MAX {
            let why = format!("order of {} characters; at most {ORDER_MAX} fit one command", text.len());
            return Err(Fault::new(Class::InvalidInput, why));
        }
        Ok(text)
    }

    /// Reads what [`NodeOrder::encode`] wrote.
    pub fn decode(text: &str) -> Result<NodeOrder, Fault> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|e| Fault::field("order", format!("not base64url: {e}"), "eyJvcCI6…"))?;
        let order: NodeOrder = serde_json::from_slice(&bytes).map_err(|e| Fault::field("order", e, "{\"op\":\"…\",\"verb\":\"prepare\",…}"))?;
        // Name and member become parts of object keys.
        let member = |n: &OrderNode| n.member.is_empty() || crate::consortium::is_member_name(&n.member);
        let plain = |n: &OrderNode| {
            member(n) && !n.name.is_empty() && n.name.len() <= 32 && n.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        if let Some(bad) = order.nodes.iter().find(|n| !plain(n) || n.name.starts_with('-') || n.ip.parse::<std::net::Ipv4Addr>().is_err()) {
            return Err(Fault::field(
                "nodes",
                format!("`{}` at `{}` is not a node", bad.name, bad.ip),
                "[{\"name\":\"node0\",\"instance\":\"i-…\",\"ip\":\"10.64.0.4\"}]",
            ));
        }
        params_of(&order.verb)?;
        Ok(order)
    }
}

/// What a node answers on stdout, one JSON object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeAnswer {
    /// The node's name.
    pub node: String,
    /// What came out, if it went well.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub result: Value,
    /// Why it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_read_back_and_hold_no_shell_character() {
        let order = NodeOrder {
            op: "testnet-launch-1:prepare".into(),
            epoch: 3,
            network: "testnet".into(),
            execution: "testnet-launch-1".into(),
            member: "founder".into(),
            verb: "prepare".into(),
            bucket: "b".into(),
            region: "us-east-1".into(),
            nodes: vec![],
            params: serde_json::json!({"text": "$(rm -rf /); `x` \u{4e2d}"}),
        };
        let text = order.encode().expect("fits");
        assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
        assert_eq!(NodeOrder::decode(&text).expect("reads"), order);
        let mut bad = order.clone();
        bad.verb = "run".into();
        assert!(NodeOrder::decode(&bad.encode().expect("fits")).is_err());
        bad.params = serde_json::json!("x".repeat(20_000));
        assert!(bad.encode().is_err());
    }
}
