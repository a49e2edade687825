//! EC2: VPC peerings, routes over them and the rules that let peers in. None of these calls has a client token.

use crate::Clients;
use crate::classify::fault;
use crate::ec2::{Filters, gone, scope, tags_of, to_filters, to_tags};
use aws_sdk_ec2::types::{IpPermission, IpRange, ResourceType, TagSpecification};
use domain::{Class, Fault};

/// One VPC peering, as the caller's side sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Peering {
    /// Id.
    pub id: String,
    /// `pending-acceptance`, `active`, ...
    pub status: String,
    /// Why, in EC2's words.
    pub reason: String,
    /// `(account, VPC, range)` of who asked.
    pub requester: (String, String, String),
    /// `(account, VPC, range)` of who was asked.
    pub accepter: (String, String, String),
    /// Tags of the caller's side.
    pub tags: Vec<(String, String)>,
}

impl Peering {
    /// Whether it is there, or may still come to be.
    pub fn lives(&self) -> bool {
        matches!(self.status.as_str(), "initiating-request" | "pending-acceptance" | "provisioning" | "active")
    }
}

/// One ingress rule of a security group.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Id.
    pub id: String,
    /// First port.
    pub port: i32,
    /// Source range.
    pub cidr: String,
}

/// One route to a range over a peering.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Destination range.
    pub cidr: String,
    /// Peering; empty for any other target.
    pub peering: String,
}

fn side(v: Option<&aws_sdk_ec2::types::VpcPeeringConnectionVpcInfo>) -> (String, String, String) {
    let text = |t: Option<&str>| t.unwrap_or_default().to_string();
    v.map(|v| (text(v.owner_id()), text(v.vpc_id()), text(v.cidr_block()))).unwrap_or_default()
}

impl Clients {
    /// Peerings by filters, in any state that EC2 still lists.
    async fn peerings(&self, filters: Filters) -> Result<Vec<Peering>, Fault> {
        let mut pages = self.ec2.describe_vpc_peering_connections().set_filters(Some(to_filters(filters))).into_paginator().send();
        let mut found = vec![];
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| fault("ec2", "DescribeVpcPeeringConnections", e))?;
            found.extend(page.vpc_peering_connections().iter().map(|p| Peering {
                id: p.vpc_peering_connection_id().unwrap_or_default().into(),
                status: p.status().and_then(|s| s.code()).map(|c| c.as_str().to_string()).unwrap_or_default(),
                reason: p.status().and_then(|s| s.message()).unwrap_or_default().into(),
                requester: side(p.requester_vpc_info()),
                accepter: side(p.accepter_vpc_info()),
                tags: tags_of(p.tags()),
            }));
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(found)
    }

    /// Peerings that a VPC asked for.
    pub async fn peerings_from(&self, vpc: &str) -> Result<Vec<Peering>, Fault> {
        self.peerings(vec![("requester-vpc-info.vpc-id".into(), vec![vpc.into()])]).await
    }

    /// Peerings that a VPC was asked for.
    pub async fn peerings_to(&self, vpc: &str) -> Result<Vec<Peering>, Fault> {
        self.peerings(vec![("accepter-vpc-info.vpc-id".into(), vec![vpc.into()])]).await
    }

    /// Peerings of a VPC, whoever asked.
    pub async fn peerings_of(&self, vpc: &str) -> Result<Vec<Peering>, Fault> {
        let mut found = self.peerings_from(vpc).await?;
        found.extend(self.peerings_to(vpc).await?);
        Ok(found)
    }

    /// Peerings that carry a network's tags, or those of one execution of it: the ones that this account asked for.
    pub async fn peerings_tagged(&self, network: &str, execution: Option<&str>) -> Result<Vec<Peering>, Fault> {
        self.peerings(scope(network, execution)).await
    }

    /// Asks for a peering. Its undo is [`Clients::delete_peering`].
    pub async fn create_peering(&self, vpc: &str, account: &str, region: &str, peer: &str, tags: &[(String, String)]) -> Result<String, Fault> {
        let spec = TagSpecification::builder().resource_type(ResourceType::VpcPeeringConnection).set_tags(Some(to_tags(tags))).build();
        let call = self.ec2.create_vpc_peering_connection().vpc_id(vpc).peer_vpc_id(peer).peer_owner_id(account).peer_region(region);
        let out = call.tag_specifications(spec).send().await.map_err(|e| fault("ec2", "CreateVpcPeeringConnection", e))?;
        let id = out.vpc_peering_connection().and_then(|p| p.vpc_peering_connection_id());
        id.map(String::from).ok_or_else(|| Fault::internal("ec2:CreateVpcPeeringConnection: no id"))
    }

    /// Accepts a peering that this account was asked for.
    pub async fn accept_peering(&self, id: &str) -> Result<(), Fault> {
        let call = self.ec2.accept_vpc_peering_connection().vpc_peering_connection_id(id);
        call.send().await.map(drop).map_err(|e| fault("ec2", "AcceptVpcPeeringConnection", e))
    }

    /// Deletes a peering; one that is gone is success.
    pub async fn delete_peering(&self, id: &str) -> Result<(), Fault> {
        let call = self.ec2.delete_vpc_peering_connection().vpc_peering_connection_id(id);
        gone(call.send().await.map(drop).map_err(|e| fault("ec2", "DeleteVpcPeeringConnection", e)))
    }

    /// Routes of a table.
    pub async fn routes(&self, table: &str) -> Result<Vec<Route>, Fault> {
        let out = self.ec2.describe_route_tables().route_table_ids(table).send().await.map_err(|e| fault("ec2", "DescribeRouteTables", e))?;
        let route = |r: &aws_sdk_ec2::types::Route| Route {
            cidr: r.destination_cidr_block().unwrap_or_default().into(),
            peering: r.vpc_peering_connection_id().unwrap_or_default().into(),
        };
        Ok(out.route_tables().iter().flat_map(|t| t.routes()).map(route).collect())
    }

    /// Adds a route over a peering. Its undo is [`Clients::delete_route`].
    pub async fn create_route(&self, table: &str, cidr: &str, peering: &str) -> Result<(), Fault> {
        let call = self.ec2.create_route().route_table_id(table).destination_cidr_block(cidr).vpc_peering_connection_id(peering);
        call.send().await.map(drop).map_err(|e| fault("ec2", "CreateRoute", e))
    }

    /// Deletes a route; one that is gone is success.
    pub async fn delete_route(&self, table: &str, cidr: &str) -> Result<(), Fault> {
        let call = self.ec2.delete_route().route_table_id(table).destination_cidr_block(cidr);
        gone(call.send().await.map(drop).map_err(|e| fault("ec2", "DeleteRoute", e)))
    }

    /// Rules that carry a network's tags, or those of one execution of it.
    pub async fn rules(&self, group: &str, network: &str, execution: Option<&str>) -> Result<Vec<Rule>, Fault> {
        let mut filters = scope(network, execution);
        filters.push(("group-id".into(), vec![group.into()]));
        let mut pages = self.ec2.describe_security_group_rules().set_filters(Some(to_filters(filters))).into_paginator().send();
        let mut found = vec![];
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| fault("ec2", "DescribeSecurityGroupRules", e))?;
            found.extend(page.security_group_rules().iter().map(|r| Rule {
                id: r.security_group_rule_id().unwrap_or_default().into(),
                port: r.from_port().unwrap_or_default(),
                cidr: r.cidr_ipv4().unwrap_or_default().into(),
            }));
        }
        Ok(found)
    }

    /// Lets ranges in to a port. "Already there" is success. Its undo is [`Clients::revoke_rules`].
    pub async fn authorize_rule(&self, group: &str, port: i32, cidr: &str, why: &str, tags: &[(String, String)]) -> Result<(), Fault> {
        let range = IpRange::builder().cidr_ip(cidr).description(why).build();
        let permission = IpPermission::builder().ip_protocol("tcp").from_port(port).to_port(port).ip_ranges(range).build();
        let spec = TagSpecification::builder().resource_type(ResourceType::SecurityGroupRule).set_tags(Some(to_tags(tags))).build();
        let call = self.ec2.authorize_security_group_ingress().group_id(group).ip_permissions(permission).tag_specifications(spec);
        match call.send().await.map_err(|e| fault("ec2", "AuthorizeSecurityGroupIngress", e)) {
            Err(f) if f.class == Class::Conflict => Ok(()),
            other => other.map(drop),
        }
    }

    /// Takes rules away; ones that are gone are success.
    pub async fn revoke_rules(&self, group: &str, ids: Vec<String>) -> Result<(), Fault> {
        let call = self.ec2.revoke_security_group_ingress().group_id(group).set_security_group_rule_ids(Some(ids));
        gone(call.send().await.map(drop).map_err(|e| fault("ec2", "RevokeSecurityGroupIngress", e)))
    }

    /// vCPUs of the account's instances that run or are about to.
    pub async fn vcpus(&self) -> Result<u32, Fault> {
        let states = vec![("instance-state-name".to_string(), vec!["pending".to_string(), "running".to_string()])];
        let mut pages = self.ec2.describe_instances().set_filters(Some(to_filters(states))).into_paginator().send();
        let mut sum = 0;
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| fault("ec2", "DescribeInstances", e))?;
            for cpu in page.reservations().iter().flat_map(|r| r.instances()).filter_map(|i| i.cpu_options()) {
                sum += cpu.core_count().unwrap_or_default() * cpu.threads_per_core().unwrap_or(1);
            }
        }
        Ok(u32::try_from(sum).unwrap_or_default())
    }
}
