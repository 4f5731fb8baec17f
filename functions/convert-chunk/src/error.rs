//! Errors, with the names that the state machine matches.

use aws_client::AwsError;
use aws_client::s3::ReadError;
use convert::ConvertError;
use function_runtime::{ErrorName, InvalidInput};
use gzip_plan::ChunkError;

#[derive(Debug, thiserror::Error)]
pub enum ConvertChunkError {
    #[error(transparent)]
    InvalidInput(#[from] InvalidInput),
    /// The plan or its windows cannot be read.
    #[error("plan of {what} cannot be read")]
    Plan {
        /// The hour and its version.
        what: String,
        source: ReadError,
    },
    /// The object is not a plan, or the plan of another hour or version.
    #[error("{address} is not the plan that its key names")]
    NoPlan { address: String, source: Option<serde_json::Error> },
    #[error(transparent)]
    Landing(ReadError),
    /// The plan does not fit the bytes of the chunk.
    #[error("chunk {chunk} of {landing} differs from its plan")]
    Chunk { chunk: u32, landing: String, source: ChunkError },
    /// The bytes of the chunk do not fit the plan, as far as they were read.
    #[error("chunk {chunk} of {landing} differs from its plan")]
    Convert { chunk: u32, landing: String, source: ConvertError },
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ErrorName for ConvertChunkError {
    fn name(&self) -> &str {
        match self {
            Self::InvalidInput(error) => error.name(),
            Self::Plan { source: ReadError::Aws(error), .. } => error.name(),
            Self::Plan { .. } | Self::NoPlan { .. } => "PlanNotFound",
            Self::Landing(ReadError::NotFound { .. }) => "LandingNotFound",
            Self::Landing(ReadError::Changed { .. } | ReadError::TooLarge { .. }) => "LandingChanged",
            Self::Chunk { .. } | Self::Convert { .. } => "ChunkMismatch",
            Self::Landing(ReadError::Aws(error)) | Self::Aws(error) => error.name(),
        }
    }
}
