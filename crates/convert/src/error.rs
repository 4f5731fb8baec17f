//! What can stop a conversion. Bad records cannot; see [`crate::quarantine`].

use std::fmt;
use std::io;

use parquet::errors::ParquetError;

/// Why a chunk could not be converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The text could not be read. The source is the reader's own error, as it gave it.
    #[error("cannot read the text at byte {offset}")]
    Read {
        /// Offset in the file's text of the first byte that was not read.
        offset: u64,
        /// The reader's error.
        source: io::Error,
    },
    /// An output could not be written. The source is the writer's own error where there is one.
    #[error("cannot write the {output} output")]
    Write {
        /// The output that failed.
        output: Output,
        /// The writer's error.
        source: io::Error,
    },
}

/// One of the two outputs of a conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The rows.
    Parquet,
    /// The bad records.
    Quarantine,
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parquet => "Parquet",
            Self::Quarantine => "quarantine",
        })
    }
}

impl ConvertError {
    /// A failure of the Parquet writer: the I/O error within where there is one.
    pub(crate) fn from_parquet(error: ParquetError) -> Self {
        let source = match error {
            ParquetError::External(cause) => match cause.downcast::<io::Error>() {
                Ok(cause) => *cause,
                Err(cause) => io::Error::other(cause),
            },
            other => io::Error::other(other),
        };
        Self::Write { output: Output::Parquet, source }
    }
}
