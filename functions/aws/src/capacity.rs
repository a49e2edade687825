//! No retry where there is no machine: EC2 says so with HTTP 500, which the SDK would take for a passing error.

use aws_sdk_ec2::operation::run_instances::RunInstancesError;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use domain::Class;

/// Leaves the next type or zone to the state machine.
#[derive(Debug)]
pub(crate) struct NotForCapacity;

impl ClassifyRetry for NotForCapacity {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(|r| r.err()).and_then(|e| e.as_operation_error());
        let code = error.and_then(|e| e.downcast_ref::<RunInstancesError>()).and_then(ProvideErrorMetadata::code);
        match code.map(|c| crate::classify::class_of("ec2", c, 500)) {
            Some(Class::Capacity | Class::Quota) => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "no retry for capacity"
    }

    fn priority(&self) -> RetryClassifierPriority {
        // After the one that looks at the HTTP status, which it overrules.
        RetryClassifierPriority::run_after(RetryClassifierPriority::http_status_code_classifier())
    }
}
