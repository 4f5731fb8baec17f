//! What can go wrong, with the names that `--json` gives.

use std::io;
use std::path::PathBuf;

use gzip_plan::{PlanError, TextError};

use crate::http::HttpError;

/// Why an input was not converted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("cannot be read")]
    Open(#[source] io::Error),
    #[error("cannot be read from byte {offset} on")]
    Read { offset: u64, source: io::Error },
    #[error(transparent)]
    Http(HttpError),
    #[error(transparent)]
    Archive(PlanError),
    #[error("cannot write {}", path.display())]
    Output { path: PathBuf, source: io::Error },
    #[error("cannot use a temporary file in {}", std::env::temp_dir().display())]
    Temporary(#[source] io::Error),
    #[error("chunk {chunk} does not balance: {reason} (a defect of this program)")]
    Balance { chunk: u32, reason: String },
    #[error("the Parquet files cannot be joined (a defect of this program)")]
    Join(#[source] parquet::errors::ParquetError),
    /// Another thread has the reason.
    #[error("given up")]
    Abandoned,
}

impl FileError {
    /// The stable name: those of the Lambdas where they know the same condition.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Open(_) | Self::Read { .. } => "InputUnreadable",
            Self::Http(error) => error.name(),
            Self::Archive(error) => error.name(),
            Self::Output { .. } | Self::Temporary(_) => "OutputUnwritable",
            Self::Balance { .. } | Self::Join(_) => "ChunkMismatch",
            Self::Abandoned => "Abandoned",
        }
    }
}

impl From<TextError> for FileError {
    fn from(error: TextError) -> Self {
        match error {
            TextError::Read { offset, source } => match source.downcast::<HttpError>() {
                Ok(error) => Self::Http(error),
                Err(source) => Self::Read { offset, source },
            },
            TextError::Plan(error) => Self::Archive(error),
            TextError::Spool(error) => Self::Temporary(error),
        }
    }
}
