//! The services, one file each: effects on the world, with the errors that AWS gives.

pub mod ec2;
mod ec2_describe;
pub mod ec2_peering;
mod ec2_routes;
mod ec2_rules;
pub mod event_rules;
pub mod events;
pub mod lambda;
mod quotas;
pub mod s3;
mod sns;
pub mod ssm;
pub mod states;
mod sts;

use crate::cloud::{ApiError, Call, Cloud, Reply};
use serde_json::Value;

/// Whether an action changes the world, so that it must be written down.
pub(crate) fn mutates(action: &str) -> bool {
    !(action.starts_with("Describe") || action.starts_with("List") || action.starts_with("Get") || action == "Invoke")
}

/// Every action that the local cloud carries out, by service.
pub const ACTIONS: [(&str, &[&str]); 9] = [
    (
        "ec2",
        &[
            "AcceptVpcPeeringConnection",
            "AttachVolume",
            "AuthorizeSecurityGroupIngress",
            "CreateRoute",
            "CreateTags",
            "CreateVpcPeeringConnection",
            "DeleteRoute",
            "DeleteVolume",
            "DeleteVpcPeeringConnection",
            "DescribeInstanceTypeOfferings",
            "DescribeInstances",
            "DescribeRouteTables",
            "DescribeSecurityGroupRules",
            "DescribeSubnets",
            "DescribeVolumes",
            "DescribeVpcPeeringConnections",
            "RevokeSecurityGroupIngress",
            "RunInstances",
            "TerminateInstances",
        ],
    ),
    ("ssm", &["CancelCommand", "DescribeInstanceInformation", "ListCommandInvocations", "ListCommands", "SendCommand"]),
    ("s3", &["DeleteObjects", "GetBucketPolicy", "GetObject", "ListObjectsV2", "PutBucketPolicy", "PutObject"]),
    ("sns", &["Publish"]),
    ("events", &["DescribeEventBus", "PutEvents", "PutPermission"]),
    ("servicequotas", &["GetServiceQuota"]),
    ("states", &["DescribeExecution", "RedriveExecution", "StartExecution", "StopExecution"]),
    ("lambda", &["Invoke"]),
    ("sts", &["AssumeRole", "GetCallerIdentity"]),
];

/// Carries out a call. What the local cloud does not know is refused aloud, never ignored.
pub(crate) async fn dispatch(cloud: &Cloud, call: &Call) -> Reply {
    let known = ACTIONS.iter().any(|(service, actions)| *service == call.service && actions.contains(&call.action.as_str()));
    let reply = carry_out(cloud, call).await;
    // What is carried out is on the list, or nobody who goes through the list would know of it.
    assert!(known || reply.is_err(), "{}:{} is not in ACTIONS", call.service, call.action);
    reply
}

async fn carry_out(cloud: &Cloud, call: &Call) -> Reply {
    match call.service.as_str() {
        "ec2" => ec2::call(cloud, call),
        "ssm" => ssm::call(cloud, call),
        "s3" => s3::call(cloud, call),
        "sns" => sns::call(cloud, call),
        "sts" => sts::call(cloud, call),
        "events" => events::call(cloud, call),
        "servicequotas" => quotas::call(cloud, call),
        "states" => states::call(cloud, call).await,
        "lambda" => lambda::call(cloud, call).await,
        other => Err(ApiError::new("UnknownService", 400, format!("the local cloud does not have {other}"))),
    }
}

/// Refuses parameters that the local cloud would otherwise ignore.
pub(crate) fn only(params: &Value, known: &[&str]) -> Result<(), ApiError> {
    for name in params.as_object().into_iter().flat_map(|o| o.keys()) {
        if !known.contains(&name.as_str()) {
            return Err(ApiError::new("UnknownParameter", 400, format!("The parameter {name} is not recognized by the local cloud")));
        }
    }
    Ok(())
}

/// A parameter as text; empty if absent.
pub(crate) fn text<'a>(params: &'a Value, name: &str) -> &'a str {
    params.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A list parameter as texts.
pub(crate) fn texts(value: Option<&Value>) -> Vec<String> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(|v| v.as_str().map(String::from)).collect()
}
