//! Why an hour cannot be looked at. What is wrong with it is no error: it is in the report.

use aws_client::AwsError;
use aws_client::s3::ReadError;
use aws_lake::PartitionError;
use function_runtime::{ErrorName, InvalidInput};

/// The error of this function.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The input cannot be worked with.
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// A report of another hour is missing or cannot be read.
    #[error("{address} is no report of this proof: {reason}")]
    NoReport {
        /// Its address.
        address: String,
        /// Why not.
        reason: String,
    },
    /// An object is longer than this function takes.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The partition could not be read.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// Another call failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ErrorName for ProveError {
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
