//! Why no hour can be named.

use aws_client::AwsError;
use function_runtime::{ErrorName, InvalidInput};
use pipeline::ArchiveHour;

use crate::source::SourceError;

/// The error of this function.
#[derive(Debug, thiserror::Error)]
pub enum NextFileError {
    /// The input cannot be worked with.
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// The clock stands before the end of the archive's first hour.
    #[error("no hour of the archive is over: its first one is {}", ArchiveHour::FIRST)]
    Clock,
    /// The source did not say whether it has an hour, and nothing can be named without its answer.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A call failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ErrorName for NextFileError {
    fn name(&self) -> &str {
        match self {
            Self::Input(error) => error.name(),
            Self::Clock => "InvalidConfiguration",
            Self::Source(SourceError::Status { refused: true, .. }) => "SourceRefused",
            Self::Source(SourceError::Status { .. } | SourceError::NoAnswer { .. }) => "SourceUnavailable",
            Self::Aws(error) => error.name(),
        }
    }
}
