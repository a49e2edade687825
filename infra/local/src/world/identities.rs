//! Roles, the sessions that were given their keys, and the functions that run as them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// One IAM role.
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
pub struct Role {
    /// ARN.
    pub arn: String,
    /// Who may take it.
    pub trust: Value,
    /// Policy documents, inline and attached.
    pub policies: Vec<Value>,
    /// Permissions boundary's document.
    pub boundary: Option<Value>,
}

/// Keys that AssumeRole gave out.
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
pub struct Session {
    /// Role ARN.
    pub role: String,
    /// Name that the caller chose.
    pub name: String,
    /// Token that goes with every request.
    pub token: String,
    /// When they end, ms.
    pub until_ms: u64,
}

/// One Lambda function.
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
pub struct Function {
    /// ARN.
    pub arn: String,
    /// Which code.
    pub handler: String,
    /// Role ARN.
    pub role: String,
    /// Seconds it may run.
    pub timeout_s: u64,
    /// Environment.
    pub environment: BTreeMap<String, String>,
    /// Resource policy statements.
    pub permissions: Vec<Value>,
    /// Whether a warm process exists.
    #[serde(skip)]
    pub warm: bool,
}
