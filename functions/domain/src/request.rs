//! What a person asks for: the launch request, its schema, its defaults and its refusals.

use crate::consortium::{self, FOUNDER, RequestMember};
use crate::fault::{Class, Fault};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Chain ids above this length are refused by irita's `init`.
pub const CHAIN_ID_MAX: usize = 48;
/// More nodes than this need another topology than the one that is built here.
pub const VALIDATORS_MAX: u32 = 100;
/// A request larger than this is refused unread; 100 named nodes need less than a tenth of it.
pub const REQUEST_MAX_BYTES: usize = 256 * 1024;
/// More root keys would make every act of the root a long one.
pub const ROOT_KEYS_MAX: u32 = 20;
/// The image that is pulled unless the request names one.
pub const DEFAULT_IMAGE: &str = "bianjie/irita:v3.2.3-wenchangchain";
/// The smallest valid request, shown with refusals.
pub const EXAMPLE: &str = r#"{"network":"testnet","chain_id":"testnet","size":"test","validators":4}"#;

/// Machine size, by the article's two rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// 2 vCPU, 8 GB.
    Test,
    /// 4 vCPU, 16 GB.
    Production,
}

impl Size {
    /// Instance types in the order they are tried.
    pub fn instance_types(self) -> Vec<String> {
        let types = match self {
            Size::Test => ["m6a.large", "m5.large", "t3.large"],
            Size::Production => ["m6a.xlarge", "m5a.xlarge", "m6i.xlarge"],
        };
        types.map(String::from).to_vec()
    }
}

/// Sizes of a node's disks in GB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disks {
    /// Root volume.
    #[serde(default = "system_gb")]
    pub system_gb: u32,
    /// Chain data volume.
    #[serde(default = "data_gb")]
    pub data_gb: u32,
}

fn system_gb() -> u32 {
    20
}
fn data_gb() -> u32 {
    100
}

/// What becomes of nodes when not every validator signs in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// Everything is removed.
    #[default]
    Undo,
    /// Everything stays as it is, for whoever wants to look; `consortium remove` removes it.
    Keep,
}

/// A launch request; network, chain_id, size and validators (or members) are needed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Name of the network: lower-case letters, digits and hyphens, 3 to 32.
    pub network: String,
    /// Chain id, 1 to 48 characters without spaces.
    pub chain_id: String,
    /// Machine size.
    pub size: Size,
    /// Number of validators of all members together.
    #[serde(default)]
    pub validators: u32,
    /// Region of the founder's nodes; the first member's, when members are named.
    #[serde(default)]
    pub region: String,
    /// Who takes part, the founder first; the founder alone when absent.
    #[serde(default)]
    pub members: Vec<RequestMember>,
    /// Instance types in the order they are tried; the size's own when absent.
    #[serde(default)]
    pub instance_types: Vec<String>,
    /// Disk sizes.
    #[serde(default = "default_disks")]
    pub disks: Disks,
    /// Image with tag or digest.
    #[serde(default = "default_image")]
    pub image: String,
    /// Consecutive blocks signed by all that make a network *launched*.
    #[serde(default = "default_blocks")]
    pub blocks: u32,
    /// Keys of the root multisig, held by the operators of the first validators; four (or all, if they are fewer) when absent.
    #[serde(default)]
    pub root_keys: u32,
    /// How many of them rule the chain, for its whole life; more than half when absent.
    #[serde(default)]
    pub root_threshold: u32,
    /// Values for config.toml by dotted path.
    #[serde(default)]
    pub config_toml: Map<String, Value>,
    /// Values for app.toml by dotted path.
    #[serde(default)]
    pub app_toml: Map<String, Value>,
    /// Ranges that may read the validators' metrics (port 26660); nobody when absent.
    #[serde(default)]
    pub scrapers: Vec<String>,
    /// What becomes of everything when not every validator signs in time.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// Must be true to launch one to three validators, which bear no fault.
    #[serde(default)]
    pub allow_no_fault_tolerance: bool,
    /// Must be true to use an image that is known to be able to fork.
    #[serde(default)]
    pub allow_forking_image: bool,
}

/// Region unless the request names one.
const DEFAULT_REGION: &str = "us-east-1";

fn default_disks() -> Disks {
    Disks { system_gb: system_gb(), data_gb: data_gb() }
}
fn default_image() -> String {
    DEFAULT_IMAGE.into()
}
fn default_blocks() -> u32 {
    10
}

impl Request {
    /// Reads a request from text: size, syntax (with line and column), schema, then every rule.
    pub fn from_text(text: &[u8]) -> Result<Request, Fault> {
        if text.len() > REQUEST_MAX_BYTES {
            let why = format!("{} bytes; at most {REQUEST_MAX_BYTES} are read", text.len());
            return Err(Fault::field("request", why, EXAMPLE));
        }
        let text = std::str::from_utf8(text).map_err(|e| {
            let lines: Vec<&[u8]> = text[..e.valid_up_to()].split(|b| *b == b'\n').collect();
            let (line, column) = (lines.len(), lines.last().map_or(0, |l| l.len()) + 1);
            Fault::field("request", format!("not UTF-8 at line {line} column {column}: {e}"), EXAMPLE)
        })?;
        let value: Value =
            serde_json::from_str(text).map_err(|e| Fault::field("request", format!("not JSON at line {} column {}: {e}", e.line(), e.column()), EXAMPLE))?;
        Request::from_value(value)
    }

    /// Reads a request from JSON and checks every rule.
    pub fn from_value(value: Value) -> Result<Request, Fault> {
        let Value::Object(object) = &value else {
            return Err(Fault::field("request", "must be a JSON object", EXAMPLE));
        };
        for field in ["network", "chain_id", "size", "validators"] {
            // Members say how many validators each has.
            let said_by_members = field == "validators" && object.contains_key("members");
            if !object.contains_key(field) && !said_by_members {
                return Err(Fault::field(field, "is missing", EXAMPLE));
            }
        }
        // serde names an unknown field but not the place of a wrong type, so each field is tried alone.
        let mut probe: Map<String, Value> = serde_json::from_str(EXAMPLE).map_err(|e| Fault::internal(e.to_string()))?;
        for (field, given) in object {
            let before = probe.insert(field.clone(), given.clone());
            if let Err(e) = serde_json::from_value::<Request>(Value::Object(probe.clone())) {
                return Err(Fault::field(field, e, EXAMPLE));
            }
            match before {
                Some(old) => probe.insert(field.clone(), old),
                None => probe.remove(field),
            };
        }
        let mut request: Request = serde_json::from_value(value).map_err(|e| Fault::new(Class::InvalidInput, format!("`request`: {e}")))?;
        if request.instance_types.is_empty() {
            request.instance_types = request.size.instance_types();
        }
        request.set_members()?;
        if request.root_keys == 0 {
            request.root_keys = request.usual_root_keys();
        }
        if request.root_threshold == 0 {
            request.root_threshold = crate::multisig::majority(request.root_keys);
        }
        request.check()?;
        Ok(request)
    }

    /// Makes members, validators and region agree, whichever of them were given.
    fn set_members(&mut self) -> Result<(), Fault> {
        let alone = self.members.iter().all(|m| m.account.is_empty());
        if self.members.is_empty() {
            let region = if self.region.is_empty() { DEFAULT_REGION } else { &self.region };
            let founder =
                RequestMember { name: FOUNDER.into(), account: String::new(), region: region.into(), validators: self.validators, cidr: String::new() };
            self.region = founder.region.clone();
            self.members = vec![founder];
            // What is wrong with the number or the region is told by its own field.
            return Ok(());
        }
        consortium::check_members(&self.members, alone && self.members.len() == 1)?;
        let sum = self.members.iter().map(|m| u64::from(m.validators)).sum::<u64>();
        if self.validators != 0 && u64::from(self.validators) != sum {
            return Err(Fault::field("validators", format!("the members have {sum} together"), sum));
        }
        self.validators = u32::try_from(sum).unwrap_or(u32::MAX);
        if !self.region.is_empty() && self.region != self.members[0].region {
            return Err(Fault::field("region", "is not the founder's, who is the first member", format!("\"{}\"", self.members[0].region)));
        }
        self.region = self.members[0].region.clone();
        Ok(())
    }

    /// One key for each member, or (the founder alone) for each of its first four validators. The chain code fails on
    /// multiples of eight, so that many members have one more, or one less.
    fn usual_root_keys(&self) -> u32 {
        let members = self.members.len() as u32;
        let keys = if members == 1 { self.validators.min(4) } else { members.min(ROOT_KEYS_MAX) };
        match keys > 0 && keys.is_multiple_of(8) {
            true if keys < self.validators.min(ROOT_KEYS_MAX) => keys + 1,
            true => keys - 1,
            false => keys,
        }
    }

    fn check(&self) -> Result<(), Fault> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if !(3..=32).contains(&self.network.len())
            || !self.network.chars().all(plain)
            || !self.network.starts_with(|c: char| c.is_ascii_lowercase())
            || !self.network.ends_with(ends)
        {
            return Err(Fault::field("network", "3 to 32 of a-z, 0-9 and -, starting with a letter", "\"testnet\""));
        }
        let visible = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.chain_id.is_empty() || self.chain_id.len() > CHAIN_ID_MAX || !self.chain_id.chars().all(visible) {
            let why = format!("1 to {CHAIN_ID_MAX} of letters, digits, - _ and ., no spaces");
            return Err(Fault::field("chain_id", why, "\"testnet\""));
        }
        if self.validators == 0 || self.validators > VALIDATORS_MAX {
            return Err(Fault::field("validators", format!("1 to {VALIDATORS_MAX}"), "4"));
        }
        if self.validators < 4 && !self.allow_no_fault_tolerance {
            let why = "fewer than 4 validators cannot bear the loss of one: blocks need more than two thirds of the power";
            return Err(Fault::field("validators", why, "4, or add \"allow_no_fault_tolerance\":true"));
        }
        if self.root_keys > self.validators || self.root_keys > ROOT_KEYS_MAX {
            let why = format!("1 to {ROOT_KEYS_MAX}, and not more than there are validators");
            return Err(Fault::field("root_keys", why, "4"));
        }
        if self.root_keys.is_multiple_of(8) {
            let why = "irita's chain code fails on multisigs of 8 or 16 keys (cosmos-sdk issue 9914): such a root could never act";
            return Err(Fault::field("root_keys", why, self.root_keys - 1));
        }
        if self.root_threshold > self.root_keys || self.root_threshold * 2 <= self.root_keys {
            let why = format!("more than half of the {} root keys and not more than all: it can never be changed", self.root_keys);
            return Err(Fault::field("root_threshold", why, crate::multisig::majority(self.root_keys)));
        }
        if !consortium::is_region(&self.region) {
            return Err(Fault::field("region", "not a region's name", "\"us-east-1\""));
        }
        for (i, range) in self.scrapers.iter().enumerate() {
            consortium::source_range(&format!("scrapers[{i}]"), range)?;
        }
        for (i, kind) in self.instance_types.iter().enumerate() {
            if crate::price::instance_hour(kind).is_none() {
                let known = crate::price::INSTANCES.iter().map(|(n, _)| *n).collect::<Vec<_>>().join(", ");
                return Err(Fault::field(&format!("instance_types[{i}]"), format!("`{kind}` is not one of {known}"), "[\"m6a.large\"]"));
            }
        }
        if !(8..=1000).contains(&self.disks.system_gb) {
            return Err(Fault::field("disks.system_gb", "8 to 1000", "20"));
        }
        if !(10..=16000).contains(&self.disks.data_gb) {
            return Err(Fault::field("disks.data_gb", "10 to 16000", "100"));
        }
        let image = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
        if !self.image.contains([':', '@']) || !self.image.chars().all(image) || self.image.len() > 200 {
            return Err(Fault::field("image", "needs a tag or a digest", format!("\"{DEFAULT_IMAGE}\"")));
        }
        if self.image.contains(":v3.2.2") && !self.allow_forking_image {
            let why = "3.2.2 chooses an oracle provider at random and can fork the chain";
            return Err(Fault::field("image", why, format!("\"{DEFAULT_IMAGE}\", or add \"allow_forking_image\":true")));
        }
        if !(1..=1000).contains(&self.blocks) {
            return Err(Fault::field("blocks", "1 to 1000", "10"));
        }
        crate::node_config::check_given(&self.config_toml, &self.app_toml)?;
        // A witness answers a vote per validator and block on one line of 2,400 characters, within an hour.
        let answer = self.validators * (self.blocks + 3) + 250;
        let most = (crate::order::ANSWER_MAX as u32).saturating_sub(250) / self.validators.max(1);
        if answer as usize > crate::order::ANSWER_MAX {
            return Err(Fault::field("blocks", format!("at most {} with {} validators", most.saturating_sub(3), self.validators), "10"));
        }
        if f64::from(self.blocks + 2) * crate::node_config::block_seconds(&self.config_toml) * 2.0 > 3_000.0 {
            return Err(Fault::field("blocks", "so many blocks take longer than a launch may wait", "10"));
        }
        Ok(())
    }

    /// The line that every member agrees to when it joins for this request ([`crate::plan::Plan::agreement`]).
    pub fn agreement(&self) -> String {
        let member = |m: &RequestMember| format!("{}@{}/{}:{}", m.name, m.account, m.region, m.validators * crate::plan::POWER);
        let members: Vec<String> = self.members.iter().map(member).collect();
        crate::plan::agreement(&self.network, &self.chain_id, &members, self.root_threshold, self.root_keys as usize)
    }

    /// SHA-256 of the request in canonical form: two requests that mean the same have the same hash.
    pub fn sha256(&self) -> String {
        crate::ids::sha256_hex(serde_json::to_string(self).unwrap_or_default().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, field: &str) {
        let fault = Request::from_text(text.as_bytes()).expect_err(text);
        assert_eq!(fault.class, Class::InvalidInput);
        assert!(fault.message.starts_with(&format!("`{field}`")), "{text}: {fault}");
    }

    #[test]
    fn smallest_request_has_the_articles_defaults() {
        let r = Request::from_text(EXAMPLE.as_bytes()).expect("valid");
        assert_eq!(r.instance_types, ["m6a.large", "m5.large", "t3.large"]);
        assert_eq!((r.disks.system_gb, r.disks.data_gb, r.blocks), (20, 100, 10));
    }

    #[test]
    fn members_validators_and_root_keys_agree() {
        let of = |members: usize, each: u32, more: &str| {
            let list: Vec<Value> = (0..members)
                .map(|i| {
                    let name = if i == 0 { FOUNDER.to_string() } else { format!("m{i:02}") };
                    serde_json::json!({"name": name, "account": format!("{:012}", 111 + i), "region": "us-east-1", "validators": each})
                })
                .collect();
            let text = EXAMPLE.replace("\"validators\":4", &format!("\"members\":{}{more}", Value::Array(list)));
            Request::from_text(text.as_bytes())
        };
        let three = of(3, 2, "").expect("three members");
        assert_eq!((three.validators, three.root_keys, three.root_threshold, three.region.as_str()), (6, 3, 2, "us-east-1"));
        // A multisig of eight keys could never act.
        assert_eq!(of(8, 2, "").map(|r| r.root_keys), Ok(9));
        assert_eq!(of(8, 1, "").map(|r| r.root_keys), Ok(7));
        assert_eq!(of(20, 1, "").map(|r| r.root_keys), Ok(20));
        assert!(of(2, 2, ",\"validators\":5").expect_err("sum").message.starts_with("`validators`"));
        assert!(of(2, 2, ",\"region\":\"eu-west-1\"").expect_err("region").message.starts_with("`region`"));
        let again = serde_json::to_value(&three).expect("json");
        assert_eq!(Request::from_value(again).as_ref(), Ok(&three), "a request that was completed reads back");
        let alone = Request::from_text(EXAMPLE.as_bytes()).expect("alone");
        assert_eq!(Request::from_value(serde_json::to_value(&alone).expect("json")), Ok(alone));
    }

    #[test]
    fn each_refusal_names_its_field() {
        let with = |extra: &str| EXAMPLE.replace("}", &format!(",{extra}}}"));
        refused("[]", "request");
        refused("{}", "network");
        refused(&EXAMPLE.replace("\"validators\":4", "\"validators\":0"), "validators");
        refused(&EXAMPLE.replace("\"validators\":4", "\"validators\":101"), "validators");
        refused(&EXAMPLE.replace("\"validators\":4", "\"validators\":3"), "validators");
        refused(&EXAMPLE.replace("\"validators\":4", "\"validators\":\"4\""), "validators");
        refused(&EXAMPLE.replace("\"chain_id\":\"testnet\"", "\"chain_id\":\"test net\""), "chain_id");
        refused(&EXAMPLE.replace("\"chain_id\":\"testnet\"", &format!("\"chain_id\":\"{}\"", "x".repeat(49))), "chain_id");
        refused(&EXAMPLE.replace("\"network\":\"testnet\"", "\"network\":\"Test Net\""), "network");
        refused(&EXAMPLE.replace("\"size\":\"test\"", "\"size\":\"huge\""), "size");
        refused(&with("\"colour\":1"), "colour");
        refused(&with("\"scrapers\":[\"0.0.0.0/0\"]"), "scrapers[0]");
        refused(&with("\"on_failure\":\"hope\""), "on_failure");
        refused(&with("\"members\":[{\"name\":\"founder\"}]"), "members");
        refused(&with("\"region\":\"moon\""), "region");
        refused(&with("\"instance_types\":[\"t2.nano\"]"), "instance_types[0]");
        refused(&with("\"image\":\"bianjie/irita\""), "image");
        refused(&with("\"image\":\"bianjie/irita:v3.2.2-wenchangchain\""), "image");
        refused(&with("\"blocks\":900"), "blocks");
        refused(&with("\"config_toml\":{\"consensus.timeout_commit\":\"1m\"}"), "config_toml.consensus.timeout_commit");
        refused(&with("\"config_toml\":{\"p2p.addr_book_file\":\"/x\"}"), "config_toml.p2p.addr_book_file");
        refused(&with("\"config_toml\":{\"rpc.pprof_laddr\":\"0.0.0.0:1\"}"), "config_toml.rpc.pprof_laddr");
        refused(&with("\"app_toml\":{\"minimum-gas-prices\":\"1upoint\"}"), "app_toml.minimum-gas-prices");
        refused(&with("\"root_keys\":5"), "root_keys");
        refused(&with("\"root_keys\":8").replace("\"validators\":4", "\"validators\":9"), "root_keys");
        [2, 5].iter().for_each(|k| refused(&with(&format!("\"root_threshold\":{k}")), "root_threshold"));
        refused(&with("\"disks\":{\"data_gb\":1}"), "disks.data_gb");
        refused(&with("\"config_toml\":{\"p2p.laddr\":\"tcp://0.0.0.0:1\"}"), "config_toml.p2p.laddr");
        refused(&"[".repeat(100_000), "request");
    }
}
