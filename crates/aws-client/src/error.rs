//! Errors of AWS calls, classified by what the caller can do about them.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// The SDK's error, with its chain of causes.
pub type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why an AWS call failed after the SDK's retries.
///
/// Every kind except [`AwsError::Refused`] may succeed when the task runs again. `call` is the operation, for example
/// `PutObject`, and `resource` what it was called on, for example `s3://bucket/key`.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The service limits the rate of calls.
    #[error("{call} on {resource} was throttled")]
    Throttled { call: &'static str, resource: String, source: Source },
    /// No response arrived in time.
    #[error("{call} on {resource} timed out")]
    Timeout { call: &'static str, resource: String, source: Source },
    /// The service could not be reached, failed, or ended its response early.
    #[error("{call} on {resource} failed")]
    Unavailable { call: &'static str, resource: String, source: Source },
    /// The service rejected the call, or the call could not be built. A retry gets the same result.
    #[error("{call} on {resource} was refused")]
    Refused { call: &'static str, resource: String, source: Source },
}

/// Error codes of throttling, as in the SDK's retry classifier.
const THROTTLING_CODES: [&str; 15] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottledException",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "TransactionInProgressException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "RequestThrottled",
    "SlowDown",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
    "ConcurrentRunsExceededException",
];

/// Error codes of a request or a service that took too long.
const TIMEOUT_CODES: [&str; 3] = ["RequestTimeout", "RequestTimeoutException", "OperationTimeoutException"];

/// Error codes that are transient although their HTTP status is that of a bad request.
const UNAVAILABLE_CODES: [&str; 6] = [
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InternalServiceException",
    "OperationAborted",
    "ConditionalRequestConflict",
];

impl AwsError {
    /// Classifies the SDK's error of `call` on `resource`.
    pub fn classify<E>(call: &'static str, resource: impl Into<String>, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        Self::of_kind(kind_of(&error), call, resource.into(), Box::new(error))
    }

    /// Classifies an error code that a successful response has for one of its items.
    pub fn of_code(call: &'static str, resource: impl Into<String>, code: &str, source: Source) -> Self {
        Self::of_kind(kind_of_code(code).unwrap_or(AwsErrorKind::Refused), call, resource.into(), source)
    }

    /// The stable name that the state machines match: `AwsThrottled`, `AwsTimeout`, `AwsUnavailable`, `AwsRefused`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Throttled { .. } => "AwsThrottled",
            Self::Timeout { .. } => "AwsTimeout",
            Self::Unavailable { .. } => "AwsUnavailable",
            Self::Refused { .. } => "AwsRefused",
        }
    }

    fn of_kind(kind: AwsErrorKind, call: &'static str, resource: String, source: Source) -> Self {
        match kind {
            AwsErrorKind::Throttled => Self::Throttled { call, resource, source },
            AwsErrorKind::Timeout => Self::Timeout { call, resource, source },
            AwsErrorKind::Unavailable => Self::Unavailable { call, resource, source },
            AwsErrorKind::Refused => Self::Refused { call, resource, source },
        }
    }
}

#[derive(Clone, Copy)]
enum AwsErrorKind {
    Throttled,
    Timeout,
    Unavailable,
    Refused,
}

fn kind_of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> AwsErrorKind {
    match error {
        SdkError::TimeoutError(_) => AwsErrorKind::Timeout,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => AwsErrorKind::Timeout,
        SdkError::DispatchFailure(failure) if failure.is_user() => AwsErrorKind::Refused,
        SdkError::DispatchFailure(_) => AwsErrorKind::Unavailable,
        // The response ended early, so its status alone does not say whether the call was rejected.
        SdkError::ResponseError(response) => {
            match kind_of_status(response.raw().status().as_u16(), AwsErrorKind::Unavailable) {
                AwsErrorKind::Refused => AwsErrorKind::Unavailable,
                kind => kind,
            }
        }
        SdkError::ServiceError(service) => {
            let by_code = service.err().code().and_then(kind_of_code);
            by_code.unwrap_or_else(|| kind_of_status(service.raw().status().as_u16(), AwsErrorKind::Refused))
        }
        // The request could not be built, or the SDK has a new kind of error.
        _ => AwsErrorKind::Refused,
    }
}

fn kind_of_code(code: &str) -> Option<AwsErrorKind> {
    if THROTTLING_CODES.contains(&code) {
        Some(AwsErrorKind::Throttled)
    } else if TIMEOUT_CODES.contains(&code) {
        Some(AwsErrorKind::Timeout)
    } else if UNAVAILABLE_CODES.contains(&code) {
        Some(AwsErrorKind::Unavailable)
    } else {
        None
    }
}

fn kind_of_status(status: u16, otherwise: AwsErrorKind) -> AwsErrorKind {
    match status {
        408 => AwsErrorKind::Timeout,
        429 => AwsErrorKind::Throttled,
        400..=499 => AwsErrorKind::Refused,
        500..=599 => AwsErrorKind::Unavailable,
        _ => otherwise,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::error::ErrorMetadata;
    use aws_sdk_s3::primitives::SdkBody;

    use super::*;

    #[test]
    fn classify_truncated_response_is_transient() {
        for (status, name) in [
            (200, "AwsUnavailable"),
            (400, "AwsUnavailable"),
            (403, "AwsUnavailable"),
            (429, "AwsThrottled"),
            (503, "AwsUnavailable"),
        ] {
            let response = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
            let error: SdkError<ErrorMetadata, _> =
                SdkError::response_error("end of file before message length reached", response);
            assert_eq!(AwsError::classify("GetTable", "db.events", error).name(), name, "HTTP {status}");
        }
    }
}
