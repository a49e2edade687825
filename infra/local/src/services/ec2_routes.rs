//! Routes over peering connections. They lie among the plain resources, as a template's own do, so that whoever reads sees both.

use super::ec2::{before_change, resource_keys};
use super::ec2_describe::{passes, tag_set};
use super::{ec2_peering, only, text, texts};
use crate::cloud::{ApiError, Call, Cloud, Reply};
use crate::iam::Keys;
use crate::names;
use crate::world::{Plain, World};
use serde_json::{Value, json};

fn table(world: &World, call: &Call, id: &str) -> Result<Plain, ApiError> {
    let own = |t: &&Plain| t.kind == "AWS::EC2::RouteTable" && t.account == call.principal.account && t.region == call.region;
    let missing = || ApiError::new("InvalidRouteTableID.NotFound", 400, format!("The routeTable ID '{id}' does not exist"));
    world.plain.get(id).filter(own).cloned().ok_or_else(missing)
}

/// The table that a call changes, if the caller may change it.
fn changed(cloud: &Cloud, world: &World, call: &Call) -> Result<Plain, ApiError> {
    let table = table(world, call, text(&call.params, "RouteTableId"))?;
    let arn = |kind: &str, id: &str| names::arn("ec2", &call.region, &table.account, &format!("{kind}/{id}"));
    let mut keys = resource_keys(&names::tags_of(&table.properties["Tags"]));
    keys.insert("ec2:Vpc".into(), vec![arn("vpc", text(&table.properties, "VpcId"))]);
    cloud.authorize(world, &call.principal, &format!("ec2:{}", call.action), &arn("route-table", &table.id), &table.account, None, &keys)?;
    Ok(table)
}

/// A range in its canonical form, as EC2 keeps it.
pub(super) fn canonical(cidr: &str, parameter: &str) -> Result<String, ApiError> {
    let invalid =
        || ApiError::new("InvalidParameterValue", 400, format!("Value ({cidr}) for parameter {parameter} is invalid. This is not a valid CIDR block."));
    names::range(cidr).map(names::range_text).ok_or_else(invalid)
}

fn vpc_range(world: &World, table: &Plain) -> String {
    world.plain.get(text(&table.properties, "VpcId")).map(|v| text(&v.properties, "CidrBlock").to_string()).unwrap_or_default()
}

fn routes<'a>(world: &'a World, table: &'a str) -> impl Iterator<Item = &'a Plain> {
    world.of_kind("AWS::EC2::Route").filter(move |r| text(&r.properties, "RouteTableId") == table)
}

/// EC2 takes a route to a connection that is not accepted yet; it is a blackhole until then.
pub(crate) fn create(cloud: &Cloud, world: &mut World, call: &Call, now: u64) -> Reply {
    let p = &call.params;
    only(p, &["RouteTableId", "DestinationCidrBlock", "VpcPeeringConnectionId"])?;
    before_change(world, now);
    let table = changed(cloud, world, call)?;
    let range = canonical(text(p, "DestinationCidrBlock"), "destinationCidrBlock")?;
    let peering = ec2_peering::seen(world, call, text(p, "VpcPeeringConnectionId"), now)?;
    if !peering.is_open(now) {
        return Err(ec2_peering::absent(&peering.id));
    }
    if !peering.touches(text(&table.properties, "VpcId")) {
        let why = format!("route table {} and vpc peering connection {} belong to different networks", table.id, peering.id);
        return Err(ApiError::new("InvalidParameterValue", 400, why));
    }
    if range == vpc_range(world, &table) || routes(world, &table.id).any(|r| text(&r.properties, "DestinationCidrBlock") == range) {
        return Err(ApiError::new("RouteAlreadyExists", 400, format!("The route identified by {range} already exists.")));
    }
    let properties = json!({"RouteTableId": table.id, "DestinationCidrBlock": range, "VpcPeeringConnectionId": peering.id});
    // A route has no id of its own in EC2; this one only keeps it apart in the world.
    let id = world.id("route");
    world.plain.insert(id.clone(), Plain { id, kind: "AWS::EC2::Route".into(), account: table.account, region: table.region, properties });
    Ok(json!({"return": true}))
}

pub(crate) fn delete(cloud: &Cloud, world: &mut World, call: &Call, now: u64) -> Reply {
    let p = &call.params;
    only(p, &["RouteTableId", "DestinationCidrBlock"])?;
    before_change(world, now);
    let table = changed(cloud, world, call)?;
    let range = canonical(text(p, "DestinationCidrBlock"), "destinationCidrBlock")?;
    if range == vpc_range(world, &table) {
        return Err(ApiError::new("InvalidParameterValue", 400, format!("cannot remove local route {range} in route table {}", table.id)));
    }
    let found = routes(world, &table.id).find(|r| text(&r.properties, "DestinationCidrBlock") == range).map(|r| r.id.clone());
    let why = || format!("no route with destination-cidr-block {range} in route table {}", table.id);
    let id = found.ok_or_else(|| ApiError::new("InvalidRoute.NotFound", 400, why()))?;
    world.plain.remove(&id);
    Ok(json!({"return": true}))
}

/// The tables of templates; the main table that each VPC has in EC2 does not exist here.
pub(crate) fn describe(cloud: &Cloud, world: &World, call: &Call, now: u64) -> Reply {
    let p = &call.params;
    only(p, &["RouteTableId", "Filter", "MaxResults", "NextToken"])?;
    cloud.authorize(world, &call.principal, "ec2:DescribeRouteTables", "*", &call.principal.account, None, &Keys::new())?;
    let ids = texts(p.get("RouteTableId"));
    for id in &ids {
        table(world, call, id)?;
    }
    let own = world.of_kind("AWS::EC2::RouteTable").filter(|t| t.account == call.principal.account && t.region == call.region);
    let mut found: Vec<Value> = vec![];
    for t in own.filter(|t| ids.is_empty() || ids.contains(&t.id)) {
        let peerings = || routes(world, &t.id).map(|r| text(&r.properties, "VpcPeeringConnectionId").to_string()).filter(|id| !id.is_empty());
        let has = |name: &str| match name {
            "route.vpc-peering-connection-id" => Some(peerings().collect()),
            "vpc-id" => Some(vec![text(&t.properties, "VpcId").to_string()]),
            "route-table-id" => Some(vec![t.id.clone()]),
            _ => None,
        };
        if passes(p, &names::tags_of(&t.properties["Tags"]), has)? {
            found.push(view(world, t, now));
        }
    }
    let (page, next) = names::page(&found, p, 100)?;
    Ok(json!({"routeTableSet": page, "nextToken": next}))
}

fn view(world: &World, table: &Plain, now: u64) -> Value {
    let mut shown = vec![json!({"destinationCidrBlock": vpc_range(world, table), "gatewayId": "local", "origin": "CreateRouteTable", "state": "active"})];
    for route in routes(world, &table.id) {
        let (gateway, peering) = (text(&route.properties, "GatewayId"), text(&route.properties, "VpcPeeringConnectionId"));
        let active = peering.is_empty() || world.peerings.get(peering).is_some_and(|p| p.state(now) == "active");
        let or_null = |id: &str| if id.is_empty() { Value::Null } else { json!(id) };
        shown.push(json!({"destinationCidrBlock": route.properties["DestinationCidrBlock"], "gatewayId": or_null(gateway),
            "vpcPeeringConnectionId": or_null(peering), "origin": "CreateRoute", "state": if active { "active" } else { "blackhole" }}));
    }
    let associations = world.of_kind("AWS::EC2::SubnetRouteTableAssociation").filter(|a| text(&a.properties, "RouteTableId") == table.id);
    let association = |a: &Plain| {
        json!({"routeTableAssociationId": a.id, "routeTableId": table.id, "subnetId": a.properties["SubnetId"], "main": false,
            "associationState": {"state": "associated"}})
    };
    json!({"routeTableId": table.id, "vpcId": table.properties["VpcId"], "ownerId": table.account, "routeSet": shown, "propagatingVgwSet": [],
        "associationSet": associations.map(association).collect::<Vec<_>>(), "tagSet": tag_set(&names::tags_of(&table.properties["Tags"]))})
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[tokio::test(start_paused = true)]
    async fn routes_and_rules_are_made_once_and_taken_away_once() {
        let cloud = cloud();
        let (east, west, id) = connected(&cloud).await;
        assert_eq!(east.route(&west, &id).await.0, 200);
        assert_eq!(code_of(&east.route(&west, &id).await), (400, "RouteAlreadyExists"));
        let (_, tables) = east.ec2("DescribeRouteTables", &[("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", &east.ids["Vpc"])]).await;
        assert!(tables.contains("<gatewayId>local</gatewayId>") && tables.contains(&format!("<vpcPeeringConnectionId>{id}</vpcPeeringConnectionId>")));
        let create = |table: &str, range: &str, peering: &str| {
            let parameters =
                [("RouteTableId", table.to_string()), ("DestinationCidrBlock", range.to_string()), ("VpcPeeringConnectionId", peering.to_string())];
            let east = &east;
            async move {
                let parameters: Vec<(&str, &str)> = parameters.iter().map(|(k, v)| (*k, v.as_str())).collect();
                let answer = east.ec2("CreateRoute", &parameters).await;
                code_of(&answer).1.to_string()
            }
        };
        let table = east.ids["Routes"].clone();
        assert_eq!(create("rtb-0", "10.9.0.0/16", &id).await, "InvalidRouteTableID.NotFound");
        assert_eq!(create(&west.ids["Routes"], "10.9.0.0/16", &id).await, "InvalidRouteTableID.NotFound", "another account's table");
        assert_eq!(create(&table, "10.9.0.0/16", "pcx-0").await, "InvalidVpcPeeringConnectionID.NotFound");
        assert_eq!(create(&table, "10.9.0.0", &id).await, "InvalidParameterValue");
        let gone = [("RouteTableId", table.as_str()), ("DestinationCidrBlock", "10.64.16.0/20")];
        assert_eq!(east.ec2("DeleteRoute", &gone).await.0, 200);
        assert_eq!(code_of(&east.ec2("DeleteRoute", &gone).await), (400, "InvalidRoute.NotFound"));

        assert_eq!(east.open(&west).await.0, 200);
        assert_eq!(code_of(&east.open(&west).await), (400, "InvalidPermission.Duplicate"));
        let (_, rules) = east.ec2("DescribeSecurityGroupRules", &[("Filter.1.Name", "group-id"), ("Filter.1.Value.1", &east.ids["Group"])]).await;
        assert_eq!(rules.matches("<securityGroupRuleId>").count(), 3, "the template's, ours, and the way out: {rules}");
        let unknown = [("GroupId", east.ids["Group"].as_str()), ("SecurityGroupRuleId.1", "sgr-0")];
        assert_eq!(code_of(&east.ec2("RevokeSecurityGroupIngress", &unknown).await), (400, "InvalidSecurityGroupRuleId.NotFound"));
        let foreign = [("GroupId", west.ids["Group"].as_str()), ("SecurityGroupRuleId.1", "sgr-0")];
        assert_eq!(code_of(&east.ec2("RevokeSecurityGroupIngress", &foreign).await), (400, "InvalidGroup.NotFound"));
    }
}
