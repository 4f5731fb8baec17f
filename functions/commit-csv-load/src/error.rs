//! Why a load cannot be committed.

use aws_client::AwsError;
use aws_client::s3::DocumentError;
use csv_load::LoadId;
use csv_load::receipt::{LoadBalanceError, LoadFailure};
use function_runtime::{ErrorName, InvalidInput};

/// The error of this function.
#[derive(Debug, thiserror::Error)]
pub enum CommitCsvLoadError {
    /// The input cannot be worked with.
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// The plan or a receipt cannot be read.
    #[error("load {load_id} cannot be added up")]
    Read {
        /// The load.
        load_id: LoadId,
        /// What cannot be read.
        source: DocumentError,
    },
    /// It was undone while it ran.
    #[error("load {load_id} was undone while it ran")]
    Undone {
        /// The load.
        load_id: LoadId,
    },
    /// It does not add up.
    #[error(transparent)]
    Balance(#[from] LoadBalanceError),
    /// A chunk failed.
    #[error("chunk {chunk} of load {load_id}: {}", .failure.message)]
    Chunk {
        /// The load.
        load_id: LoadId,
        /// The chunk.
        chunk: u32,
        /// Why.
        failure: LoadFailure,
    },
    /// The load failed, which is recorded now.
    #[error("{}", .0.message)]
    Failed(LoadFailure),
    /// A call failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ErrorName for CommitCsvLoadError {
    fn name(&self) -> &str {
        match self {
            Self::Input(error) => error.name(),
            Self::Read { source, .. } => source.aws().map_or("PlanNotFound", AwsError::name),
            // The load fails under its chunk's name, and stays failed under its own.
            Self::Chunk { failure, .. } | Self::Failed(failure) => &failure.name,
            Self::Undone { .. } => "LoadIsBeingUndone",
            Self::Balance(_) => "LoadDoesNotBalance",
            Self::Aws(error) => error.name(),
        }
    }
}
