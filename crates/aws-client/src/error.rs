//! The errors of calls to AWS, sorted by what to do about them.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// The error beneath one of ours: the SDK's own, with the whole chain of causes.
pub type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why a call to AWS failed, after the SDK's own retries.
///
/// All but [`AwsError::Refused`] may succeed when the task is run again.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The service asked for fewer calls.
    #[error("{call} on {resource} was throttled")]
    Throttled {
        /// The operation, for example `PutObject`.
        call: &'static str,
        /// What it was called on, for example `s3://bucket/key`.
        resource: String,
        /// The SDK's error.
        source: Source,
    },
    /// No answer came in time.
    #[error("{call} on {resource} timed out")]
    Timeout {
        /// The operation.
        call: &'static str,
        /// What it was called on.
        resource: String,
        /// The SDK's error.
        source: Source,
    },
    /// The service could not be reached, failed, or broke off in the middle of its answer.
    #[error("{call} on {resource} failed")]
    Unavailable {
        /// The operation.
        call: &'static str,
        /// What it was called on.
        resource: String,
        /// The SDK's error.
        source: Source,
    },
    /// The service said no, or the call could not be made at all; it would say no again.
    #[error("{call} on {resource} was refused")]
    Refused {
        /// The operation.
        call: &'static str,
        /// What it was called on.
        resource: String,
        /// The SDK's error.
        source: Source,
    },
}

/// The error codes that ask for fewer calls; those of the SDK's own retry classifier.
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

/// The error codes of a request or a service that took too long.
const TIMEOUT_CODES: [&str; 3] = ["RequestTimeout", "RequestTimeoutException", "OperationTimeoutException"];

/// The error codes that pass by themselves although their HTTP status says that the request was wrong.
const UNAVAILABLE_CODES: [&str; 6] = [
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InternalServiceException",
    "OperationAborted",
    "ConditionalRequestConflict",
];

impl AwsError {
    /// Sorts what the SDK says about `call` on `resource`.
    pub fn classify<E>(call: &'static str, resource: impl Into<String>, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        Self::of_kind(kind_of(&error), call, resource.into(), Box::new(error))
    }

    /// Sorts an error code that an answer names for one of its items.
    pub fn of_code(call: &'static str, resource: impl Into<String>, code: &str, source: Source) -> Self {
        Self::of_kind(kind_of_code(code).unwrap_or(Kind::Refused), call, resource.into(), source)
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

    fn of_kind(kind: Kind, call: &'static str, resource: String, source: Source) -> Self {
        match kind {
            Kind::Throttled => Self::Throttled { call, resource, source },
            Kind::Timeout => Self::Timeout { call, resource, source },
            Kind::Unavailable => Self::Unavailable { call, resource, source },
            Kind::Refused => Self::Refused { call, resource, source },
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Throttled,
    Timeout,
    Unavailable,
    Refused,
}

fn kind_of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Kind {
    match error {
        SdkError::TimeoutError(_) => Kind::Timeout,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Kind::Timeout,
        SdkError::DispatchFailure(failure) if failure.is_user() => Kind::Refused,
        SdkError::DispatchFailure(_) => Kind::Unavailable,
        // The answer broke off, so nobody knows what was refused, if anything.
        SdkError::ResponseError(response) => {
            match kind_of_status(response.raw().status().as_u16(), Kind::Unavailable) {
                Kind::Refused => Kind::Unavailable,
                kind => kind,
            }
        }
        SdkError::ServiceError(service) => {
            let by_code = service.err().code().and_then(kind_of_code);
            by_code.unwrap_or_else(|| kind_of_status(service.raw().status().as_u16(), Kind::Refused))
        }
        // The request could not be built, or a kind of error that this SDK did not have when this was written.
        _ => Kind::Refused,
    }
}

fn kind_of_code(code: &str) -> Option<Kind> {
    if THROTTLING_CODES.contains(&code) {
        Some(Kind::Throttled)
    } else if TIMEOUT_CODES.contains(&code) {
        Some(Kind::Timeout)
    } else if UNAVAILABLE_CODES.contains(&code) {
        Some(Kind::Unavailable)
    } else {
        None
    }
}

fn kind_of_status(status: u16, otherwise: Kind) -> Kind {
    match status {
        408 => Kind::Timeout,
        429 => Kind::Throttled,
        400..=499 => Kind::Refused,
        500..=599 => Kind::Unavailable,
        _ => otherwise,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::error::ErrorMetadata;
    use aws_sdk_s3::primitives::SdkBody;

    use super::*;

    #[test]
    fn an_answer_that_breaks_off_is_no_refusal() {
        for (status, name) in [
            (200, "AwsUnavailable"),
            (400, "AwsUnavailable"),
            (403, "AwsUnavailable"),
            (429, "AwsThrottled"),
            (503, "AwsUnavailable"),
        ] {
            let answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
            let error: SdkError<ErrorMetadata, _> =
                SdkError::response_error("end of file before message length reached", answer);
            assert_eq!(AwsError::classify("GetTable", "db.events", error).name(), name, "HTTP {status}");
        }
    }
}
