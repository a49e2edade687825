//! Lambda: the hub asks a member's function.

use crate::Clients;
use crate::classify::fault;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use domain::{Class, Fault, Left};
use serde_json::Value;

impl Clients {
    /// A client for the region of a function's ARN.
    fn lambda_of(&self, arn: &str) -> aws_sdk_lambda::Client {
        let region = arn.split(':').nth(3).unwrap_or_default().to_string();
        if region.is_empty() || region == self.region() {
            return self.lambda.clone();
        }
        aws_sdk_lambda::Client::from_conf(self.lambda.config().to_builder().region(aws_config::Region::new(region)).build())
    }

    /// Whether this role may invoke a function: Lambda's own dry run, which starts nothing. `Denied` or `NotFound` if it may not.
    pub async fn may_invoke(&self, arn: &str) -> Result<(), Fault> {
        let call = self.lambda_of(arn).invoke().function_name(arn).invocation_type(InvocationType::DryRun);
        call.send().await.map(drop).map_err(|e| fault("lambda", "Invoke", e))
    }

    /// Invokes a function by ARN, in the ARN's own region, and gives back its result or its fault.
    pub async fn invoke(&self, arn: &str, payload: &Value) -> Result<Value, Fault> {
        let client = self.lambda_of(arn);
        let out = client.invoke().function_name(arn).payload(Blob::new(payload.to_string())).send().await;
        let out = out.map_err(|e| fault("lambda", "Invoke", e))?;
        let bytes = out.payload().map(|b| b.as_ref().to_vec()).unwrap_or_default();
        let answer: Value = serde_json::from_slice(&bytes).map_err(|e| Fault::internal(format!("{arn} answered no JSON: {e}")))?;
        if out.function_error().is_none() {
            return Ok(answer);
        }
        let text = |k: &str| answer.get(k).and_then(Value::as_str).unwrap_or_default();
        Err(match Class::from_error_name(text("errorType")) {
            Some(class) => Fault::new(class, text("errorMessage")),
            // A function that died tells no class; what it did is unknown.
            None => Fault::new(Class::Transient, format!("{arn}: {} {}", text("errorType"), text("errorMessage"))).leaving(Left::Unknown),
        })
    }
}
