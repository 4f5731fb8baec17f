//! Errors of the command. Each is one line that includes the next step.

/// Why a command failed. The message is one line: what failed, on which object, and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    #[error("{path}: {reason}; correct it, or name the stack with --stack and the region with --region")]
    BadSamconfig { path: String, reason: String },
    #[error("no AWS region; set AWS_REGION or add --region, for example --region us-east-1")]
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
        "stack {stack} has no output {output}: it is not a complete ghactivity stack; deploy it again, or name another one with --stack"
    )]
    NoOutput { stack: String, output: &'static str },
    #[error(
        "stack {stack} has no event stream; deploy it with EventStreamEnabled=ENABLED, or name the stack of sam/event-stream.yaml with --stack"
    )]
    NoEventStream { stack: String },
    #[error("cannot reach {endpoint} ({reason}); {next}")]
    Unreachable { endpoint: String, reason: String, next: &'static str },
    #[error("{what} not found; {next}")]
    Absent { what: String, next: String },
    #[error("{call} on {resource} failed ({reason}); try again")]
    Transient { call: &'static str, resource: String, reason: String },
    #[error("{call} on {resource} was refused ({reason}); {next}")]
    Refused { call: &'static str, resource: String, reason: String, next: String },
    #[error("cannot follow the execution: {cause}; it continues, to attach again: ghactivity watch {execution}")]
    Unwatched { cause: Box<CliError>, execution: String },
    #[error("{what} {how}: {error}: {message}; {next}", next = error_catalog::advice(.error))]
    Failed { what: String, how: &'static str, error: String, message: String },
    #[error("the query failed ({reason}); {next}")]
    Query { reason: String, next: &'static str },
    #[error("{0}")]
    NotBalanced(String),
    #[error(
        "{lines} of {path} are not events and were not sent (listed above); correct them, or send them unchanged with --as-is"
    )]
    BadLines { path: String, lines: String },
    #[error("{what} failed ({reason}); see 'ghactivity local logs'")]
    Local { what: String, reason: String },
    /// An input file of the command line cannot be read. Nothing was done yet.
    #[error("{path}: {reason}; correct it, or name another file")]
    Unreadable { path: String, reason: String },
    #[error("{path}: {reason}; choose another place")]
    File { path: String, reason: String },
    #[error(
        "cannot make a picture ({reason}); the page is complete: open it, or name a browser: CHROME=/path/to/chromium"
    )]
    NoPicture { reason: String },
    /// A usage error that depends on the stack or on the reply to a question, so the parser cannot find it.
    #[error("{0}")]
    Usage(String),
}

impl CliError {
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
