//! What unit tests share: a cloud with members in several accounts and regions.

pub(crate) use crate::caller::{Answer, Caller};
use crate::cloud::{Cloud, Run, RunError};
use crate::world::World;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Two members that may be connected: account, region, range.
pub(crate) const EAST: (&str, &str, &str) = ("111122223333", "us-east-1", "10.64.0.0/20");
pub(crate) const WEST: (&str, &str, &str) = ("444455556666", "eu-west-1", "10.64.16.0/20");

/// A member's stack, as small as it can be.
pub(crate) const MEMBER: &str = "
Parameters: {Cidr: {Type: String}}
Resources:
  Vpc: {Type: 'AWS::EC2::VPC', Properties: {CidrBlock: !Ref Cidr, Tags: [{Key: member, Value: one}]}}
  Subnet: {Type: 'AWS::EC2::Subnet', Properties: {VpcId: !Ref Vpc, CidrBlock: !Ref Cidr, AvailabilityZone: !Select [0, !GetAZs '']}}
  Routes: {Type: 'AWS::EC2::RouteTable', Properties: {VpcId: !Ref Vpc}}
  Association: {Type: 'AWS::EC2::SubnetRouteTableAssociation', Properties: {RouteTableId: !Ref Routes, SubnetId: !Ref Subnet}}
  Group: {Type: 'AWS::EC2::SecurityGroup', Properties: {GroupDescription: nodes, VpcId: !Ref Vpc}}
  Own:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {GroupId: !Ref Group, IpProtocol: tcp, FromPort: 26656, ToPort: 26656, SourceSecurityGroupId: !Ref Group}
  Role: {Type: 'AWS::IAM::Role', Properties: {AssumeRolePolicyDocument: {}}}
  Profile: {Type: 'AWS::IAM::InstanceProfile', Properties: {Roles: [!Ref Role]}}
  Template:
    Type: AWS::EC2::LaunchTemplate
    Properties:
      LaunchTemplateData: {ImageId: ami-0, IamInstanceProfile: {Arn: !GetAtt Profile.Arn}, SecurityGroupIds: [!Ref Group]}
Outputs:
  Vpc: {Value: !Ref Vpc}
  Subnet: {Value: !Ref Subnet}
  Routes: {Value: !Ref Routes}
  Group: {Value: !Ref Group}
  Template: {Value: !Ref Template}
";

/// Functions echo what they are given; one whose handler is `fail` fails.
async fn code(run: Run) -> Result<Value, RunError> {
    run.cloud.world().notices.push(("run".into(), run.function.clone(), run.payload.to_string()));
    if run.handler == "fail" { Err(("Broken".into(), "on purpose".into())) } else { Ok(run.payload) }
}

/// A cloud without anything in it.
pub(crate) fn cloud() -> Cloud {
    let world = World { rng: 7, seed: 7, now_ms: 1_795_305_600_000, ..World::default() };
    Cloud::open(world, Arc::new(|run| Box::pin(code(run))), None, None)
}

/// Content of the first element of a name.
pub(crate) fn element<'a>(body: &'a str, name: &str) -> &'a str {
    body.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once(&format!("</{name}>"))).map(|(inner, _)| inner).unwrap_or_default()
}

/// Status and error code, or 200 and nothing.
pub(crate) fn code_of(answer: &Answer) -> (u16, &str) {
    (answer.0, element(&answer.1, "Code"))
}

/// A member with its stack.
pub(crate) struct Member {
    pub caller: Caller,
    pub account: String,
    pub region: String,
    pub cidr: String,
    pub ids: BTreeMap<String, String>,
}

impl Member {
    pub fn new(cloud: &Cloud, (account, region, cidr): (&str, &str, &str)) -> Member {
        let ids = cloud.deploy(account, region, "member", MEMBER, &[("Cidr".to_string(), cidr.to_string())].into()).expect("a stack");
        Member { caller: Caller::new(cloud, account, region), account: account.into(), region: region.into(), cidr: cidr.into(), ids }
    }

    pub async fn ec2(&self, action: &str, parameters: &[(&str, &str)]) -> Answer {
        self.caller.ec2(action, parameters).await
    }

    /// Starts machines; gives the answer.
    pub async fn run(&self, kind: &str, count: &str, token: &str) -> Answer {
        let (template, subnet) = (self.ids["Template"].as_str(), self.ids["Subnet"].as_str());
        let parameters = [("LaunchTemplate.LaunchTemplateId", template), ("SubnetId", subnet), ("InstanceType", kind), ("MinCount", count)];
        self.ec2("RunInstances", &[&parameters[..], &[("MaxCount", count), ("ClientToken", token)]].concat()).await
    }

    /// Asks another member for a connection; gives the answer.
    pub async fn ask(&self, other: &Member, more: &[(&str, &str)]) -> Answer {
        let parameters =
            [("VpcId", self.ids["Vpc"].as_str()), ("PeerVpcId", &other.ids["Vpc"]), ("PeerOwnerId", &other.account), ("PeerRegion", &other.region)];
        self.ec2("CreateVpcPeeringConnection", &[&parameters[..], more].concat()).await
    }

    /// State of a connection as this member sees it; empty if it does not.
    pub async fn state(&self, id: &str) -> String {
        let (_, body) = self.ec2("DescribeVpcPeeringConnections", &[("VpcPeeringConnectionId.1", id)]).await;
        element(element(&body, "status"), "code").to_string()
    }

    pub async fn route(&self, other: &Member, id: &str) -> Answer {
        self.ec2("CreateRoute", &[("RouteTableId", &self.ids["Routes"]), ("DestinationCidrBlock", &other.cidr), ("VpcPeeringConnectionId", id)]).await
    }

    /// Lets the other's whole range in on the peer port; gives the answer.
    pub async fn open(&self, other: &Member) -> Answer {
        let parameters = [("IpPermissions.1.IpProtocol", "tcp"), ("IpPermissions.1.FromPort", "26656"), ("IpPermissions.1.ToPort", "26656")];
        let more =
            [("GroupId", self.ids["Group"].as_str()), ("IpPermissions.1.IpRanges.1.CidrIp", &other.cidr), ("IpPermissions.1.IpRanges.1.Description", "peer")];
        let tags =
            [("TagSpecification.1.ResourceType", "security-group-rule"), ("TagSpecification.1.Tag.1.Key", "peer"), ("TagSpecification.1.Tag.1.Value", "x")];
        self.ec2("AuthorizeSecurityGroupIngress", &[&parameters[..], &more, &tags].concat()).await
    }
}

/// Both members with an active connection; gives its id.
pub(crate) async fn connected(cloud: &Cloud) -> (Member, Member, String) {
    let (east, west) = (Member::new(cloud, EAST), Member::new(cloud, WEST));
    let id = element(&east.ask(&west, &[]).await.1, "vpcPeeringConnectionId").to_string();
    wait(120).await;
    assert_eq!(west.ec2("AcceptVpcPeeringConnection", &[("VpcPeeringConnectionId", &id)]).await.0, 200);
    wait(120).await;
    assert_eq!((east.state(&id).await, west.state(&id).await), ("active".into(), "active".into()));
    (east, west, id)
}

/// Lets virtual time go by.
pub(crate) async fn wait(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// A role with one policy statement list; gives its ARN.
pub(crate) fn role(cloud: &Cloud, account: &str, statements: Value) -> String {
    let arn = format!("arn:aws:iam::{account}:role/tested");
    let role = crate::world::Role { arn: arn.clone(), policies: vec![json!({"Statement": statements})], ..Default::default() };
    cloud.world().roles.insert(arn.clone(), role);
    arn
}
