//! Errors, with the names that the state machine matches.

use aws_client::AwsError;
use aws_client::s3::{DocumentError, ReadError};
use csv_load::{LoadId, RecordError};
use function_runtime::{ErrorName, InvalidInput};

#[derive(Debug, thiserror::Error)]
pub enum LoadCsvChunkError {
    #[error(transparent)]
    Input(#[from] InvalidInput),
    #[error("plan of load {load_id} cannot be read")]
    Plan { load_id: LoadId, source: DocumentError },
    #[error("load {load_id} is being undone")]
    BeingUndone { load_id: LoadId },
    #[error(transparent)]
    Source(ReadError),
    #[error("chunk {chunk} of {address} differs from its plan")]
    Record { chunk: u32, address: String, source: RecordError },
    #[error("chunk {chunk} of {address} cannot be inflated")]
    Inflate { chunk: u32, address: String, source: gzip_plan::ChunkError },
    #[error("chunk {chunk} of {address} has {found} rows instead of {planned}")]
    Rows { chunk: u32, address: String, planned: u64, found: u64 },
    /// The item exists and `on_existing` is `fail`.
    #[error("table {table} already has the id of line {line} of {address}: {id}")]
    ItemExists { table: String, address: String, line: u64, id: String },
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ErrorName for LoadCsvChunkError {
    fn name(&self) -> &str {
        match self {
            Self::Input(error) => error.name(),
            Self::Plan { source, .. } => source.aws().map_or("PlanNotFound", AwsError::name),
            Self::BeingUndone { .. } => "LoadIsBeingUndone",
            Self::Source(ReadError::NotFound { .. }) => "SourceNotFound",
            Self::Source(_) if self.aws().is_none() => "SourceReplaced",
            Self::Record { .. } | Self::Inflate { .. } | Self::Rows { .. } => "ChunkMismatch",
            Self::ItemExists { .. } => "ItemExists",
            Self::Source(_) | Self::Aws(_) => self.aws().map_or("AwsUnavailable", AwsError::name),
        }
    }
}

impl LoadCsvChunkError {
    fn aws(&self) -> Option<&AwsError> {
        match self {
            Self::Source(ReadError::Aws(error)) | Self::Aws(error) => Some(error),
            _ => None,
        }
    }
}
