//! Errors, with the names that the state machine matches.

use aws_client::AwsError;
use aws_client::s3::{DocumentError, ReadError};
use csv_load::{CsvFileError, LoadId};
use function_runtime::{ErrorName, InvalidInput};

#[derive(Debug, thiserror::Error)]
pub enum PlanCsvError {
    #[error(transparent)]
    Input(#[from] InvalidInput),
    #[error(transparent)]
    Source(ReadError),
    #[error("{address}")]
    File { address: String, source: CsvFileError },
    /// The plan of an earlier run cannot be read.
    #[error(transparent)]
    Plan(#[from] DocumentError),
    #[error("load {load_id} is being undone")]
    BeingUndone { load_id: LoadId },
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error("cannot read rows from a temporary file")]
    Disk(#[from] std::io::Error),
}

impl ErrorName for PlanCsvError {
    fn name(&self) -> &str {
        match self {
            Self::Input(error) => error.name(),
            Self::Source(ReadError::NotFound { .. }) => "SourceNotFound",
            Self::Source(ReadError::Changed { .. }) => "SourceReplaced",
            Self::Source(ReadError::TooLarge { .. }) => "FileTooLarge",
            Self::File { source, .. } => source.name(),
            Self::Plan(error) => error.aws().map_or("PlanNotFound", AwsError::name),
            Self::BeingUndone { .. } => "LoadIsBeingUndone",
            Self::Source(ReadError::Aws(error)) | Self::Aws(error) => error.name(),
            Self::Disk(_) => "DiskFull",
        }
    }
}
