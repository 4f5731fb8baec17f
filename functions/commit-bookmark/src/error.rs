//! Errors, with the names that the state machine matches.

use aws_client::AwsError;
use aws_lake::{LeaseError, PartitionError};
use function_runtime::{ErrorName, InvalidInput};
use pipeline::ledger::HourFailure;
use pipeline::publish::OvertakenError;
use pipeline::{ArchiveHour, Version};

#[derive(Debug, thiserror::Error)]
pub enum CommitBookmarkError {
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// The run failed and the failure is recorded. The error has the name of the failure.
    #[error("hour {hour}: {}", .failure.message)]
    Recorded { hour: ArchiveHour, failure: HourFailure },
    /// Other runs changed the same items before every attempt.
    #[error("hour {hour}: conflict with other runs in {decisions} attempts, the last one: {reasons}")]
    Conflict {
        hour: ArchiveHour,
        decisions: u32,
        /// DynamoDB's cancellation reasons.
        reasons: String,
    },
    /// The run made its version visible but no longer holds the lease, so readers may see the version of another run. The
    /// state machine runs the hour again.
    #[error("hour {hour}: the lease ended before version {version} was committed")]
    LeaseLost { hour: ArchiveHour, version: Version },
    #[error(transparent)]
    Overtaken(#[from] OvertakenError),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error(transparent)]
    Partition(#[from] PartitionError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ErrorName for CommitBookmarkError {
    fn name(&self) -> &str {
        match self {
            Self::Input(error) => error.name(),
            Self::Recorded { failure, .. } => &failure.name,
            Self::Conflict { .. } => "BookmarkConflict",
            Self::LeaseLost { .. } => "LeaseLost",
            Self::Overtaken(_) => "VersionOvertaken",
            Self::Lease(LeaseError::Held(_) | LeaseError::Busy { .. }) => "BookmarkConflict",
            Self::Partition(PartitionError::Conflict { .. }) => "BookmarkConflict",
            Self::Partition(PartitionError::NoStorage { .. }) => "AwsRefused",
            Self::Lease(LeaseError::Aws(error)) | Self::Partition(PartitionError::Aws(error)) | Self::Aws(error) => {
                error.name()
            }
        }
    }
}
