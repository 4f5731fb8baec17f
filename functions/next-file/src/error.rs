//! Errors, with the names that the state machine matches.

use aws_client::AwsError;
use function_runtime::{ErrorName, InvalidInput};
use pipeline::ArchiveHour;

use crate::archive::SourceError;

#[derive(Debug, thiserror::Error)]
pub enum NextFileError {
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// The clock shows a time before the end of the archive's first hour.
    #[error("no hour of the archive is over, the first one is {}", ArchiveHour::FIRST)]
    Clock,
    /// The source failed, and no due hour is known without it.
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ErrorName for NextFileError {
    fn name(&self) -> &str {
        match self {
            Self::Input(error) => error.name(),
            Self::Clock => "InvalidConfiguration",
            Self::Source(SourceError::Status { refused: true, .. }) => "SourceRefused",
            Self::Source(SourceError::Status { .. } | SourceError::NoResponse { .. }) => "SourceUnavailable",
            Self::Aws(error) => error.name(),
        }
    }
}
