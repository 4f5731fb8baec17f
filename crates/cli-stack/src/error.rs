//! Errors of AWS as errors of the command, each with a next step.

use std::error::Error;
use std::time::SystemTime;

use aws_client::AwsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sfn::config::http::HttpResponse;
use aws_sdk_sfn::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};
use cli_core::CliError;
use cli_core::format::{error_chain, one_line};

/// The codes with which AWS refuses a call that the caller lacks permission for.
const NO_PERMISSION: [&str; 6] = [
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "UnauthorizedException",
    "AuthorizationError",
    "Forbidden",
];

/// The codes of credentials that were valid once.
const EXPIRED: [&str; 5] =
    ["ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired", "ExpiredTokenError"];

/// The codes of credentials that AWS does not know.
const UNKNOWN: [&str; 6] = [
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "AuthFailure",
];

/// Where calls go: a region of AWS, or an endpoint that replaces it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallTarget<'a> {
    pub(crate) region: &'a str,
    pub(crate) endpoint: Option<&'a str>,
}

/// The error code and the message in the response of a service that refused a call.
struct ServiceAnswer {
    code: Option<String>,
    message: Option<String>,
}

/// Whether CloudFormation reports that the stack does not exist.
pub fn is_stack_absent<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code) == Some("ValidationError")
}

impl CallTarget<'_> {
    pub(crate) fn no_stack(self, stack: &str) -> CliError {
        let (place, how) = match self.endpoint {
            Some(endpoint) => (format!("{} at {endpoint}", self.region), "ghactivity local up"),
            None => (self.region.to_owned(), "sam build && sam deploy"),
        };
        CliError::NoStack { stack: stack.to_owned(), place, how }
    }

    /// The error of a call that this command made itself.
    pub(crate) fn call_error<E>(
        self,
        call: &'static str,
        resource: String,
        error: SdkError<E, HttpResponse>,
    ) -> CliError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let service = error.as_service_error();
        let code = service.and_then(ProvideErrorMetadata::code).map(str::to_owned);
        let message = service.and_then(ProvideErrorMetadata::message).map(one_line);
        self.classified(AwsError::classify(call, resource, error), &ServiceAnswer { code, message })
    }

    /// The error of a call that an adapter made.
    pub(crate) fn adapter_error(self, error: AwsError) -> CliError {
        let (AwsError::Throttled { source, .. }
        | AwsError::Timeout { source, .. }
        | AwsError::Unavailable { source, .. }
        | AwsError::Refused { source, .. }) = &error;
        let metadata = metadata(source.as_ref());
        let code = metadata.and_then(ErrorMetadata::code).map(str::to_owned);
        let message = metadata.and_then(ErrorMetadata::message).map(one_line);
        self.classified(error, &ServiceAnswer { code, message })
    }

    fn classified(self, error: AwsError, answer: &ServiceAnswer) -> CliError {
        match error {
            AwsError::Throttled { call, resource, source } => {
                CliError::Transient { call, resource, reason: answer.reason(source.as_ref()) }
            }
            AwsError::Timeout { call, resource, source } | AwsError::Unavailable { call, resource, source } => {
                match answer.code {
                    Some(_) => CliError::Transient { call, resource, reason: answer.reason(source.as_ref()) },
                    None => self.unreachable(source.as_ref()),
                }
            }
            AwsError::Refused { call, resource, source } => answer.refused(call, resource, source.as_ref()),
        }
    }

    fn unreachable(self, error: &(dyn Error + 'static)) -> CliError {
        let (endpoint, next) = match self.endpoint {
            Some(endpoint) => (
                endpoint.to_owned(),
                "is it running? Start the local AWS with 'ghactivity local up', or unset AWS_ENDPOINT_URL",
            ),
            None => (format!("AWS in {}", self.region), "check the network and the region's name"),
        };
        CliError::Unreachable { endpoint, reason: root_cause(error), next }
    }
}

impl ServiceAnswer {
    fn refused(&self, call: &'static str, resource: String, source: &(dyn Error + 'static)) -> CliError {
        let code = self.code.as_deref().unwrap_or_default();
        let reason = self.reason(source);
        if NO_PERMISSION.contains(&code) {
            let message = self.message.clone().unwrap_or_else(|| code.to_owned());
            CliError::NoPermission { call, resource, message }
        } else if EXPIRED.contains(&code) {
            CliError::Expired { reason }
        } else if UNKNOWN.contains(&code) {
            CliError::UnknownCredentials { call, code: code.to_owned() }
        } else {
            let next = "see what the message names, and whether the stack is the one that was meant".to_owned();
            CliError::Refused { call, resource, reason, next }
        }
    }

    fn reason(&self, source: &(dyn Error + 'static)) -> String {
        match (&self.code, &self.message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.clone(),
            _ => one_line(&error_chain(source)),
        }
    }
}

pub(crate) fn credentials_error(error: &CredentialsError) -> CliError {
    let reason = one_line(&error_chain(error));
    if reason.to_lowercase().contains("expired") {
        CliError::Expired { reason }
    } else {
        CliError::NoCredentials { reason }
    }
}

pub(crate) fn expired_at(expiry: SystemTime) -> CliError {
    let moment = jiff::Timestamp::try_from(expiry).map_or_else(|_| "long ago".to_owned(), |moment| moment.to_string());
    CliError::Expired { reason: format!("they were good until {moment}") }
}

/// The service's response in an error whose type an adapter erased.
fn metadata<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a ErrorMetadata> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<ErrorMetadata>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(inner) = last.source() {
        last = inner;
    }
    one_line(&last.to_string())
}
