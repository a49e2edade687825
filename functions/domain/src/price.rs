//! What things cost, with the source and date of every figure. Prices are for us-east-1, on demand, in US dollars.

use crate::plan::Plan;
use serde::Serialize;

/// Hours in the month that prices are quoted for.
pub const HOURS_PER_MONTH: f64 = 730.0;
/// When the figures below were collected.
pub const AS_OF: &str = "2026-11-22";
/// gp3 storage, a GB-month. Source: infracost golden test `ebs_volume_test`, 2026-08-21.
pub const GP3_GB_MONTH: f64 = 0.08;
/// One KMS key, a month. Source: the same collection.
pub const KMS_KEY_MONTH: f64 = 1.0;
/// A public IPv4 address, an hour. Source: aws.amazon.com/vpc/pricing, in force since 2024-02-01.
pub const PUBLIC_IPV4_HOUR: f64 = 0.005;
/// One Step Functions transition. Source: aws.amazon.com/step-functions/pricing ($0.025 per 1,000).
pub const TRANSITION: f64 = 0.000_025;
/// One Lambda request. Source: infracost golden test `lambda_function_test` ($0.20 per million).
pub const LAMBDA_REQUEST: f64 = 0.000_000_2;
/// One Lambda GB-second, x86. Source: the same test.
pub const LAMBDA_GB_SECOND: f64 = 0.000_016_666_7;

/// Instance types that nodes may have, with the price of an hour.
/// Source: karpenter-provider-aws `zz_generated.pricing_aws.go`, generated 2026-07-20 for us-east-1.
pub const INSTANCES: [(&str, f64); 6] =
    [("m6a.large", 0.0864), ("m5.large", 0.0960), ("t3.large", 0.0832), ("m6a.xlarge", 0.1728), ("m5a.xlarge", 0.1720), ("m6i.xlarge", 0.1920)];

/// Price of an instance hour, if the type is one of ours.
pub fn instance_hour(kind: &str) -> Option<f64> {
    INSTANCES.iter().find(|(name, _)| *name == kind).map(|(_, price)| *price)
}

/// What a network costs a month, line by line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Monthly {
    /// What, how many and how much: `(text, dollars)`.
    pub lines: Vec<(String, f64)>,
    /// Sum of the lines.
    pub total: f64,
}

/// The monthly price of a plan, with its first instance type.
pub fn monthly(plan: &Plan) -> Monthly {
    let nodes = plan.nodes.len() as f64;
    let kind = plan.instance_types.first().map(String::as_str).unwrap_or_default();
    let gb = f64::from(plan.disks.system_gb + plan.disks.data_gb + 1) * nodes + 1.0;
    let lines = vec![
        (format!("{} x {kind}", plan.nodes.len()), nodes * instance_hour(kind).unwrap_or_default() * HOURS_PER_MONTH),
        (format!("{gb} GB gp3"), gb * GP3_GB_MONTH),
        (format!("{} public addresses, outbound only", plan.nodes.len()), nodes * PUBLIC_IPV4_HOUR * HOURS_PER_MONTH),
        ("3 KMS keys".to_string(), 3.0 * KMS_KEY_MONTH),
    ];
    let total = lines.iter().map(|(_, dollars)| dollars).sum();
    Monthly { lines, total }
}

/// What a launch's orchestration costs, from what it used. Functions have 128 MB and are billed by time.
pub fn orchestration(transitions: u64, invocations: u64, function_seconds: f64) -> f64 {
    transitions as f64 * TRANSITION + invocations as f64 * LAMBDA_REQUEST + function_seconds * 0.125 * LAMBDA_GB_SECOND
}
