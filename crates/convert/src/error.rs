//! The errors that stop a conversion. A bad record does not; see [`crate::quarantine`].

use std::fmt;
use std::io;

use parquet::errors::ParquetError;

#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The text cannot be read. The source is the reader's own error, unchanged.
    #[error("cannot read the text at byte {offset}")]
    Read {
        /// The offset in the file's text of the first byte that was not read.
        offset: u64,
        source: io::Error,
    },
    /// An output cannot be written. The source is the writer's own error if there is one.
    #[error("cannot write the {output} output")]
    Write { output: ConvertOutput, source: io::Error },
}

/// One of the two outputs of a conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvertOutput {
    /// The file of the rows.
    Parquet,
    /// The file of the rejected records.
    Quarantine,
}

impl fmt::Display for ConvertOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parquet => "Parquet",
            Self::Quarantine => "quarantine",
        })
    }
}

impl ConvertError {
    /// A failure of the Parquet writer; the source is the I/O error within it if there is one.
    pub(crate) fn from_parquet(error: ParquetError) -> Self {
        let source = match error {
            ParquetError::External(cause) => match cause.downcast::<io::Error>() {
                Ok(cause) => *cause,
                Err(cause) => io::Error::other(cause),
            },
            other => io::Error::other(other),
        };
        Self::Write { output: ConvertOutput::Parquet, source }
    }
}
