//! What can go wrong, with the names that `--json` gives.

use std::io;
use std::path::PathBuf;

use gzip_plan::{PlanError, TextError};
use pipeline::ArchiveHour;

use super::source::HttpError;

/// What is wrong with the command line. Nothing was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    #[error("nothing to convert: name files, globs, addresses or -, or give --hour alone to fetch that hour")]
    NoInput,
    #[error("no file matches '{pattern}'")]
    NoMatch { pattern: String },
    #[error("'{pattern}' is no glob")]
    BadGlob { pattern: String, source: glob::PatternError },
    #[error(
        "'{input}' does not tell its hour: its name should begin with one, as 2025-11-21-0.json.gz does; or add --hour"
    )]
    NoHour { input: String },
    #[error("standard input does not tell its hour: add --hour, for example --hour 2025-11-21-0")]
    NoHourOfStdin,
    #[error("--hour is for a single input, but there are {inputs}: their names should begin with their hours")]
    HourForMany { inputs: usize },
    #[error("'{first}' and '{second}' are both hour {hour}, and the second would replace the first: use two folders")]
    SameHour { hour: ArchiveHour, first: String, second: String },
    #[error("'{url}' is no http or https address")]
    NoAddress { url: String },
    #[error("cannot write to {}", path.display())]
    Out { path: PathBuf, source: io::Error },
}

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
