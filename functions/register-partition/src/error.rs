//! Errors, with the names that the state machine matches.

use aws_client::AwsError;
use aws_client::s3::ReadError;
use aws_lake::{LeaseError, PartitionError};
use function_runtime::{ErrorName, InvalidInput};
use pipeline::publish::{NotKeptError, ObjectError, OvertakenError, ShrinkError};
use pipeline::receipt::BalanceError;
use pipeline::{ArchiveHour, Version};

#[derive(Debug, thiserror::Error)]
pub enum RegisterPartitionError {
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// A run of another version has the lease.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// A run of another version took the lease before the partition was changed.
    #[error("hour {hour}: another run took the lease")]
    LeaseLost { hour: ArchiveHour },
    #[error("plan {address} does not exist")]
    PlanNotFound { address: String },
    #[error("{address} is not the plan of this hour and version: {reason}")]
    NotThePlan { address: String, reason: String },
    #[error("chunk {chunk} has no receipt: {address} does not exist")]
    ReceiptNotFound { chunk: u32, address: String },
    #[error("{address} is not the receipt of chunk {chunk}")]
    NotAReceipt { chunk: u32, address: String, source: serde_json::Error },
    #[error(transparent)]
    Balance(#[from] BalanceError),
    #[error(transparent)]
    Objects(#[from] ObjectError),
    #[error(transparent)]
    Overtaken(#[from] OvertakenError),
    #[error(transparent)]
    Shrink(#[from] ShrinkError),
    /// The hour cannot be rolled back: the version was never visible, or its objects are incomplete.
    #[error(transparent)]
    NotKept(#[from] NotKeptError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Partition(#[from] PartitionError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl RegisterPartitionError {
    /// Converts an error of a rollback to `version`: missing documents or objects mean that the version was not kept.
    pub(crate) fn into_rollback_error(self, hour: ArchiveHour, version: Version) -> Self {
        match self.name() {
            "PlanNotFound" | "ObjectMissing" | "HourDoesNotBalance" => {
                Self::NotKept(NotKeptError { hour, reason: format!("version {version} is incomplete: {self}") })
            }
            _ => self,
        }
    }
}

impl ErrorName for RegisterPartitionError {
    fn name(&self) -> &str {
        match self {
            Self::Input(error) => error.name(),
            Self::PlanNotFound { .. } | Self::NotThePlan { .. } => "PlanNotFound",
            Self::NotAReceipt { .. } | Self::Balance(_) => "HourDoesNotBalance",
            Self::ReceiptNotFound { .. } | Self::Objects(_) => "ObjectMissing",
            Self::Overtaken(_) => "VersionOvertaken",
            Self::Shrink(_) => "HourWouldShrink",
            Self::NotKept(_) => "VersionNotKept",
            Self::Partition(PartitionError::Conflict { .. })
            | Self::Lease(LeaseError::Held(_) | LeaseError::Busy { .. })
            | Self::LeaseLost { .. } => "PartitionConflict",
            Self::Partition(PartitionError::NoStorage { .. }) => "AwsRefused",
            Self::Read(ReadError::NotFound { .. } | ReadError::Changed { .. } | ReadError::TooLarge { .. }) => {
                "ObjectMissing"
            }
            Self::Read(ReadError::Aws(error))
            | Self::Partition(PartitionError::Aws(error))
            | Self::Lease(LeaseError::Aws(error))
            | Self::Aws(error) => error.name(),
        }
    }
}
