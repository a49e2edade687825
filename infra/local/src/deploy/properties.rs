//! Properties that the local cloud knows of each resource type. Others are refused aloud.

use serde_json::Value;

/// Type and its known properties.
const KNOWN: &[(&str, &[&str])] = &[
    ("AWS::CloudFormation::Stack", &["TemplateURL", "Parameters"]),
    ("AWS::EC2::VPC", &["CidrBlock", "EnableDnsSupport", "EnableDnsHostnames", "Tags"]),
    ("AWS::EC2::Subnet", &["VpcId", "CidrBlock", "AvailabilityZone", "MapPublicIpOnLaunch", "Tags"]),
    ("AWS::EC2::InternetGateway", &["Tags"]),
    ("AWS::EC2::VPCGatewayAttachment", &["VpcId", "InternetGatewayId"]),
    ("AWS::EC2::RouteTable", &["VpcId", "Tags"]),
    ("AWS::EC2::Route", &["RouteTableId", "DestinationCidrBlock", "GatewayId", "VpcPeeringConnectionId"]),
    ("AWS::EC2::SubnetRouteTableAssociation", &["RouteTableId", "SubnetId"]),
    ("AWS::EC2::VPCEndpoint", &["VpcId", "ServiceName", "VpcEndpointType", "RouteTableIds"]),
    ("AWS::EC2::SecurityGroup", &["GroupDescription", "VpcId", "SecurityGroupIngress", "SecurityGroupEgress", "Tags"]),
    ("AWS::EC2::SecurityGroupIngress", &["GroupId", "IpProtocol", "FromPort", "ToPort", "SourceSecurityGroupId", "CidrIp", "Description"]),
    ("AWS::EC2::LaunchTemplate", &["LaunchTemplateName", "LaunchTemplateData", "TagSpecifications"]),
    ("AWS::KMS::Key", &["Description", "KeyPolicy", "EnableKeyRotation", "KeySpec", "KeyUsage", "Tags"]),
    ("AWS::S3::Bucket", &["BucketName", "PublicAccessBlockConfiguration", "VersioningConfiguration", "BucketEncryption", "OwnershipControls"]),
    ("AWS::S3::BucketPolicy", &["Bucket", "PolicyDocument"]),
    ("AWS::IAM::Role", &["RoleName", "Path", "AssumeRolePolicyDocument", "Policies", "ManagedPolicyArns", "PermissionsBoundary", "Description"]),
    ("AWS::IAM::ManagedPolicy", &["ManagedPolicyName", "PolicyDocument", "Description"]),
    ("AWS::IAM::InstanceProfile", &["Roles"]),
    ("AWS::Lambda::Function", &["FunctionName", "Runtime", "Handler", "Architectures", "MemorySize", "Timeout", "Role", "Code", "Environment", "Description"]),
    ("AWS::Lambda::Permission", &["Action", "FunctionName", "Principal", "SourceArn"]),
    ("AWS::SSM::Document", &["Name", "DocumentType", "DocumentFormat", "TargetType", "UpdateMethod", "Content"]),
    ("AWS::StepFunctions::StateMachine", &["StateMachineName", "StateMachineType", "RoleArn", "DefinitionS3Location", "DefinitionSubstitutions"]),
    ("AWS::Events::EventBus", &["Name"]),
    ("AWS::Events::Rule", &["Description", "EventBusName", "EventPattern", "ScheduleExpression", "Targets", "State"]),
    ("AWS::SNS::Topic", &["DisplayName", "KmsMasterKeyId"]),
];

/// Refuses an unknown type and unknown properties of a known one.
pub(crate) fn check(kind: &str, properties: &Value) -> Result<(), String> {
    let (_, known) = KNOWN.iter().find(|(k, _)| *k == kind).ok_or_else(|| format!("the local cloud does not have {kind}"))?;
    match properties.as_object().into_iter().flat_map(|o| o.keys()).find(|k| !known.contains(&k.as_str())) {
        Some(unknown) => Err(format!("{kind}: the local cloud does not know the property {unknown}")),
        None => Ok(()),
    }
}
