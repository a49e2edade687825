//! What a member's account answered before a launch, and whether the request fits it.

use crate::fault::{Class, Fault};
use crate::plan::{Member, Subnet};
use crate::request::Request;
use crate::{consortium, price};
use serde::{Deserialize, Serialize};

/// An account's limit, and how much of it is used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Quota {
    /// What may be had.
    pub limit: u32,
    /// What is used now.
    pub used: u32,
}

impl Quota {
    fn free(&self) -> u32 {
        self.limit.saturating_sub(self.used)
    }
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
    /// What its stack agreed to ([`crate::plan::Plan::agreement`]); empty = anything that its own limits allow.
    #[serde(default)]
    pub agreement: String,
    /// vCPUs of running on-demand standard instances (Service Quotas L-1216C47A).
    pub vcpus: Quota,
    /// VPC peerings of the member's VPC (Service Quotas L-7E9ECCDB).
    pub peerings: Quota,
}

/// What of the members' accounts does not fit the request: everything that is too small is named at once.
pub(crate) fn check_facts(request: &Request, facts: &[Facts]) -> Result<(), Fault> {
    if facts.len() != request.members.len() {
        let why = format!("{} members answered, {} are asked for", facts.len(), request.members.len());
        return Err(Fault::field("facts", why, "one for each member, in the request's order"));
    }
    let mut small = vec![];
    for (i, (asked, fact)) in request.members.iter().zip(facts).enumerate() {
        let (name, member) = (&asked.name, &fact.member);
        if member.name != *name {
            return Err(Fault::field("facts", format!("{} answered for {name}", member.name), "one for each member, in the request's order"));
        }
        let field = |f: &str| if request.members.len() == 1 { f.to_string() } else { format!("members[{i}].{f}") };
        if !asked.account.is_empty() && asked.account != member.account {
            let why = format!("the stack of {name} is in account {}", member.account);
            return Err(Fault::field(&field("account"), why, format!("\"{}\"", member.account)));
        }
        if asked.region != member.region {
            return Err(Fault::field(&field("region"), format!("the stack of {name} is in {}", member.region), format!("\"{}\"", member.region)));
        }
        if !asked.cidr.is_empty() && asked.cidr != member.cidr {
            return Err(Fault::field(&field("cidr"), format!("the stack of {name} has {}", member.cidr), format!("\"{}\"", member.cidr)));
        }
        if request.image != fact.image {
            let why = format!("the stack of {name} runs {}; its parameter Image is the member's to change", fact.image);
            return Err(Fault::field("image", why, format!("\"{}\"", fact.image)));
        }
        let mut need = |what: &str, have: u32, need: u32, todo: &str| {
            if need > have {
                small.push(format!("{name}: {what}: have {have}, need {need}; {todo}"));
            }
        };
        need("nodes that its stack allows", fact.max_nodes, asked.validators, "raise the stack's parameter MaxNodes");
        let each = request.instance_types.iter().filter_map(|t| price::vcpus(t)).min().unwrap_or_default();
        need("vCPUs (quota L-1216C47A)", fact.vcpus.free(), each * asked.validators, "ask Service Quotas for more");
        need(
            "VPC peerings (quota L-7E9ECCDB)",
            fact.peerings.free(),
            facts.len() as u32 - 1,
            "ask Service Quotas for up to 125; above that it takes a Transit Gateway",
        );
    }
    if !small.is_empty() {
        return Err(Fault::new(Class::Quota, small.join(". ")));
    }
    let ranges: Vec<(String, String)> = facts.iter().map(|f| (format!("range of {}", f.member.name), f.member.cidr.clone())).collect();
    if facts.len() > 1 { consortium::check_apart(&ranges) } else { Ok(()) }
}
