//! From a request and what the member's account offers to a plan: everything decided, nothing done.

use crate::fault::{Class, Fault};
use crate::ids;
use crate::node_config;
use crate::request::{Disks, Request, Size};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A member as the plan knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Short name; the founder is `founder`.
    pub name: String,
    /// AWS account id.
    pub account: String,
    /// Region of its nodes.
    pub region: String,
}

/// One subnet of a member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subnet {
    /// Subnet id.
    pub id: String,
    /// Availability zone.
    pub zone: String,
}

/// What a member's account answered to `check-member`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Who.
    pub member: Member,
    /// Where nodes may be put.
    pub subnets: Vec<Subnet>,
    /// `(instance type, zone)` pairs that EC2 offers.
    pub offered: Vec<(String, String)>,
    /// Most nodes that the member's stack allows.
    pub max_nodes: u32,
    /// Image that the member's stack runs; nobody else chooses it.
    pub image: String,
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
pub struct Batch {
    /// `b0`, `b1`, ...; the tag `consortium:batch`.
    pub batch: String,
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
    /// Keys of the root multisig: the operators of the first nodes hold them.
    pub root_keys: u32,
    /// How many of them rule the chain.
    pub root_threshold: u32,
    /// Names of those nodes.
    pub root_holders: Vec<String>,
    /// config.toml values of the request.
    pub config_toml: Map<String, Value>,
    /// app.toml values of the request.
    pub app_toml: Map<String, Value>,
}

impl Plan {
    /// Decides. `Quota` when the member's stack allows fewer nodes, `Capacity` when no zone offers any of the types.
    pub fn decide(request: &Request, facts: &Facts, execution: &str) -> Result<Plan, Fault> {
        if request.validators > facts.max_nodes {
            let text = format!(
                "the stack of member {} allows {} nodes, {} are asked for; raise its parameter MaxNodes",
                facts.member.name, facts.max_nodes, request.validators
            );
            return Err(Fault::new(Class::Quota, text));
        }
        if request.region != facts.member.region {
            return Err(Fault::field("region", format!("the stack is in {}", facts.member.region), format!("\"{}\"", facts.member.region)));
        }
        if request.image != facts.image {
            let why = format!("the stack runs {}; its parameter Image is the member's to change", facts.image);
            return Err(Fault::field("image", why, format!("\"{}\"", facts.image)));
        }
        let nodes: Vec<PlannedNode> = (0..request.validators)
            .map(|i| PlannedNode { name: format!("node{i}"), member: facts.member.name.clone(), kind: "validator".into(), power: 100 })
            .collect();
        let offers = |kind: &str, zone: &str| facts.offered.iter().any(|(k, z)| k == kind && z == zone);
        let usable: Vec<&Subnet> = facts.subnets.iter().filter(|s| request.instance_types.iter().any(|t| offers(t, &s.zone))).collect();
        if usable.is_empty() {
            let zones: Vec<&str> = facts.subnets.iter().map(|s| s.zone.as_str()).collect();
            let text = format!("none of {} is offered in {}", request.instance_types.join(", "), zones.join(", "));
            return Err(Fault::new(Class::Capacity, text));
        }
        // node0 carries the authority volume, so it is a batch of its own: a batch shares its block devices.
        let mut batches = vec![Batch { batch: "b0".into(), nodes: vec!["node0".into()], candidates: vec![], authority: true }];
        for zone in 0..usable.len() {
            let names: Vec<String> = nodes.iter().enumerate().filter(|(i, _)| *i > 0 && i % usable.len() == zone).map(|(_, n)| n.name.clone()).collect();
            for part in names.chunks(50) {
                let batch = format!("b{}", batches.len());
                batches.push(Batch { batch, nodes: part.to_vec(), candidates: vec![], authority: false });
            }
        }
        for batch in &mut batches {
            let home = ids::node_number(&batch.nodes[0]) % usable.len();
            for turn in 0..usable.len() {
                let subnet = usable[(home + turn) % usable.len()];
                for kind in request.instance_types.iter().filter(|t| offers(t, &subnet.zone)) {
                    batch.candidates.push(Candidate { instance_type: kind.clone(), subnet: subnet.id.clone(), zone: subnet.zone.clone() });
                }
            }
        }
        let witnesses = nodes.iter().take(nodes.len() / 3 + 1).map(|n| n.name.clone()).collect();
        let block = node_config::block_seconds(&request.config_toml);
        let blocks = u64::from(request.blocks);
        Ok(Plan {
            // The first block comes after one interval, the last one wanted must be below the tip.
            first_look_s: ((blocks + 2) as f64 * block) as u64,
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
            members: vec![facts.member.clone()],
            authority: nodes[0].name.clone(),
            root_keys: request.root_keys,
            root_threshold: request.root_threshold,
            root_holders: nodes.iter().take(request.root_keys as usize).map(|n| n.name.clone()).collect(),
            nodes,
            batches,
            witnesses,
            config_toml: request.config_toml.clone(),
            app_toml: request.app_toml.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(zones: usize) -> Facts {
        let subnets: Vec<Subnet> = (0..zones).map(|i| Subnet { id: format!("subnet-{i}"), zone: format!("z{i}") }).collect();
        let offered = Size::Test.instance_types().into_iter().flat_map(|t| subnets.iter().map(move |s| (t.clone(), s.zone.clone()))).collect();
        let member = Member { name: "founder".into(), account: "111122223333".into(), region: "us-east-1".into() };
        Facts { member, subnets, offered, max_nodes: 100, image: crate::request::DEFAULT_IMAGE.into() }
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
                let plan = Plan::decide(&request(n), &facts(zones), "e").expect("plan");
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
        let plan = Plan::decide(&request(4), &facts(2), "e").expect("plan");
        let first = &plan.batches[0].candidates;
        assert_eq!(first.iter().map(|c| c.instance_type.as_str()).take(3).collect::<Vec<_>>(), ["m6a.large", "m5.large", "t3.large"]);
        assert_eq!(first[0].zone, first[2].zone);
        assert_ne!(first[2].zone, first[3].zone);
    }

    #[test]
    fn too_many_and_nowhere_are_told_apart() {
        let mut few = facts(2);
        few.max_nodes = 3;
        assert_eq!(Plan::decide(&request(4), &few, "e").expect_err("quota").class, Class::Quota);
        few.max_nodes = 9;
        few.offered.clear();
        assert_eq!(Plan::decide(&request(4), &few, "e").expect_err("capacity").class, Class::Capacity);
    }
}
