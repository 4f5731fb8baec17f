//! Why a file is not loaded.

use aws_client::AwsError;
use aws_client::s3::{DocumentError, ReadError};
use csv_load::{CsvFileError, LoadId};
use function_runtime::{ErrorName, InvalidInput};

/// The error of this function.
#[derive(Debug, thiserror::Error)]
pub enum PlanCsvError {
    /// The request cannot be worked with.
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// The file cannot be read.
    #[error(transparent)]
    Source(ReadError),
    /// The file is no good.
    #[error("{address}")]
    File {
        /// Its `s3://` address.
        address: String,
        /// What is wrong with it.
        source: CsvFileError,
    },
    /// An object of the load is not what it was.
    #[error(transparent)]
    Plan(#[from] DocumentError),
    /// Its items are being deleted.
    #[error("load {load_id} is being undone")]
    BeingUndone {
        /// The load.
        load_id: LoadId,
    },
    /// A call failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The disk failed.
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
