//! Step Functions' API: start, describe, stop, redrive.

use super::{only, text};
use crate::cloud::{ApiError, Call, Cloud, Reply};
use crate::iam::Keys;
use crate::names;
use crate::world::Execution;
use serde_json::{Value, json};

/// Input and output of an execution may have this many bytes.
pub(crate) const PAYLOAD: usize = 262_144;

/// Calls of Step Functions.
pub(crate) async fn call(cloud: &Cloud, call: &Call) -> Reply {
    let p = &call.params;
    match call.action.as_str() {
        "StartExecution" => {
            only(p, &["stateMachineArn", "name", "input"])?;
            let machine = text(p, "stateMachineArn");
            authorize(cloud, call, machine)?;
            let input = serde_json::from_str(text(p, "input")).map_err(|e| ApiError::new("InvalidExecutionInput", 400, e.to_string()))?;
            let name = if text(p, "name").is_empty() { cloud.world().uuid() } else { text(p, "name").to_string() };
            let arn = cloud.start(machine, &name, input)?;
            let started = cloud.world().executions[&arn].start_ms;
            Ok(json!({"executionArn": arn, "startDate": started as f64 / 1000.0}))
        }
        "DescribeExecution" => {
            only(p, &["executionArn"])?;
            let arn = text(p, "executionArn");
            authorize(cloud, call, arn)?;
            cloud.world().executions.get(arn).map(describe).ok_or_else(|| absent(arn))
        }
        "StopExecution" => {
            only(p, &["executionArn", "error", "cause"])?;
            let arn = text(p, "executionArn").to_string();
            authorize(cloud, call, &arn)?;
            if !cloud.world().executions.contains_key(&arn) {
                return Err(absent(&arn));
            }
            cloud.stop(&arn, "ABORTED", text(p, "error"), text(p, "cause"));
            Ok(json!({"stopDate": cloud.now_ms() as f64 / 1000.0}))
        }
        "RedriveExecution" => {
            only(p, &["executionArn", "clientToken"])?;
            authorize(cloud, call, text(p, "executionArn"))?;
            cloud.redrive(text(p, "executionArn"))?;
            Ok(json!({"redriveDate": cloud.now_ms() as f64 / 1000.0}))
        }
        other => Err(ApiError::new("UnknownOperationException", 400, other.to_string())),
    }
}

fn absent(arn: &str) -> ApiError {
    ApiError::new("ExecutionDoesNotExist", 400, format!("Execution Does Not Exist: '{arn}'"))
}

/// Machines and executions have no policy of their own: nobody outside their account may touch them, nor may another region's endpoint.
fn authorize(cloud: &Cloud, call: &Call, arn: &str) -> Result<(), ApiError> {
    if names::region_of(arn) != call.region {
        return Err(ApiError::new("InvalidArn", 400, format!("Invalid Arn: '{arn}' is not of the region {}", call.region)));
    }
    cloud.authorize(&cloud.world(), &call.principal, &format!("states:{}", call.action), arn, names::account_of(arn), None, &Keys::new())
}

/// An execution as DescribeExecution shows it.
pub(crate) fn describe(e: &Execution) -> Value {
    let mut shown = json!({"executionArn": e.arn, "stateMachineArn": e.machine, "name": e.name, "status": e.status,
        "startDate": e.start_ms as f64 / 1000.0, "input": e.input.to_string()});
    if e.stop_ms > 0 {
        shown["stopDate"] = json!(e.stop_ms as f64 / 1000.0);
    }
    if e.status == "SUCCEEDED" {
        shown["output"] = json!(e.output.to_string());
    }
    if !e.error.is_empty() {
        shown["error"] = json!(e.error);
        shown["cause"] = json!(e.cause);
    }
    shown
}
