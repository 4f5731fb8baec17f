//! Why an hour is not made visible.

use aws_client::AwsError;
use aws_client::s3::ReadError;
use aws_lake::LeaseError;
use aws_lake::PartitionError;
use function_runtime::{ErrorName, InvalidInput};
use pipeline::publish::{NotKeptError, ObjectError, OvertakenError, ShrinkError};
use pipeline::receipt::BalanceError;
use pipeline::{ArchiveHour, Version};

/// The error of this function.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The input cannot be worked with.
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// Another version's run is at it: its turn comes first.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The lease went to another version's run before the partition was touched.
    #[error("hour {hour}: the lease went to another run")]
    LeaseLost {
        /// The hour.
        hour: ArchiveHour,
    },
    /// There is no plan of this version.
    #[error("plan {address} does not exist")]
    PlanNotFound {
        /// Its address.
        address: String,
    },
    /// What lies under the plan's key is not the plan of this hour and version.
    #[error("{address} is not the plan of this hour and version: {reason}")]
    NotThePlan {
        /// Its address.
        address: String,
        /// Why not.
        reason: String,
    },
    /// A chunk has no receipt.
    #[error("chunk {chunk} has no receipt: {address} does not exist")]
    ReceiptNotFound {
        /// The chunk.
        chunk: u32,
        /// The receipt's address.
        address: String,
    },
    /// What lies under a receipt's key is none.
    #[error("{address} is not the receipt of chunk {chunk}")]
    NotAReceipt {
        /// The chunk.
        chunk: u32,
        /// The receipt's address.
        address: String,
        /// Why not.
        source: serde_json::Error,
    },
    /// The receipts do not add up to the plan.
    #[error(transparent)]
    Balance(#[from] BalanceError),
    /// The folder does not hold what the receipts say.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// Another version was published meanwhile.
    #[error(transparent)]
    Overtaken(#[from] OvertakenError),
    /// The hour would have fewer rows than before.
    #[error(transparent)]
    Shrink(#[from] ShrinkError),
    /// The hour cannot be rolled back: readers never saw such a version, or something of it is gone.
    #[error(transparent)]
    NotKept(#[from] NotKeptError),
    /// An object could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The partition could not be read or written.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// Another call failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl RegisterError {
    /// This error, met while looking at a `version` that was published before: what is not there any more was not kept.
    pub(crate) fn of_a_rollback(self, hour: ArchiveHour, version: Version) -> Self {
        match self.name() {
            "PlanNotFound" | "ObjectMissing" | "HourDoesNotBalance" => {
                Self::NotKept(NotKeptError { hour, reason: format!("version {version} is not whole any more: {self}") })
            }
            _ => self,
        }
    }
}

impl ErrorName for RegisterError {
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
