//! What can go wrong, with the names that the state machine matches.

use aws_client::AwsError;
use aws_client::s3::ReadError;
use convert::ConvertError;
use function_runtime::{ErrorName, InvalidInput};
use gzip_plan::ChunkError;

/// Why a chunk was not converted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input is not what the function takes.
    #[error(transparent)]
    InvalidInput(#[from] InvalidInput),
    /// The plan, or its windows, cannot be read.
    #[error("no plan of {what}")]
    Plan {
        /// The hour and its version.
        what: String,
        /// Why it cannot be read.
        source: ReadError,
    },
    /// The plan's object holds no plan, or that of something else.
    #[error("{address} is not the plan of its name")]
    NoPlan {
        /// Its `s3://` address.
        address: String,
        /// Where it stops being one, if it does.
        source: Option<serde_json::Error>,
    },
    /// The landing object cannot be read.
    #[error(transparent)]
    Landing(ReadError),
    /// The plan does not fit the chunk's bytes.
    #[error("chunk {chunk} of {landing} is not what was planned")]
    Chunk {
        /// The chunk's number.
        chunk: u32,
        /// The landing object's `s3://` address.
        landing: String,
        /// What does not fit.
        source: ChunkError,
    },
    /// The chunk's bytes are not what was planned, as far as they were read.
    #[error("chunk {chunk} of {landing} is not what was planned")]
    Convert {
        /// The chunk's number.
        chunk: u32,
        /// The landing object's `s3://` address.
        landing: String,
        /// What does not fit, and where.
        source: ConvertError,
    },
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ErrorName for Error {
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
