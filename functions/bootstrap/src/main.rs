//! What Lambda starts: one binary for every function; `_HANDLER` says which one this process is.

use domain::Fault;
use handlers::Context;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

/// A fault on its way out: its class becomes the error name that Step Functions matches.
#[derive(Debug)]
struct Failure(Fault);

impl From<Failure> for Diagnostic {
    fn from(Failure(fault): Failure) -> Diagnostic {
        Diagnostic { error_type: fault.class.error_name(), error_message: fault.to_string() }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // The only place that reads the environment: the template's settings, and which function this is.
    let settings: BTreeMap<String, String> = std::env::vars().collect();
    let name = settings.get("_HANDLER").cloned().unwrap_or_default();
    let Some(handler) = handlers::find(&name) else {
        eprintln!("bootstrap: _HANDLER is `{name}`, which is none of: {}", handlers::HANDLERS.iter().map(|(n, _)| *n).collect::<Vec<_>>().join(", "));
        return ExitCode::FAILURE;
    };
    let region = settings.get("AWS_REGION").cloned().unwrap_or_default();
    let clients = aws::Clients::new(aws::Settings { region, credentials: None, http: None, time: None }).await;
    let context = Context { aws: clients, settings: Arc::new(settings) };
    let served = lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let answer = handler(context.clone(), event.payload);
        async move { answer.await.map_err(Failure) }
    }));
    match served.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("bootstrap: {e}");
            ExitCode::FAILURE
        }
    }
}
