//! Why a run is not recorded, and how the failure of a recorded one is passed on.

use aws_client::AwsError;
use aws_lake::LeaseError;
use aws_lake::PartitionError;
use function_runtime::{ErrorName, InvalidInput};
use pipeline::ledger::HourFailure;
use pipeline::publish::OvertakenError;
use pipeline::{ArchiveHour, Version};

/// The error of this function.
#[derive(Debug, thiserror::Error)]
pub enum CommitBookmarkError {
    /// The input cannot be worked with.
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// The run failed, and that is recorded: this error has the failure's own name.
    #[error("hour {hour}: {}", .failure.message)]
    Recorded {
        /// The hour.
        hour: ArchiveHour,
        /// The failure.
        failure: HourFailure,
    },
    /// Other runs changed the same items each time that this one was about to.
    #[error("hour {hour}: {decisions} decisions in a row met a conflict, the last one: {reasons}")]
    Conflict {
        /// The hour.
        hour: ArchiveHour,
        /// How often it was tried.
        decisions: u32,
        /// DynamoDB's reasons.
        reasons: String,
    },
    /// The run made its version visible, but does not hold the hour's lease any more: what readers see may be another
    /// run's version by now. Running the hour again settles it.
    #[error("hour {hour}: the lease for version {version} ended before it was committed")]
    LeaseLost {
        /// The hour.
        hour: ArchiveHour,
        /// This run's version.
        version: Version,
    },
    /// Another version was published meanwhile.
    #[error(transparent)]
    Overtaken(#[from] OvertakenError),
    /// The lease could not be renewed or given back.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The partition could not be looked at.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// A call failed.
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
