//! What things cost: every figure with its unit, date and source. US dollars, us-east-1, on demand.

use crate::node_config;
use crate::plan::{Member, Plan};
use serde::Serialize;

/// Hours in the month that prices are quoted for.
pub const HOURS_PER_MONTH: f64 = 730.0;
/// Days in that month.
const DAYS_PER_MONTH: f64 = HOURS_PER_MONTH / 24.0;
/// When the figures below were collected.
pub const AS_OF: &str = "2026-11-22";
/// The region whose prices these are.
pub const REGION: &str = "us-east-1";

/// One figure as its source gives it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Price {
    /// Of what.
    pub name: &'static str,
    /// US dollars.
    pub dollars: f64,
    /// For how much of it.
    pub unit: &'static str,
    /// Date of the source.
    pub as_of: &'static str,
    /// Where it is written.
    pub source: &'static str,
}

const fn price(name: &'static str, dollars: f64, unit: &'static str, as_of: &'static str, source: &'static str) -> Price {
    Price { name, dollars, unit, as_of, source }
}

const INFRACOST: &str = "2026-08-21";
/// gp3 storage.
pub const GP3: Price = price("gp3 storage", 0.08, "GB-month", INFRACOST, "infracost 95ba4f49a, golden test ebs_volume_test");
/// A customer's KMS key.
pub const KMS_KEY: Price = price("KMS key", 1.0, "key-month", INFRACOST, "infracost 95ba4f49a, golden tests");
/// A public IPv4 address.
pub const PUBLIC_IPV4: Price = price("public IPv4 address", 0.005, "hour", AS_OF, "aws.amazon.com/vpc/pricing, in force since 2024-02-01");
/// An interface endpoint; each GB through it is [`INTERFACE_ENDPOINT_GB`].
pub const INTERFACE_ENDPOINT: Price = price("interface endpoint", 0.01, "hour and zone", INFRACOST, "infracost 95ba4f49a, golden test vpc_endpoint_test");
/// Traffic through an interface endpoint.
pub const INTERFACE_ENDPOINT_GB: Price = price("interface endpoint traffic", 0.01, "GB", INFRACOST, "infracost 95ba4f49a, golden test vpc_endpoint_test");
/// A NAT gateway; each GB through it is $0.045 more, by the same source.
pub const NAT_GATEWAY: Price = price("NAT gateway", 0.045, "hour", INFRACOST, "infracost 95ba4f49a, golden tests");
/// Traffic between zones of a region: the sender pays it and the receiver pays it.
pub const CROSS_ZONE: Price = price("traffic between zones", 0.01, "GB each way", INFRACOST, "infracost 95ba4f49a, golden test data_transfer_test");
/// Traffic to another region: the sender pays it. Only third-party pages say so.
pub const CROSS_REGION: Price = price(
    "traffic between regions",
    0.02,
    "GB sent",
    "2026-05",
    "third-party pages (oneuptime 2026-02, usage.ai 2026-05): a lead, not proof; it differs by pair",
);
/// One Step Functions transition, retries included.
pub const TRANSITION: Price = price("Step Functions transition", 0.000_025, "transition", AS_OF, "aws.amazon.com/step-functions/pricing ($0.025 per 1,000)");
/// One Lambda request.
pub const LAMBDA_REQUEST: Price = price("Lambda request", 0.000_000_2, "request", INFRACOST, "infracost 95ba4f49a, golden test lambda_function_test");
/// One Lambda GB-second, x86.
pub const LAMBDA_GB_SECOND: Price = price("Lambda time, x86", 0.000_016_666_7, "GB-second", INFRACOST, "infracost 95ba4f49a, golden test lambda_function_test");

/// Instance types that nodes may have, with the price of an hour; their source is [`instance`]'s.
pub const INSTANCES: [(&str, f64); 6] =
    [("m6a.large", 0.0864), ("m5.large", 0.0960), ("t3.large", 0.0832), ("m6a.xlarge", 0.1728), ("m5a.xlarge", 0.1720), ("m6i.xlarge", 0.1920)];

/// Price of an instance hour, if the type is one of ours.
pub fn instance(kind: &str) -> Option<Price> {
    let (name, dollars) = INSTANCES.iter().find(|(name, _)| *name == kind)?;
    Some(price(name, *dollars, "hour", "2026-07-20", "karpenter-provider-aws 1d92708, zz_generated.pricing_aws.go for us-east-1"))
}

/// Dollars of an instance hour, if the type is one of ours.
pub fn instance_hour(kind: &str) -> Option<f64> {
    instance(kind).map(|p| p.dollars)
}

/// What a line of a bill is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Machines; `what` is their type.
    Instances,
    /// GB of gp3.
    Storage,
    /// Public addresses, for the way out only.
    PublicAddresses,
    /// KMS keys of the member's stack.
    KmsKeys,
    /// Interface endpoints: none, since nodes reach AWS by their public address and S3 by a gateway endpoint.
    InterfaceEndpoints,
    /// NAT gateways: none.
    NatGateways,
    /// GB a month between zones, both ways; an estimate.
    CrossZone,
    /// GB a month sent to other regions; an estimate.
    CrossRegion,
}

impl Kind {
    /// Whether the line is a guess at what a chain sends, and not a count of what exists.
    pub fn is_estimate(self) -> bool {
        matches!(self, Kind::CrossZone | Kind::CrossRegion)
    }
}

/// vCPUs of an instance type, if it is one of ours: a `large` has two, an `xlarge` four (EC2's own naming).
pub fn vcpus(kind: &str) -> Option<u32> {
    instance_hour(kind).map(|_| if kind.ends_with(".xlarge") { 4 } else { 2 })
}

/// One line of a month's bill.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// Whose account pays.
    pub member: String,
    /// About what.
    pub kind: Kind,
    /// How many, or how many GB.
    pub count: f64,
    /// Dollars a month.
    pub dollars: f64,
    /// The figure it is computed from.
    pub price: Price,
}

/// What a network costs a month.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Monthly {
    /// Region whose prices these are, wherever the nodes are.
    pub prices_of: &'static str,
    /// Line by line, member by member.
    pub lines: Vec<Line>,
    /// Dollars for what exists.
    pub total: f64,
    /// Dollars for what the chain is assumed to send; not in `total`.
    pub traffic: f64,
    /// The assumption behind `traffic`.
    pub assumption: Traffic,
}

impl Monthly {
    /// Dollars of one member for what exists.
    pub fn of_member(&self, member: &str) -> f64 {
        sum(self.lines.iter().filter(|l| l.member == member && !l.kind.is_estimate()))
    }
}

fn sum<'a>(lines: impl Iterator<Item = &'a Line>) -> f64 {
    lines.map(|l| l.dollars).sum()
}

/// An **assumption**, not a measurement: what two validators send each other, both ways together.
///
/// Every validator is connected to every other. A block of 100 transactions of 400 bytes must reach n - 1 validators, and each of
/// the 2 n votes of a height (prevote and precommit, 300 bytes with an SM2 signature and envelope) too; gossip delivers each
/// twice. Spread over n (n - 1) / 2 pairs that is 2 (2 block / n + 4 vote) a block. Besides, each side announces each vote that it
/// has (60 bytes): 4 n announcements a pair and block.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Traffic {
    /// Bytes of a block.
    pub block_bytes: f64,
    /// Seconds between blocks.
    pub block_seconds: f64,
    /// GB that one pair of validators exchanges a day.
    pub pair_gb_day: f64,
}

impl Traffic {
    const BLOCK_BYTES: f64 = 40_000.0;
    const VOTE_BYTES: f64 = 300.0;
    const ANNOUNCEMENT_BYTES: f64 = 60.0;

    fn assumed(nodes: f64, block_seconds: f64) -> Traffic {
        let pair = 2.0 * (2.0 * Self::BLOCK_BYTES / nodes + 4.0 * Self::VOTE_BYTES) + 4.0 * nodes * Self::ANNOUNCEMENT_BYTES;
        Traffic { block_bytes: Self::BLOCK_BYTES, block_seconds, pair_gb_day: pair * 86_400.0 / block_seconds / 1e9 }
    }
}

/// The monthly price of a plan, with its first instance type and each batch in its first zone.
pub fn monthly(plan: &Plan) -> Monthly {
    let assumption = Traffic::assumed(plan.nodes.len() as f64, node_config::block_seconds(&plan.config_toml));
    let lines: Vec<Line> = plan.members.iter().flat_map(|m| of_member(plan, m, assumption.pair_gb_day * DAYS_PER_MONTH)).collect();
    let total = sum(lines.iter().filter(|l| !l.kind.is_estimate()));
    Monthly { prices_of: REGION, total, traffic: sum(lines.iter()) - total, lines, assumption }
}

/// One member's lines; `pair_gb` = GB a month of one pair of validators.
fn of_member(plan: &Plan, member: &Member, pair_gb: f64) -> Vec<Line> {
    let nodes = plan.nodes.iter().filter(|n| n.member == member.name).count() as f64;
    let kind = plan.instance_types.first().map(String::as_str).unwrap_or_default();
    let authority = if plan.nodes.iter().any(|n| n.name == plan.authority && n.member == member.name) { 1.0 } else { 0.0 };
    let gb = f64::from(plan.disks.system_gb + plan.disks.data_gb + 1) * nodes + authority;
    let (zone_gb, region_gb) = traffic(plan, member, pair_gb);
    let unknown = price("instance of an unknown type", 0.0, "hour", AS_OF, "none");
    let lines = [
        (Kind::Instances, nodes, HOURS_PER_MONTH, instance(kind).unwrap_or(unknown)),
        (Kind::Storage, gb, 1.0, GP3),
        (Kind::PublicAddresses, nodes, HOURS_PER_MONTH, PUBLIC_IPV4),
        // Identity, data and approval key of member.yaml.
        (Kind::KmsKeys, 3.0, 1.0, KMS_KEY),
        (Kind::InterfaceEndpoints, 0.0, HOURS_PER_MONTH, INTERFACE_ENDPOINT),
        (Kind::NatGateways, 0.0, HOURS_PER_MONTH, NAT_GATEWAY),
        (Kind::CrossZone, zone_gb, 1.0, CROSS_ZONE),
        (Kind::CrossRegion, region_gb, 1.0, CROSS_REGION),
    ];
    let line =
        |(kind, count, units, price): (Kind, f64, f64, Price)| Line { member: member.name.clone(), kind, count, dollars: count * units * price.dollars, price };
    lines.into_iter().map(line).collect()
}

/// GB a month that a member pays for: in and out of its zones within a region, and sent to other regions.
fn traffic(plan: &Plan, member: &Member, pair_gb: f64) -> (f64, f64) {
    let region = |name: &str| plan.members.iter().find(|m| m.name == name).map(|m| m.region.as_str()).unwrap_or_default();
    let zone = |node: &str| plan.batches.iter().find(|b| b.nodes.iter().any(|n| n == node)).and_then(|b| b.candidates.first()).map(|c| c.zone.as_str());
    let places: Vec<(&str, &str, Option<&str>)> = plan.nodes.iter().map(|n| (n.member.as_str(), region(&n.member), zone(&n.name))).collect();
    let (mut zones, mut regions) = (0u32, 0u32);
    for (_, region, zone) in places.iter().filter(|(m, ..)| *m == member.name) {
        regions += places.iter().filter(|(_, r, _)| r != region).count() as u32;
        zones += places.iter().filter(|(_, r, z)| r == region && z != zone).count() as u32;
    }
    // Between zones each end pays for both directions; between regions the sender pays, and each end sends half.
    (f64::from(zones) * pair_gb, f64::from(regions) * pair_gb / 2.0)
}

/// What a launch's orchestration costs, from what it used. Functions have 128 MB and are billed by time.
pub fn orchestration(transitions: u64, invocations: u64, function_seconds: f64) -> f64 {
    transitions as f64 * TRANSITION.dollars + invocations as f64 * LAMBDA_REQUEST.dollars + function_seconds * 0.125 * LAMBDA_GB_SECOND.dollars
}

/// An upper bound of a launch's orchestration, before it begins; what it really used is printed after it.
pub fn orchestration_at_most(plan: &Plan) -> f64 {
    let nodes = plan.nodes.len() as u64;
    orchestration(150 + nodes * 6, 100 + nodes * 2, 60.0 + nodes as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Candidate, Facts, Subnet};
    use crate::request::Request;

    fn plan() -> Plan {
        let request = Request::from_text(crate::request::EXAMPLE.as_bytes()).expect("valid");
        let subnets: Vec<Subnet> = ["a", "b"].map(|z| Subnet { id: format!("subnet-{z}"), zone: format!("us-east-1{z}") }).to_vec();
        let offered = subnets.iter().map(|s| ("m6a.large".to_string(), s.zone.clone())).collect();
        let member = Member { name: "founder".into(), account: "111122223333".into(), region: "us-east-1".into(), ..Member::default() };
        let quota = crate::plan::Quota { limit: 99, used: 0 };
        let facts =
            Facts { member, subnets, offered, max_nodes: 9, agreement: String::new(), image: request.image.clone(), vcpus: quota.clone(), peerings: quota };
        Plan::decide(&request, &[facts], "e").expect("plan")
    }

    #[test]
    fn four_test_nodes_cost_what_the_figures_say() {
        let m = monthly(&plan());
        let of = |kind| m.lines.iter().find(|l| l.kind == kind).expect("a line");
        assert!((m.total - 308.69).abs() < 0.01, "{}", m.total);
        assert_eq!((of(Kind::Storage).count, of(Kind::InterfaceEndpoints).dollars, of(Kind::CrossRegion).count), (485.0, 0.0, 0.0));
        // Two nodes in each zone: 4 of 6 pairs cross, and both ends pay.
        let pair = m.assumption.pair_gb_day * DAYS_PER_MONTH;
        assert!((of(Kind::CrossZone).dollars - 8.0 * pair * 0.01).abs() < 1e-9 && m.traffic > 0.0);
        assert!(m.lines.iter().all(|l| !l.price.source.is_empty() && !l.price.unit.is_empty() && l.price.as_of.starts_with("20")));
    }

    #[test]
    fn each_member_pays_its_own_and_what_it_sends_to_other_regions() {
        let mut plan = plan();
        plan.members.push(Member { name: "bank".into(), account: "444455556666".into(), region: "eu-west-1".into(), ..Member::default() });
        plan.nodes[3].member = "bank".into();
        let batch = plan.batches.iter_mut().find(|b| b.nodes.contains(&"node3".to_string())).expect("a batch");
        batch.nodes.retain(|n| n != "node3");
        let candidate = Candidate { instance_type: "m6a.large".into(), subnet: "s".into(), zone: "eu-west-1a".into() };
        plan.batches.push(crate::plan::Batch {
            batch: "b9".into(),
            member: "bank".into(),
            nodes: vec!["node3".into()],
            candidates: vec![candidate],
            authority: false,
        });
        let m = monthly(&plan);
        let gb = |member: &str, kind| m.lines.iter().find(|l| l.member == member && l.kind == kind).expect("a line").count;
        assert!((gb("bank", Kind::CrossRegion) - gb("founder", Kind::CrossRegion)).abs() < 1e-9);
        assert_eq!((gb("bank", Kind::CrossZone), gb("bank", Kind::Storage), gb("founder", Kind::Storage)), (0.0, 121.0, 364.0));
        assert!((m.of_member("bank") + m.of_member("founder") - m.total).abs() < 1e-9);
    }
}
