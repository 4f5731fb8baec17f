//! What can be wrong between this command and a stack: each one line, with what to do next.

use std::error::Error;
use std::time::SystemTime;

use aws_client::AwsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sfn::config::http::HttpResponse;
use aws_sdk_sfn::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};

use super::Aws;
use crate::advice;

/// The codes with which the services of AWS refuse a call that the caller may not make.
const NO_PERMISSION: [&str; 6] = [
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "UnauthorizedException",
    "AuthorizationError",
    "Forbidden",
];

/// The codes that say: these credentials were good once.
const EXPIRED: [&str; 5] =
    ["ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired", "ExpiredTokenError"];

/// The codes that say: nobody has such credentials.
const UNKNOWN: [&str; 6] = [
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "AuthFailure",
];

/// Why a command could not do what it was asked for. The message has no line feed, and says what to do next.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("{path}: {reason}; correct it, or name the stack with --stack and the region with --region")]
    BadSamconfig { path: String, reason: String },
    #[error("no AWS region is given; set AWS_REGION or add --region, for example --region us-east-1")]
    NoRegion,
    #[error(
        "no AWS credentials: {reason}; run 'aws configure' or 'aws login', or for the local AWS: eval \"$(ghactivity local env)\""
    )]
    NoCredentials { reason: String },
    #[error("the AWS credentials have expired ({reason}); renew them, for example with 'aws login' or 'aws sso login'")]
    Expired { reason: String },
    #[error(
        "AWS does not know these credentials ({code} for {call}); check AWS_PROFILE, AWS_ACCESS_KEY_ID and --profile"
    )]
    UnknownCredentials { call: &'static str, code: String },
    #[error("no permission for {call} on {resource} ({message}); ask for this action, or choose another --profile")]
    NoPermission { call: &'static str, resource: String, message: String },
    #[error("no stack {stack} in {place}; name it with --stack and --region, or deploy it: {how}")]
    NoStack { stack: String, place: String, how: &'static str },
    #[error(
        "stack {stack} has no output {output}: it is no ghactivity, or not deployed to its end; deploy again, or name another with --stack"
    )]
    NoOutput { stack: String, output: &'static str },
    #[error(
        "stack {stack} has no event stream; deploy it with EventStreamEnabled=ENABLED, or name the stack of sam/event-stream.yaml with --stack"
    )]
    NoEventStream { stack: String },
    #[error("no answer from {endpoint} ({reason}); {next}")]
    Unreachable { endpoint: String, reason: String, next: &'static str },
    #[error("{what} is not there; {next}")]
    Absent { what: String, next: String },
    #[error("{call} on {resource} failed ({reason}); try again")]
    Passing { call: &'static str, resource: String, reason: String },
    #[error("{call} on {resource} was refused ({reason}); {next}")]
    Refused { call: &'static str, resource: String, reason: String, next: String },
    #[error("following it ended: {cause}; the execution goes on, to attach again: ghactivity watch {execution}")]
    Unwatched { cause: Box<Problem>, execution: String },
    #[error("{what} {how}: {error}: {message}; {next}", next = advice::for_failure(.error))]
    Failed { what: String, how: &'static str, error: String, message: String },
    #[error("the query failed ({reason}); {next}")]
    Query { reason: String, next: &'static str },
    #[error("{0}")]
    NotBalanced(String),
    #[error(
        "{lines} of {path} are no events and were not sent, as named above; mend them, or send them as they are with --as-is"
    )]
    BadLines { path: String, lines: String },
    #[error("{what} did not succeed ({reason}); 'ghactivity local logs' has what the local AWS wrote")]
    Local { what: String, reason: String },
    /// A file of the command line; nothing was done.
    #[error("{path}: {reason}; correct it, or name another file")]
    Unreadable { path: String, reason: String },
    #[error("{path}: {reason}; choose another place")]
    File { path: String, reason: String },
    #[error(
        "no picture was made ({reason}); the page itself is whole: open it, or name a browser: CHROME=/path/to/chromium"
    )]
    NoPicture { reason: String },
    /// The command line asks for something that makes no sense against this stack.
    #[error("{0}")]
    Usage(String),
}

impl Problem {
    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::BadSamconfig { .. } | Self::Unreadable { .. } | Self::Usage(_) => crate::USAGE,
            _ => crate::FAILED,
        }
    }

    /// Whether the same call may succeed a little later, with nothing done about it.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Passing { .. } | Self::Unreachable { .. })
    }

    /// Whether CloudFormation says that there is no such stack.
    pub(crate) fn says_absent<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
        Self::code_of(error) == Some("ValidationError")
    }

    /// The code with which a service refused a call.
    fn code_of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
        error.as_service_error().and_then(ProvideErrorMetadata::code)
    }

    pub(super) fn absent(aws: &Aws, stack: &str) -> Self {
        let (place, how) = match aws.endpoint() {
            Some(endpoint) => (format!("{} at {endpoint}", aws.region), "ghactivity local up"),
            None => (aws.region.clone(), "sam build && sam deploy"),
        };
        Self::NoStack { stack: stack.to_owned(), place, how }
    }

    pub(super) fn of_credentials(error: &CredentialsError) -> Self {
        let reason = in_one_line(error);
        if reason.to_lowercase().contains("expired") {
            Self::Expired { reason }
        } else {
            Self::NoCredentials { reason }
        }
    }

    pub(super) fn expired_at(expiry: SystemTime) -> Self {
        let moment =
            jiff::Timestamp::try_from(expiry).map_or_else(|_| "long ago".to_owned(), |moment| moment.to_string());
        Self::Expired { reason: format!("they were good until {moment}") }
    }

    /// What to say of a call of ours that failed.
    pub(super) fn of_call<E>(aws: &Aws, call: &'static str, resource: String, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let code = Self::code_of(&error).map(str::to_owned);
        let message = error.as_service_error().and_then(ProvideErrorMetadata::message).map(one_line);
        Self::of_adapter(aws, AwsError::classify(call, resource, error), code, message)
    }

    /// What to say of a call of the adapters that failed.
    pub(crate) fn of(aws: &Aws, error: AwsError) -> Self {
        let (AwsError::Throttled { source, .. }
        | AwsError::Timeout { source, .. }
        | AwsError::Unavailable { source, .. }
        | AwsError::Refused { source, .. }) = &error;
        let facts = metadata(source.as_ref());
        let code = facts.and_then(ErrorMetadata::code).map(str::to_owned);
        let message = facts.and_then(ErrorMetadata::message).map(one_line);
        Self::of_adapter(aws, error, code, message)
    }

    fn of_adapter(aws: &Aws, error: AwsError, code: Option<String>, message: Option<String>) -> Self {
        let said = |source: &(dyn Error + 'static)| match (&code, &message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.clone(),
            _ => in_one_line(source),
        };
        match error {
            AwsError::Throttled { call, resource, source } => {
                Self::Passing { call, resource, reason: said(source.as_ref()) }
            }
            AwsError::Timeout { call, resource, source } | AwsError::Unavailable { call, resource, source } => {
                match code {
                    Some(_) => Self::Passing { call, resource, reason: said(source.as_ref()) },
                    None => Self::unreachable(aws, source.as_ref()),
                }
            }
            AwsError::Refused { call, resource, source } => {
                let known = code.as_deref().unwrap_or_default();
                let reason = said(source.as_ref());
                if NO_PERMISSION.contains(&known) {
                    let message = message.unwrap_or_else(|| known.to_owned());
                    Self::NoPermission { call, resource, message }
                } else if EXPIRED.contains(&known) {
                    Self::Expired { reason }
                } else if UNKNOWN.contains(&known) {
                    Self::UnknownCredentials { call, code: known.to_owned() }
                } else {
                    let next = "see what the message names, and whether the stack is the one that was meant".to_owned();
                    Self::Refused { call, resource, reason, next }
                }
            }
        }
    }

    fn unreachable(aws: &Aws, error: &(dyn Error + 'static)) -> Self {
        let (endpoint, next) = match aws.endpoint() {
            Some(endpoint) => (
                endpoint.to_owned(),
                "is it running? Start the local AWS with 'ghactivity local up', or unset AWS_ENDPOINT_URL",
            ),
            None => (format!("AWS in {}", aws.region), "check the network and the region's name"),
        };
        Self::Unreachable { endpoint, reason: root_cause(error), next }
    }
}

/// What a service said, where the type of its error is gone.
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

fn in_one_line(error: &(dyn Error + 'static)) -> String {
    one_line(&crate::describe(error))
}

/// The text without line feeds, and no longer than a few lines of a terminal.
pub(crate) fn one_line(text: &str) -> String {
    const MOST: usize = 600;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}
