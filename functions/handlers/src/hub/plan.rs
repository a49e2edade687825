//! `plan-network`: everything decided, nothing done.

use crate::Context;
use crate::guard::param;
use domain::Fault;
use domain::plan::{Facts, Plan};
use domain::request::Request;
use serde_json::{Value, json};

/// Decides on a request from what the members' accounts offer. Calls nothing.
pub async fn plan(_ctx: &Context, event: Value) -> Result<Value, Fault> {
    let request = Request::from_value(event.get("request").cloned().unwrap_or(Value::Null))?;
    let facts: Vec<Facts> = param(&event, "facts")?;
    let execution: String = param(&event, "execution")?;
    let plan = Plan::decide(&request, &facts, &execution)?;
    Ok(json!(plan))
}
