//! Errors, with the names that the state machine matches.

use aws_client::AwsError;
use aws_client::s3::DocumentError;
use csv_load::LoadId;
use csv_load::receipt::{LoadBalanceError, LoadFailure};
use function_runtime::{ErrorName, InvalidInput};

#[derive(Debug, thiserror::Error)]
pub enum CommitCsvLoadError {
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// The plan or a receipt cannot be read.
    #[error("documents of load {load_id} cannot be read")]
    Read { load_id: LoadId, source: DocumentError },
    #[error("load {load_id} was undone while it ran")]
    Undone { load_id: LoadId },
    #[error(transparent)]
    Balance(#[from] LoadBalanceError),
    #[error("chunk {chunk} of load {load_id}: {}", .failure.message)]
    Chunk { load_id: LoadId, chunk: u32, failure: LoadFailure },
    /// The execution failed and the failure is recorded. The error has the name of the failure.
    #[error("{}", .0.message)]
    Failed(LoadFailure),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ErrorName for CommitCsvLoadError {
    fn name(&self) -> &str {
        match self {
            Self::Input(error) => error.name(),
            Self::Read { source, .. } => source.aws().map_or("PlanNotFound", AwsError::name),
            // A load fails with the error name of its chunk or its execution.
            Self::Chunk { failure, .. } | Self::Failed(failure) => &failure.name,
            Self::Undone { .. } => "LoadIsBeingUndone",
            Self::Balance(_) => "LoadDoesNotBalance",
            Self::Aws(error) => error.name(),
        }
    }
}
