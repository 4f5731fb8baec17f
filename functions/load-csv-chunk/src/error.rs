//! Why a chunk is not loaded.

use aws_client::AwsError;
use aws_client::s3::{DocumentError, ReadError};
use csv_load::{LoadId, RecordError};
use function_runtime::{ErrorName, InvalidInput};

/// The error of this function.
#[derive(Debug, thiserror::Error)]
pub enum LoadCsvChunkError {
    /// The input cannot be worked with.
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// The plan cannot be read.
    #[error("no plan of load {load_id}")]
    Plan {
        /// The load.
        load_id: LoadId,
        /// Why it cannot be read.
        source: DocumentError,
    },
    /// Its items are being deleted.
    #[error("load {load_id} is being undone")]
    BeingUndone {
        /// The load.
        load_id: LoadId,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Source(ReadError),
    /// The chunk's bytes are not those that were planned.
    #[error("chunk {chunk} of {address} is not what was planned")]
    Record {
        /// The chunk's number.
        chunk: u32,
        /// The file's `s3://` address.
        address: String,
        /// What is wrong.
        source: RecordError,
    },
    /// The chunk's bytes do not fit the plan of its gzip file.
    #[error("chunk {chunk} of {address} cannot be inflated")]
    Inflate {
        /// The chunk's number.
        chunk: u32,
        /// The file's `s3://` address.
        address: String,
        /// What is wrong.
        source: gzip_plan::ChunkError,
    },
    /// The chunk has other rows than were planned.
    #[error("chunk {chunk} of {address} has {found} rows instead of {planned}")]
    Rows {
        /// The chunk's number.
        chunk: u32,
        /// The file's `s3://` address.
        address: String,
        /// Rows of the plan.
        planned: u64,
        /// Rows that were found.
        found: u64,
    },
    /// An item is there already, and the load's owner does not want that.
    #[error("table {table} has an item with the id of line {line} of {address}: {id}")]
    ItemExists {
        /// The table.
        table: String,
        /// The file's `s3://` address.
        address: String,
        /// The row's line.
        line: u64,
        /// The id.
        id: String,
    },
    /// A call failed.
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
