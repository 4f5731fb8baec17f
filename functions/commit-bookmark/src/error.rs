//! Why a run is not recorded, and how the failure of a recorded one is passed on.

use aws_adapters::AwsError;
use function_runtime::{ErrorName, InvalidInput};
use pipeline::ledger::Failure;
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
        failure: Failure,
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
    /// While this run was at work, another one published another version. Which of the two readers see is not known here,
    /// so neither may be deleted; running the hour again settles it.
    #[error(
        "hour {hour}: version {published} was published by another run since this one began with version {version}"
    )]
    Overtaken {
        /// The hour.
        hour: ArchiveHour,
        /// This run's version.
        version: Version,
        /// The other's.
        published: Version,
    },
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
            Self::Overtaken { .. } => "VersionOvertaken",
            Self::Aws(error) => error.name(),
        }
    }
}
