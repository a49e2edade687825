//! Who can open a connection to whom: inside one VPC, or between two with an active peering and routes both ways; and the
//! target's groups must let it in. What matters is taken out of the world once, since many pairs are asked about at a time.

use crate::cloud::Cloud;
use crate::names::{self, Range};
use crate::world::{Instance, Peering, Plain, World};
use serde_json::Value;
use std::collections::BTreeMap;

/// Port on which nodes reach each other.
pub(crate) const PEER_PORT: u16 = 26656;

/// An instance's place.
struct Seat {
    ip: u32,
    subnet: String,
    groups: Vec<String>,
}

/// A subnet's VPC and the routes of its table: range and target. A subnet without an association has the local route only:
/// the main table of a VPC does not exist here, since no template gives it routes.
#[derive(Default)]
struct Subnet {
    vpc: String,
    routes: Vec<(Range, String)>,
}

/// One rule of a group.
struct Opening {
    ports: (u16, u16),
    range: Option<Range>,
    group: Option<String>,
}

/// The networks of a world as far as connections go.
pub(crate) struct Net {
    seats: BTreeMap<String, Seat>,
    subnets: BTreeMap<String, Subnet>,
    openings: BTreeMap<String, Vec<Opening>>,
    peerings: BTreeMap<String, Peering>,
}

fn text(p: &Value, key: &str) -> String {
    p[key].as_str().unwrap_or_default().into()
}

fn opening(rule: &Value) -> Option<Opening> {
    let port = |name: &str| rule[name].as_u64().or_else(|| rule[name].as_str()?.parse().ok()).and_then(|p| u16::try_from(p).ok());
    let ports = match rule["IpProtocol"].as_str()? {
        "tcp" => (port("FromPort")?, port("ToPort")?),
        "-1" => (0, u16::MAX),
        _ => return None,
    };
    Some(Opening { ports, range: names::range(&text(rule, "CidrIp")), group: rule["SourceSecurityGroupId"].as_str().map(String::from) })
}

impl Net {
    /// Reads the networks of a world.
    pub fn of(world: &World) -> Net {
        let mut tables: BTreeMap<String, Vec<(Range, String)>> = BTreeMap::new();
        for route in world.of_kind("AWS::EC2::Route") {
            let p = &route.properties;
            let target = if p["VpcPeeringConnectionId"].is_string() { text(p, "VpcPeeringConnectionId") } else { text(p, "GatewayId") };
            let range = names::range(&text(p, "DestinationCidrBlock"));
            tables.entry(text(p, "RouteTableId")).or_default().extend(range.map(|r| (r, target)));
        }
        let mut subnets: BTreeMap<String, Subnet> = BTreeMap::new();
        for subnet in world.of_kind("AWS::EC2::Subnet") {
            subnets.insert(subnet.id.clone(), Subnet { vpc: text(&subnet.properties, "VpcId"), routes: vec![] });
        }
        for association in world.of_kind("AWS::EC2::SubnetRouteTableAssociation") {
            let p = &association.properties;
            if let (Some(subnet), Some(routes)) = (subnets.get_mut(&text(p, "SubnetId")), tables.get(&text(p, "RouteTableId"))) {
                subnet.routes = routes.clone();
            }
        }
        let mut openings: BTreeMap<String, Vec<Opening>> = BTreeMap::new();
        let inline = |g: &Plain| g.properties["SecurityGroupIngress"].as_array().cloned().unwrap_or_default();
        for group in world.of_kind("AWS::EC2::SecurityGroup") {
            openings.entry(group.id.clone()).or_default().extend(inline(group).iter().filter_map(opening));
        }
        for rule in world.of_kind("AWS::EC2::SecurityGroupIngress") {
            openings.entry(text(&rule.properties, "GroupId")).or_default().extend(opening(&rule.properties));
        }
        let seat = |i: &Instance| Seat { ip: names::ip_number(&i.ip), subnet: i.subnet.clone(), groups: i.groups.clone() };
        let seats = world.instances.values().map(|i| (i.id.clone(), seat(i))).collect();
        let peerings = world.peerings.values().filter(|p| p.accepted_ms > 0).map(|p| (p.id.clone(), p.clone())).collect();
        Net { seats, subnets, openings, peerings }
    }

    /// Whether an instance can open a TCP connection to another one's port at a time.
    pub fn reaches(&self, from: &str, to: &str, port: u16, at: u64) -> bool {
        let (Some(a), Some(b)) = (self.seats.get(from), self.seats.get(to)) else { return false };
        let (Some(here), Some(there)) = (self.subnets.get(&a.subnet), self.subnets.get(&b.subnet)) else { return false };
        let own = here.vpc == there.vpc;
        if !own && !self.is_routed((here, a.ip), (there, b.ip), at) {
            return false;
        }
        let fits = |o: &Opening| {
            let source = o.range.is_some_and(|r| names::holds(r, a.ip)) || (own && o.group.as_ref().is_some_and(|g| a.groups.contains(g)));
            source && o.ports.0 <= port && port <= o.ports.1
        };
        b.groups.iter().filter_map(|g| self.openings.get(g)).flatten().any(fits)
    }

    /// Whether packets find their way there and back: on both sides the longest prefix leads to the same active peering.
    fn is_routed(&self, (here, from): (&Subnet, u32), (there, to): (&Subnet, u32), at: u64) -> bool {
        let way = |subnet: &Subnet, ip: u32| {
            let best = subnet.routes.iter().filter(|(range, _)| names::holds(*range, ip)).max_by_key(|((_, bits), _)| *bits);
            best.and_then(|(_, target)| self.peerings.get(target)).filter(|p| p.links(&here.vpc, &there.vpc) && p.state(at) == "active")
        };
        way(here, to).zip(way(there, from)).is_some_and(|(out, back)| out.id == back.id)
    }

    /// Times at which peerings became or become active: until then nobody may have been able to decide.
    pub fn activations(&self) -> impl Iterator<Item = u64> + '_ {
        self.peerings.values().map(|p| p.active_ms)
    }
}

impl Cloud {
    /// Whether an instance can open a TCP connection now to whoever has this address.
    pub fn reaches(&self, from: &str, ip: &str, port: u16) -> bool {
        let (now, world) = (self.now_ms(), self.world());
        // The same address may exist in networks that are not connected; at most one of them is reached.
        let found: Vec<&Instance> = world.instances.values().filter(|i| i.ip == ip && i.state(now) == "running").collect();
        let net = Net::of(&world);
        found.iter().any(|i| net.reaches(from, &i.id, port, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;
    use serde_json::json;

    #[tokio::test(start_paused = true)]
    async fn between_networks_every_part_is_needed() {
        let cloud = cloud();
        let (east, west, id) = connected(&cloud).await;
        assert_eq!((east.run("m6a.large", "2", "a").await.0, west.run("m6a.large", "1", "b").await.0), (200, 200));
        wait(120).await;
        let machines = |m: &Member| -> Vec<String> { cloud.world().instances.values().filter(|i| i.account == m.account).map(|i| i.id.clone()).collect() };
        let (own, far) = (machines(&east), machines(&west)[0].clone());
        let ip = |id: &str| cloud.world().instances[id].ip.clone();
        let out = || cloud.reaches(&own[0], &ip(&far), PEER_PORT);
        assert!(cloud.reaches(&own[0], &ip(&own[1]), PEER_PORT), "one network needs no route");
        assert!(!cloud.reaches(&own[0], &ip(&own[1]), 22) && !out());

        assert_eq!(east.route(&west, &id).await.0, 200);
        assert_eq!(west.open(&east).await.0, 200);
        assert!(!out(), "the way back is missing");
        assert_eq!(west.route(&east, &id).await.0, 200);
        assert!(out() && !cloud.reaches(&far, &ip(&own[0]), PEER_PORT), "the other direction has no rule");

        let back = [("RouteTableId", west.ids["Routes"].as_str()), ("DestinationCidrBlock", &east.cidr)];
        assert_eq!(west.ec2("DeleteRoute", &back).await.0, 200);
        assert!(!out());
        assert_eq!(west.route(&east, &id).await.0, 200);
        // A longer prefix that leads elsewhere wins.
        let elsewhere = [("RouteTableId", east.ids["Routes"].as_str()), ("DestinationCidrBlock", "10.64.16.0/24"), ("GatewayId", "igw-1")];
        assert_eq!(code_of(&east.ec2("CreateRoute", &elsewhere).await), (400, "UnknownParameter"));
        let properties = json!({"RouteTableId": east.ids["Routes"], "DestinationCidrBlock": "10.64.16.0/24", "GatewayId": "igw-1"});
        let route = Plain { id: "r".into(), kind: "AWS::EC2::Route".into(), account: east.account.clone(), region: east.region.clone(), properties };
        cloud.world().plain.insert("r".into(), route);
        assert!(!out());
        cloud.world().plain.remove("r");
        assert!(out());

        let (_, rules) = west.ec2("DescribeSecurityGroupRules", &[("Filter.1.Name", "tag:peer"), ("Filter.1.Value.1", "x")]).await;
        let rule = element(&rules, "securityGroupRuleId").to_string();
        assert_eq!(west.ec2("RevokeSecurityGroupIngress", &[("GroupId", &west.ids["Group"]), ("SecurityGroupRuleId.1", &rule)]).await.0, 200);
        assert!(!out());
        assert_eq!(west.open(&east).await.0, 200);
        assert!(out());
        assert_eq!(east.ec2("DeleteVpcPeeringConnection", &[("VpcPeeringConnectionId", &id)]).await.0, 200);
        assert!(!out());
        let (_, tables) = west.ec2("DescribeRouteTables", &[("Filter.1.Name", "route.vpc-peering-connection-id"), ("Filter.1.Value.1", &id)]).await;
        assert!(tables.contains("<state>blackhole</state>"), "{tables}");
    }

    /// Ten networks of ten machines in a full mesh: every pair is connected, and no pair once the peerings are gone.
    #[test]
    fn a_hundred_machines_in_ten_networks() {
        let mut world = World::default();
        let mut plain = |id: String, kind: &str, properties: Value| {
            world.plain.insert(id.clone(), Plain { id, kind: kind.into(), account: "1".into(), region: "r".into(), properties });
        };
        for n in 0..10 {
            plain(format!("subnet-{n}"), "AWS::EC2::Subnet", json!({"VpcId": format!("vpc-{n}")}));
            plain(
                format!("association-{n}"),
                "AWS::EC2::SubnetRouteTableAssociation",
                json!({"RouteTableId": format!("rtb-{n}"), "SubnetId": format!("subnet-{n}")}),
            );
            plain(format!("sg-{n}"), "AWS::EC2::SecurityGroup", json!({}));
            for m in 0..10 {
                let (range, pcx) = (format!("10.64.{m}.0/24"), format!("pcx-{}-{}", n.min(m), n.max(m)));
                let rule = json!({"GroupId": format!("sg-{n}"), "IpProtocol": "tcp", "FromPort": 26656, "ToPort": 26656, "CidrIp": range});
                plain(format!("sgr-{n}-{m}"), "AWS::EC2::SecurityGroupIngress", rule);
                let route = json!({"RouteTableId": format!("rtb-{n}"), "DestinationCidrBlock": range, "VpcPeeringConnectionId": pcx});
                plain(format!("route-{n}-{m}"), "AWS::EC2::Route", route);
            }
        }
        for n in 0..10 {
            for m in n + 1..10 {
                let side = |n: u8| crate::world::Side { vpc: format!("vpc-{n}"), ..Default::default() };
                let p = Peering { id: format!("pcx-{n}-{m}"), requester: side(n), accepter: side(m), accepted_ms: 1, active_ms: 2, ..Default::default() };
                world.peerings.insert(p.id.clone(), p);
            }
        }
        let seat = |i: u8| Seat {
            ip: names::ip_number(&format!("10.64.{}.{}", i / 10, 4 + i % 10)),
            subnet: format!("subnet-{}", i / 10),
            groups: vec![format!("sg-{}", i / 10)],
        };
        let pairs = |world: &World, at: u64| {
            let mut net = Net::of(world);
            net.seats = (0..100).map(|i| (format!("i-{i}"), seat(i))).collect();
            let ids: Vec<String> = net.seats.keys().cloned().collect();
            ids.iter().map(|a| ids.iter().filter(|b| net.reaches(a, b, PEER_PORT, at)).count()).sum::<usize>()
        };
        assert_eq!(pairs(&world, 2), 10_000);
        assert_eq!(pairs(&world, 1), 1_000, "not active yet: each machine has its own network only");
        world.peerings.clear();
        assert_eq!(pairs(&world, 2), 1_000);
    }
}
