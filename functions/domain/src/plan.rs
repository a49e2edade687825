//! From a request and what the member's account offers to a plan: everything decided, nothing done.

use crate::facts::check_facts;
pub use crate::facts::{Facts, Quota};
use crate::fault::{Class, Fault};
use crate::node_config;
use crate::request::{Disks, OnFailure, Request, Size};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A member as the plan knows it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Short name; the founder is `founder`.
    pub name: String,
    /// AWS account id.
    pub account: String,
    /// Region of its nodes.
    pub region: String,
    /// Its VPC.
    #[serde(default)]
    pub vpc: String,
    /// Address range of that VPC.
    #[serde(default)]
    pub cidr: String,
}

/// Voting power of each validator.
pub const POWER: u32 = 100;

/// One subnet of a member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subnet {
    /// Subnet id.
    pub id: String,
    /// Availability zone.
    pub zone: String,
}

/// A node that will exist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedNode {
    /// `node0`, `node1`, ...
    pub name: String,
    /// Whose it is.
    pub member: String,
    /// `validator` or `full`.
    pub kind: String,
    /// Voting power.
    pub power: u32,
}

/// One way to get a batch: a type in a subnet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// Instance type.
    #[serde(rename = "type")]
    pub instance_type: String,
    /// Subnet id.
    pub subnet: String,
    /// Its zone.
    pub zone: String,
}

/// Nodes that one RunInstances call makes: they share a subnet and a type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// `b0`, `b1`, ...; the tag `consortium:batch`.
    pub batch: String,
    /// Whose account makes it.
    pub member: String,
    /// Node names by AmiLaunchIndex.
    pub nodes: Vec<String>,
    /// Ways to get it, best first: every type in its own zone, then in the others.
    pub candidates: Vec<Candidate>,
    /// Whether its machines carry the authority volume.
    pub authority: bool,
}

/// Everything decided about a launch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Network name.
    pub network: String,
    /// Chain id.
    pub chain_id: String,
    /// The execution this plan belongs to.
    pub execution: String,
    /// Hash of the request.
    pub request_sha256: String,
    /// Machine size.
    pub size: Size,
    /// Types in the order they are tried.
    pub instance_types: Vec<String>,
    /// Disk sizes.
    pub disks: Disks,
    /// Image.
    pub image: String,
    /// Blocks signed by all that make it launched.
    pub blocks: u32,
    /// After this many seconds the witnesses answer with what they have seen.
    pub deadline_s: u64,
    /// The first look at the blocks, when they may be there.
    pub first_look_s: u64,
    /// Members.
    pub members: Vec<Member>,
    /// Nodes.
    pub nodes: Vec<PlannedNode>,
    /// The node that holds the chain's certificate authority.
    pub authority: String,
    /// RunInstances calls.
    pub batches: Vec<Batch>,
    /// Nodes that prove the launch: more than a third.
    pub witnesses: Vec<String>,
    /// Nodes whose operators hold the keys of the root multisig.
    pub root_holders: Vec<String>,
    /// How many of them rule the chain.
    pub root_threshold: u32,
    /// Ranges that may read the validators' metrics.
    pub scrapers: Vec<String>,
    /// What becomes of everything when not every validator signs in time.
    pub on_failure: OnFailure,
    /// config.toml values of the request.
    pub config_toml: Map<String, Value>,
    /// app.toml values of the request.
    pub app_toml: Map<String, Value>,
}

impl Plan {
    /// Decides from what each member's account answered, in the request's order. `Quota` when a member's stack or account
    /// allows less than is asked for (every such limit is named), `Capacity` when no zone of a member offers any of the types.
    pub fn decide(request: &Request, facts: &[Facts], execution: &str) -> Result<Plan, Fault> {
        check_facts(request, facts)?;
        let mut nodes: Vec<PlannedNode> = vec![];
        let mut batches: Vec<Batch> = vec![];
        for (asked, fact) in request.members.iter().zip(facts) {
            let first = nodes.len();
            let node = |i: usize| PlannedNode { name: format!("node{i}"), member: asked.name.clone(), kind: "validator".into(), power: POWER };
            nodes.extend((first..first + asked.validators as usize).map(node));
            batches.extend(batches_of(request, fact, &nodes[first..], batches.len())?);
        }
        let witnesses = in_turns(&nodes).take(nodes.len() / 3 + 1).map(|n| n.name.clone()).collect();
        let block = node_config::block_seconds(&request.config_toml);
        let blocks = u64::from(request.blocks);
        let plan = Plan {
            // Counted from when all nodes run. The last block wanted must be below the tip; intervals are somewhat longer than
            // timeout_commit, and began when the first nodes ran.
            first_look_s: ((blocks + 1) as f64 * block) as u64,
            deadline_s: ((blocks + 2) as f64 * block * 2.0) as u64 + 60,
            network: request.network.clone(),
            chain_id: request.chain_id.clone(),
            execution: execution.into(),
            request_sha256: request.sha256(),
            size: request.size,
            instance_types: request.instance_types.clone(),
            disks: request.disks,
            image: request.image.clone(),
            blocks: request.blocks,
            members: facts.iter().map(|f| f.member.clone()).collect(),
            authority: nodes[0].name.clone(),
            root_threshold: request.root_threshold,
            root_holders: in_turns(&nodes).take(request.root_keys as usize).map(|n| n.name.clone()).collect(),
            scrapers: request.scrapers.clone(),
            on_failure: request.on_failure,
            nodes,
            batches,
            witnesses,
            config_toml: request.config_toml.clone(),
            app_toml: request.app_toml.clone(),
        };
        match facts.iter().find(|f| !f.agreement.is_empty() && f.agreement != plan.agreement()) {
            None => Ok(plan),
            Some(f) => {
                let why = format!("the stack of {} agreed to `{}`, this request is `{}`", f.member.name, f.agreement, plan.agreement());
                Err(Fault::field("members", why, "the request it was invited with, or an update of that stack's parameter Agreement"))
            }
        }
    }

    /// What every member agrees to when it joins, as one line: network, chain, who with how much power, who rules. A node
    /// refuses a plan with another one.
    pub fn agreement(&self) -> String {
        let power = |m: &Member| self.nodes.iter().filter(|n| n.member == m.name).map(|n| n.power).sum::<u32>();
        let members: Vec<String> = self.members.iter().map(|m| format!("{}@{}/{}:{}", m.name, m.account, m.region, power(m))).collect();
        agreement(&self.network, &self.chain_id, &members, self.root_threshold, self.root_holders.len())
    }
}

/// The line of [`Plan::agreement`]; a member is `name@account/region:power`.
pub fn agreement(network: &str, chain_id: &str, members: &[String], threshold: u32, root_keys: usize) -> String {
    format!("{network} {chain_id} {} {threshold}of{root_keys}", members.join(","))
}

/// How many validators a member agreed to have in a network, by the line of its stack; `None` when the line does not say: an empty
/// one agrees to whatever the stack's own limits allow. `Denied` for any other network than the line's.
pub fn agreed_nodes(agreement: &str, network: &str, member: &str) -> Result<Option<u32>, Fault> {
    if agreement.is_empty() {
        return Ok(None);
    }
    let mut words = agreement.split(' ');
    if words.next() != Some(network) {
        return Err(Fault::new(Class::Denied, format!("this member's stack agreed to `{agreement}`, not to a network {network}")));
    }
    let own = words.nth(1).into_iter().flat_map(|m| m.split(',')).find_map(|m| m.strip_prefix(member)?.strip_prefix('@')?.rsplit_once(':'));
    let power = own.and_then(|(_, power)| power.parse::<u32>().ok());
    Ok(Some(power.ok_or_else(|| Fault::new(Class::Denied, format!("this member's stack agreed to `{agreement}`, in which {member} has no part")))? / POWER))
}

/// The first node of every member, then the second of each, and so on.
fn in_turns(nodes: &[PlannedNode]) -> impl Iterator<Item = &PlannedNode> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut all: Vec<(usize, &PlannedNode)> = vec![];
    for node in nodes {
        let turn = seen.entry(&node.member).or_default();
        all.push((*turn, node));
        *turn += 1;
    }
    all.sort_by_key(|(turn, _)| *turn);
    all.into_iter().map(|(_, node)| node)
}

/// One member's RunInstances calls, numbered from `first`.
fn batches_of(request: &Request, facts: &Facts, nodes: &[PlannedNode], first: usize) -> Result<Vec<Batch>, Fault> {
    let offers = |kind: &str, zone: &str| facts.offered.iter().any(|(k, z)| k == kind && z == zone);
    let usable: Vec<&Subnet> = facts.subnets.iter().filter(|s| request.instance_types.iter().any(|t| offers(t, &s.zone))).collect();
    if usable.is_empty() {
        let zones: Vec<&str> = facts.subnets.iter().map(|s| s.zone.as_str()).collect();
        let text = format!("none of {} is offered in {} ({})", request.instance_types.join(", "), zones.join(", "), facts.member.name);
        return Err(Fault::new(Class::Capacity, text));
    }
    let batch = |number: usize, nodes: Vec<String>, authority: bool| Batch {
        batch: format!("b{number}"),
        member: facts.member.name.clone(),
        nodes,
        candidates: vec![],
        authority,
    };
    let mut batches = vec![];
    // node0 carries the authority volume, so it is a batch of its own: a batch shares its block devices.
    let alone = usize::from(first == 0);
    if alone == 1 {
        batches.push(batch(0, vec![nodes[0].name.clone()], true));
    }
    for zone in 0..usable.len() {
        let names: Vec<String> = nodes.iter().enumerate().skip(alone).filter(|(i, _)| i % usable.len() == zone).map(|(_, n)| n.name.clone()).collect();
        for part in names.chunks(50) {
            batches.push(batch(first + batches.len(), part.to_vec(), false));
        }
    }
    let home = |batch: &Batch| nodes.iter().position(|n| n.name == batch.nodes[0]).unwrap_or_default() % usable.len();
    for batch in &mut batches {
        let home = home(batch);
        for turn in 0..usable.len() {
            let subnet = usable[(home + turn) % usable.len()];
            for kind in request.instance_types.iter().filter(|t| offers(t, &subnet.zone)) {
                batch.candidates.push(Candidate { instance_type: kind.clone(), subnet: subnet.id.clone(), zone: subnet.zone.clone() });
            }
        }
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(zones: usize) -> Facts {
        let subnets: Vec<Subnet> = (0..zones).map(|i| Subnet { id: format!("subnet-{i}"), zone: format!("z{i}") }).collect();
        let offered = Size::Test.instance_types().into_iter().flat_map(|t| subnets.iter().map(move |s| (t.clone(), s.zone.clone()))).collect();
        let member = Member { name: "founder".into(), account: "111122223333".into(), region: "us-east-1".into(), ..Member::default() };
        let quota = |limit| Quota { limit, used: 0 };
        Facts {
            member,
            subnets,
            offered,
            max_nodes: 100,
            agreement: String::new(),
            image: crate::request::DEFAULT_IMAGE.into(),
            vcpus: quota(200),
            peerings: quota(50),
        }
    }

    fn request(n: u32) -> Request {
        Request::from_value(serde_json::json!({"network":"testnet","chain_id":"testnet","size":"test","validators":n,
            "allow_no_fault_tolerance":true}))
        .expect("valid")
    }

    #[test]
    fn every_node_is_in_exactly_one_batch() {
        for n in [1, 2, 4, 7, 100] {
            for zones in [1, 2, 3] {
                let plan = Plan::decide(&request(n), &[facts(zones)], "e").expect("plan");
                let mut names: Vec<&String> = plan.batches.iter().flat_map(|b| &b.nodes).collect();
                names.sort();
                names.dedup();
                assert_eq!(names.len(), n as usize, "{n} nodes, {zones} zones");
                assert!(plan.batches.iter().all(|b| b.candidates.len() == zones * 3));
                assert!(plan.witnesses.len() * 3 > n as usize);
            }
        }
    }

    #[test]
    fn types_are_tried_before_zones() {
        let plan = Plan::decide(&request(4), &[facts(2)], "e").expect("plan");
        let first = &plan.batches[0].candidates;
        assert_eq!(first.iter().map(|c| c.instance_type.as_str()).take(3).collect::<Vec<_>>(), ["m6a.large", "m5.large", "t3.large"]);
        assert_eq!(first[0].zone, first[2].zone);
        assert_ne!(first[2].zone, first[3].zone);
    }

    #[test]
    fn too_many_and_nowhere_are_told_apart() {
        let mut few = facts(2);
        few.max_nodes = 3;
        assert_eq!(Plan::decide(&request(4), &[few.clone()], "e").expect_err("quota").class, Class::Quota);
        few.max_nodes = 9;
        few.vcpus.used = 195;
        let small = Plan::decide(&request(4), &[few.clone()], "e").expect_err("quota");
        assert!(small.class == Class::Quota && small.message.contains("have 5, need 8"), "{small}");
        few.vcpus.used = 0;
        few.offered.clear();
        assert_eq!(Plan::decide(&request(4), &[few.clone()], "e").expect_err("capacity").class, Class::Capacity);
    }

    fn company(name: &str, account: &str, region: &str, number: usize) -> Facts {
        let cidr = format!("10.64.{}.0/20", number * 16);
        let member = Member { name: name.into(), account: account.into(), region: region.into(), vpc: format!("vpc-{name}"), cidr };
        Facts { member, ..facts(2) }
    }

    #[test]
    fn several_members_take_turns_in_ruling_and_bearing_witness() {
        let members = serde_json::json!([{"name": "founder", "account": "111122223333", "region": "us-east-1", "validators": 4},
            {"name": "bank", "account": "444455556666", "region": "us-east-1", "validators": 2},
            {"name": "port", "account": "777788889999", "region": "eu-west-1", "validators": 2}]);
        let request = serde_json::json!({"network": "testnet", "chain_id": "testnet", "size": "test", "members": members});
        let request = Request::from_value(request).expect("valid");
        let all = [
            company("founder", "111122223333", "us-east-1", 0),
            company("bank", "444455556666", "us-east-1", 1),
            company("port", "777788889999", "eu-west-1", 2),
        ];
        let plan = Plan::decide(&request, &all, "e").expect("plan");
        assert_eq!(plan.root_holders, ["node0", "node4", "node6"]);
        assert_eq!(plan.witnesses, ["node0", "node4", "node6"]);
        assert_eq!(plan.agreement(), "testnet testnet founder@111122223333/us-east-1:400,bank@444455556666/us-east-1:200,port@777788889999/eu-west-1:200 2of3");
        assert_eq!(plan.agreement(), request.agreement());
        let agreed = |network: &str, member: &str| agreed_nodes(&plan.agreement(), network, member).map_err(|f| f.class);
        assert_eq!((agreed("testnet", "bank"), agreed("testnet", "founder")), (Ok(Some(2)), Ok(Some(4))));
        assert_eq!((agreed("testnet", "ban"), agreed("test", "bank")), (Err(Class::Denied), Err(Class::Denied)));
        assert_eq!(agreed_nodes("", "any", "bank"), Ok(None));
        let batches: Vec<(&str, &str, usize, bool)> = plan.batches.iter().map(|b| (b.batch.as_str(), b.member.as_str(), b.nodes.len(), b.authority)).collect();
        let want = [("b0", "founder", 1, true), ("b1", "founder", 1, false), ("b2", "founder", 2, false), ("b3", "bank", 1, false)];
        assert_eq!(batches[..4], want);
        assert_eq!(batches.len(), 7);
        let refused = |change: &dyn Fn(&mut [Facts])| {
            let mut all = all.clone();
            change(&mut all);
            Plan::decide(&request, &all, "e").expect_err("refused").message
        };
        assert!(refused(&|f| f[1].member.account = "1".into()).starts_with("`members[1].account`"));
        assert!(refused(&|f| f[2].member.cidr = "10.64.16.0/20".into()).contains("overlaps"));
        let two = refused(&|f| {
            f[1].peerings.used = 49;
            f[2].max_nodes = 1;
        });
        assert!(two.contains("bank: VPC peerings (quota L-7E9ECCDB): have 1, need 2") && two.contains("port: nodes"), "{two}");
    }
}
