//! Errors of single inputs, with the names in the output of `--json`.

use std::io;
use std::path::PathBuf;

use gzip_plan::{PlanError, TextError};

use crate::http::HttpError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("cannot be read")]
    Open(#[source] io::Error),
    #[error("cannot be read after byte {offset}")]
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
    /// Stopped because of an error that another thread reports.
    #[error("abandoned")]
    Abandoned,
}

impl FileError {
    /// The stable name, the same as in the Lambdas where they have the condition.
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
