//! Why a load cannot be undone.

use aws_client::AwsError;
use aws_client::s3::DocumentError;
use csv_load::LoadId;
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
        load_id: LoadId,
        /// What cannot be read.
        source: DocumentError,
    },
    /// A call failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ErrorName for UndoCsvLoadError {
    fn name(&self) -> &str {
        match self {
            Self::Input(error) => error.name(),
            Self::Load { source, .. } if source.is_absent() => "LoadNotFound",
            Self::Load { source, .. } => source.aws().map_or("PlanNotFound", AwsError::name),
            Self::Aws(error) => error.name(),
        }
    }
}
