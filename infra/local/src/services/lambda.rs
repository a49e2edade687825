//! Lambda: cold starts, time-outs, a process that can die, and the resource policy of each function.

use super::text;
use crate::cloud::{ApiError, Call, Cloud, PROCESS, Reply, Run};
use crate::iam::{Keys, access_key};
use crate::latency::{COLD_START, WARM_START};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Calls of Lambda.
pub(crate) async fn call(cloud: &Cloud, call: &Call) -> Reply {
    if call.action != "Invoke" {
        return Err(ApiError::new("UnknownOperationException", 404, call.action.clone()));
    }
    let name = text(&call.params, "FunctionName");
    let function = {
        let world = cloud.world();
        let function = world.functions.values().find(|f| f.arn == name || f.arn.ends_with(&format!(":function:{name}"))).cloned();
        let function = function.ok_or_else(|| ApiError::new("ResourceNotFoundException", 404, format!("Function not found: {name}")))?;
        let owner = function.arn.split(':').nth(4).unwrap_or_default().to_string();
        let policy = json!({"Statement": function.permissions});
        cloud.authorize(&world, &call.principal, "lambda:InvokeFunction", &function.arn, &owner, Some(&policy), &Keys::new())?;
        function
    };
    let started = cloud.now_ms();
    let cold = std::mem::replace(&mut cloud.world().functions.entry(function.arn.clone()).or_default().warm, true);
    cloud.pass(if cold { WARM_START } else { COLD_START }).await;
    let run = Run {
        function: function.arn.clone(),
        handler: function.handler.clone(),
        settings: function.environment.clone(),
        region: function.arn.split(':').nth(3).unwrap_or_default().into(),
        credentials: (access_key(&function.role), "secret-of-the-local-cloud".into(), "token-of-the-local-cloud".into()),
        payload: call.params["Payload"].clone(),
        cloud: cloud.clone(),
    };
    let process = Arc::new(Notify::new());
    let work = PROCESS.scope(process.clone(), (cloud.0.code)(run));
    let outcome = tokio::select! {
        biased;
        done = work => done,
        () = tokio::time::sleep(Duration::from_secs(function.timeout_s)) => {
            Err(("Sandbox.Timedout".into(), format!("Task timed out after {} seconds", function.timeout_s)))
        }
        () = process.notified() => Err(("Runtime.ExitError".into(), "Runtime exited with error: signal: killed".into())),
    };
    {
        let mut world = cloud.world();
        world.invocations.0 += 1;
        world.invocations.1 += (cloud.now_ms() - started) as f64 / 1000.0;
        if outcome.is_err() {
            // A process that ended badly is not used again.
            if let (Err((kind, _)), Some(f)) = (&outcome, world.functions.get_mut(&function.arn)) {
                f.warm = kind.starts_with("Fault.");
            }
        }
    }
    Ok(match outcome {
        Ok(answer) => json!({"Payload": answer}),
        Err((kind, message)) => json!({"Payload": {"errorType": kind, "errorMessage": message}, "FunctionError": "Unhandled"}),
    })
}

/// The payload that a caller sees, or the error's name and cause.
pub(crate) fn outcome(reply: Value) -> Result<Value, (String, String)> {
    if reply.get("FunctionError").is_none() {
        return Ok(reply["Payload"].clone());
    }
    let payload = &reply["Payload"];
    Err((text(payload, "errorType").into(), payload.to_string()))
}
