//! Why a load cannot be undone.

use aws_adapters::AwsError;
use aws_adapters::s3::ReadError;
use function_runtime::{ErrorName, InvalidInput};

/// The error of this function.
#[derive(Debug, thiserror::Error)]
pub enum UndoCsvLoadError {
    /// The input cannot be worked with.
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// Nothing is known of the load, or it was undone before.
    #[error("no load {load_id}")]
    Load {
        /// The load.
        load_id: String,
        /// What cannot be read.
        source: ReadError,
    },
    /// The plan's object holds none.
    #[error("{address} is not the plan of its name")]
    NoPlan {
        /// Its `s3://` address.
        address: String,
        /// Where it stops being one.
        source: serde_json::Error,
    },
    /// A call failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ErrorName for UndoCsvLoadError {
    fn name(&self) -> &str {
        match self {
            Self::Input(error) => error.name(),
            Self::Load { source: ReadError::Aws(error), .. } | Self::Aws(error) => error.name(),
            Self::Load { .. } => "LoadNotFound",
            Self::NoPlan { .. } => "PlanNotFound",
        }
    }
}
