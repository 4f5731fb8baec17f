//! Why a load cannot be committed.

use aws_adapters::AwsError;
use aws_adapters::s3::ReadError;
use csv_load::receipt::{BalanceError, ChunkFailure};
use function_runtime::ErrorName;

/// The error of this function.
#[derive(Debug, thiserror::Error)]
pub enum CommitCsvLoadError {
    /// The plan or a receipt cannot be read.
    #[error("load {load_id} cannot be added up")]
    Read {
        /// The load.
        load_id: String,
        /// What cannot be read.
        source: ReadError,
    },
    /// An object is not what its name says.
    #[error("{address} is not what its name says")]
    NoDocument {
        /// Its `s3://` address.
        address: String,
        /// Where it stops being it.
        source: serde_json::Error,
    },
    /// It does not add up.
    #[error(transparent)]
    Balance(#[from] BalanceError),
    /// A chunk failed.
    #[error("chunk {chunk} of load {load_id}: {}", .failure.message)]
    Chunk {
        /// The load.
        load_id: String,
        /// The chunk.
        chunk: u32,
        /// Why.
        failure: ChunkFailure,
    },
    /// A call failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ErrorName for CommitCsvLoadError {
    fn name(&self) -> &str {
        match self {
            Self::Read { source: ReadError::Aws(error), .. } | Self::Aws(error) => error.name(),
            Self::Read { .. } | Self::NoDocument { .. } => "PlanNotFound",
            // The load fails under its chunk's name.
            Self::Chunk { failure, .. } => &failure.name,
            Self::Balance(_) => "LoadDoesNotBalance",
        }
    }
}
