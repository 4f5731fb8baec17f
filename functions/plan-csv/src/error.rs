//! Why a file is not loaded.

use aws_adapters::AwsError;
use aws_adapters::s3::ReadError;
use csv_load::{HeadError, PlanError, RecordError};
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
        source: PlanError,
    },
    /// The file is no sound gzip file.
    #[error("{address}")]
    Archive {
        /// Its `s3://` address.
        address: String,
        /// What is wrong with it.
        source: gzip_plan::PlanError,
    },
    /// An object of the load is not what it was.
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
    /// The disk failed.
    #[error("cannot keep rows in a temporary file")]
    Disk(#[from] std::io::Error),
}

impl ErrorName for PlanCsvError {
    fn name(&self) -> &str {
        match self {
            Self::Input(error) => error.name(),
            Self::Source(ReadError::NotFound { .. }) => "SourceNotFound",
            Self::Source(ReadError::Changed { .. }) => "SourceReplaced",
            Self::Source(ReadError::TooLarge { .. }) => "FileTooLarge",
            Self::Archive { source, .. } => source.name(),
            Self::File { source, .. } => match source {
                PlanError::Head(HeadError::Empty) => "EmptyFile",
                PlanError::Head(HeadError::Encoding { .. }) => "UnsupportedEncoding",
                PlanError::Head(HeadError::NotCsv { .. }) => "NotCsv",
                PlanError::Header(_) => "BadHeader",
                PlanError::Record(RecordError::UnclosedQuote { .. }) => "UnclosedQuote",
                PlanError::Record(RecordError::TooLong { .. }) => "RecordTooLong",
                PlanError::Record(RecordError::Read { .. }) => "CorruptArchive",
                PlanError::TooManyChunks { .. } => "TooManyChunks",
                PlanError::Spool(_) => "DiskFull",
            },
            Self::NoPlan { .. } => "PlanNotFound",
            Self::Source(ReadError::Aws(error)) | Self::Aws(error) => error.name(),
            Self::Disk(_) => "DiskFull",
        }
    }
}
