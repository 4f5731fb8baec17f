//! Errors of the command: each is one line and says what to do next.

use crate::advice;

/// Why a command could not do what it was asked for. The message has no line feed, and says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
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
    Transient { call: &'static str, resource: String, reason: String },
    #[error("{call} on {resource} was refused ({reason}); {next}")]
    Refused { call: &'static str, resource: String, reason: String, next: String },
    #[error("following it ended: {cause}; the execution goes on, to attach again: ghactivity watch {execution}")]
    Unwatched { cause: Box<CliError>, execution: String },
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

impl CliError {
    /// The exit status.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::BadSamconfig { .. } | Self::Unreadable { .. } | Self::Usage(_) => crate::USAGE,
            _ => crate::FAILED,
        }
    }

    /// Whether the same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient { .. } | Self::Unreachable { .. })
    }
}
