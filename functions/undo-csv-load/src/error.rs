//! Errors, with the names that the state machine matches.

use aws_client::AwsError;
use aws_client::s3::DocumentError;
use csv_load::LoadId;
use function_runtime::{ErrorName, InvalidInput};

#[derive(Debug, thiserror::Error)]
pub enum UndoCsvLoadError {
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// The load does not exist, was undone before, or its documents cannot be read.
    #[error("load {load_id} cannot be undone")]
    Load { load_id: LoadId, source: DocumentError },
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
