//! Lambda: cold starts, time-outs, a process that can die, and the resource policy of each function.

use super::text;
use crate::cloud::{ApiError, Call, Cloud, PROCESS, Reply, Run, RunError};
use crate::iam::{Keys, access_key};
use crate::latency::{COLD_START, WARM_START};
use crate::names;
use crate::world::{Function, World};
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
        let function = find(&world, &call.principal.account, &call.region, name).cloned();
        let function = function.ok_or_else(|| ApiError::new("ResourceNotFoundException", 404, format!("Function not found: {name}")))?;
        let policy = json!({"Statement": function.permissions});
        let owner = names::account_of(&function.arn);
        cloud.authorize(&world, &call.principal, "lambda:InvokeFunction", &function.arn, owner, Some(&policy), &Keys::new())?;
        function
    };
    match text(&call.params, "InvocationType") {
        "DryRun" => return Ok(json!({"Payload": null, "DryRun": true})),
        "RequestResponse" | "" => {}
        other => return Err(ApiError::new("InvalidParameterValueException", 400, format!("the local cloud has no invocations of type {other}"))),
    }
    Ok(match run(cloud, &function, call.params["Payload"].clone()).await {
        Ok(answer) => json!({"Payload": answer}),
        Err((kind, message)) => json!({"Payload": {"errorType": kind, "errorMessage": message}, "FunctionError": "Unhandled"}),
    })
}

/// A function of the region: by its name in one's own account, by its ARN in any.
pub(crate) fn find<'a>(world: &'a World, account: &str, region: &str, name: &str) -> Option<&'a Function> {
    let arn = if name.starts_with("arn:") { name.to_string() } else { names::arn("lambda", region, account, &format!("function:{name}")) };
    world.functions.get(&arn).filter(|f| names::region_of(&f.arn) == region)
}

/// Runs a function once, whoever invoked it.
pub(crate) async fn run(cloud: &Cloud, function: &Function, payload: Value) -> Result<Value, RunError> {
    let started = cloud.now_ms();
    let warm = cloud.world().functions.get_mut(&function.arn).is_some_and(|f| std::mem::replace(&mut f.warm, true));
    cloud.pass(if warm { &WARM_START } else { &COLD_START }, "").await;
    cloud.hear("function payload", &function.handler, &payload);
    let run = Run {
        function: function.arn.clone(),
        handler: function.handler.clone(),
        settings: function.environment.clone(),
        region: names::region_of(&function.arn).into(),
        credentials: (access_key(&function.role), "secret-of-the-local-cloud".into(), "token-of-the-local-cloud".into()),
        payload,
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
    match &outcome {
        Ok(answer) => cloud.hear("function answer", &function.handler, answer),
        Err((kind, message)) => cloud.hear("function failure", &function.handler, &json!([kind, message])),
    }
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
    outcome
}

/// The payload that a caller sees, or the error's name and cause.
pub(crate) fn outcome(reply: Value) -> Result<Value, (String, String)> {
    if reply.get("FunctionError").is_none() {
        return Ok(reply["Payload"].clone());
    }
    let payload = &reply["Payload"];
    Err((text(payload, "errorType").into(), payload.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_is_ones_own_and_an_arn_is_of_the_region() {
        let arn = |account: &str| format!("arn:aws:lambda:us-east-1:{account}:function:ask");
        let mut world = World::default();
        for account in ["111122223333", "444455556666"] {
            world.functions.insert(arn(account), Function { arn: arn(account), ..Function::default() });
        }
        let found = |account: &str, region: &str, name: &str| find(&world, account, region, name).map(|f| f.arn.clone());
        assert_eq!(found("444455556666", "us-east-1", "ask"), Some(arn("444455556666")));
        assert_eq!(found("444455556666", "us-east-1", &arn("111122223333")), Some(arn("111122223333")));
        assert_eq!(found("777788889999", "us-east-1", "ask").or(found("111122223333", "eu-west-1", "ask")), None);
        assert_eq!(found("111122223333", "eu-west-1", &arn("111122223333")), None);
    }
}
