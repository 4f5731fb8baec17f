//! Errors, with the names that the state machine matches. A wrong hour is not an error: the report has its findings.

use aws_client::AwsError;
use aws_client::s3::ReadError;
use aws_lake::PartitionError;
use function_runtime::{ErrorName, InvalidInput};

#[derive(Debug, thiserror::Error)]
pub enum ProveHourError {
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// A report is missing or cannot be read.
    #[error("{address} is not a report of this proof: {reason}")]
    NoReport { address: String, reason: String },
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Partition(#[from] PartitionError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ErrorName for ProveHourError {
    fn name(&self) -> &str {
        match self {
            Self::Input(error) => error.name(),
            Self::NoReport { .. } | Self::Read(ReadError::NotFound { .. } | ReadError::Changed { .. }) => {
                "ObjectMissing"
            }
            Self::Read(ReadError::TooLarge { .. }) => "ArchiveTooLarge",
            Self::Partition(PartitionError::Conflict { .. }) => "PartitionConflict",
            Self::Partition(PartitionError::NoStorage { .. }) => "AwsRefused",
            Self::Read(ReadError::Aws(error)) | Self::Partition(PartitionError::Aws(error)) | Self::Aws(error) => {
                error.name()
            }
        }
    }
}
