//! Lambda: the hub asks a member's function.

use crate::Clients;
use crate::classify::fault;
use aws_sdk_lambda::primitives::Blob;
use domain::{Class, Fault, Left};
use serde_json::Value;

impl Clients {
    /// Invokes a function by ARN, in the ARN's own region, and gives back its result or its fault.
    pub async fn invoke(&self, arn: &str, payload: &Value) -> Result<Value, Fault> {
        let region = arn.split(':').nth(3).unwrap_or_default().to_string();
        let elsewhere;
        let client = if region.is_empty() || region == self.region() {
            &self.lambda
        } else {
            let config = self.lambda.config().to_builder().region(aws_config::Region::new(region)).build();
            elsewhere = aws_sdk_lambda::Client::from_conf(config);
            &elsewhere
        };
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
