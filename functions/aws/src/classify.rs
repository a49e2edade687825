//! One table from (service, error code) to a class. A code that is not in it is `Internal`, never `Transient`.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use domain::{Class, Fault, Left};

/// The class of a service's error code. The table is keyed by service: the same code means different things.
pub(crate) fn class_of(service: &str, code: &str, status: u16) -> Class {
    match (service, code) {
        (_, "RequestLimitExceeded" | "EC2ThrottledException" | "ThrottlingException" | "Throttling" | "TooManyRequestsException" | "SlowDown") => {
            Class::Throttled
        }
        (_, "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" | "AuthorizationErrorException" | "AuthorizationError") => Class::Denied,
        ("ec2", "InsufficientInstanceCapacity" | "Unsupported" | "InsufficientHostCapacity") => Class::Capacity,
        ("ec2", "InstanceLimitExceeded" | "VcpuLimitExceeded" | "VolumeLimitExceeded" | "MaxSpotInstanceCountExceeded") => Class::Quota,
        // A peering that is being made, or was decided on meanwhile.
        ("ec2", "InvalidStateTransition") => Class::Busy,
        ("ec2", "RouteAlreadyExists" | "InvalidPermission.Duplicate" | "VpcPeeringConnectionAlreadyExists") => Class::Conflict,
        (
            "ec2",
            "VpcPeeringConnectionsPerVpcLimitExceeded"
            | "ActiveVpcPeeringConnectionPerVpcLimitExceeded"
            | "PendingVpcPeeringConnectionLimitExceeded"
            | "RouteLimitExceeded"
            | "RulesPerSecurityGroupLimitExceeded",
        ) => Class::Quota,
        ("ec2", "IncorrectState" | "IncorrectInstanceState" | "VolumeInUse" | "OperationNotPermitted.Busy") => Class::Busy,
        ("ec2", "IdempotentParameterMismatch" | "IdempotentInstanceTerminated") => Class::Conflict,
        ("ec2", "DependencyViolation") => Class::Busy,
        ("ec2", c) if c.starts_with("Invalid") && c.ends_with(".NotFound") => Class::NotFound,
        ("ec2", c) if c.starts_with("Invalid") || c == "MissingParameter" => Class::InvalidInput,
        ("ssm", "InvalidInstanceId") => Class::Busy,
        ("ssm", "InvocationDoesNotExist" | "InvalidCommandId" | "DoesNotExistException") => Class::NotFound,
        ("ssm", "InvalidDocument" | "InvalidParameters" | "MaxDocumentSizeExceeded" | "ValidationException") => Class::InvalidInput,
        ("events", "ResourceNotFoundException") => Class::NotFound,
        ("events", "ConcurrentModificationException") => Class::Busy,
        ("servicequotas", "NoSuchResourceException") => Class::NotFound,
        ("s3", "NoSuchKey" | "NotFound" | "NoSuchBucket") => Class::NotFound,
        ("s3", "PreconditionFailed") => Class::Conflict,
        // Two writes met: unlike after PreconditionFailed nobody knows yet whose came first.
        ("s3", "ConditionalRequestConflict") => Class::Busy,
        ("lambda", "ResourceNotFoundException") => Class::NotFound,
        ("lambda", "ResourceConflictException" | "ResourceNotReadyException") => Class::Busy,
        ("states", "ExecutionDoesNotExist" | "StateMachineDoesNotExist") => Class::NotFound,
        ("sns", "NotFound") => Class::NotFound,
        _ if status >= 500 => Class::Transient,
        _ => Class::Internal,
    }
}

/// A fault from any SDK error; `service` is the signing name, `action` the API's.
pub(crate) fn fault<E>(service: &str, action: &str, error: SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match &error {
        SdkError::ServiceError(e) => {
            let status = e.raw().status().as_u16();
            let code = e.err().code().unwrap_or("no code");
            let class = class_of(service, code, status);
            let left = if class == Class::Transient { Left::Unknown } else { Left::Nothing };
            let message = e.err().message().unwrap_or("no message");
            Fault::new(class, format!("{service}:{action}: {code} (HTTP {status}): {message}")).leaving(left)
        }
        SdkError::ConstructionFailure(_) => Fault::internal(format!("{service}:{action}: the request could not be built: {error:?}")),
        _ => Fault::new(Class::Transient, format!("{service}:{action}: no answer ({error})")).leaving(Left::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_classified_by_service() {
        for (service, code, status, want) in [
            ("ec2", "RequestLimitExceeded", 503, Class::Throttled),
            ("ec2", "InsufficientInstanceCapacity", 500, Class::Capacity),
            ("ec2", "VcpuLimitExceeded", 400, Class::Quota),
            ("ec2", "InvalidInstanceID.NotFound", 400, Class::NotFound),
            ("ec2", "InvalidParameterValue", 400, Class::InvalidInput),
            ("ec2", "UnauthorizedOperation", 403, Class::Denied),
            ("ec2", "InternalError", 500, Class::Transient),
            ("ssm", "InvalidInstanceId", 400, Class::Busy),
            ("s3", "PreconditionFailed", 412, Class::Conflict),
            ("s3", "NoSuchKey", 404, Class::NotFound),
            ("dlm", "LimitExceededException", 429, Class::Internal),
            ("ec2", "NobodyKnowsThis", 400, Class::Internal),
        ] {
            assert_eq!(class_of(service, code, status), want, "{service} {code}");
        }
    }
}
