//! What can go wrong, with the names that the state machine matches.

use aws_client::AwsError;
use aws_client::s3::ReadError;
use function_runtime::{ErrorName, InvalidInput};
use gzip_plan::PlanError;

/// Why an hour was not fetched. `place` is the address that the bytes came from.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input is not what the function takes.
    #[error(transparent)]
    InvalidInput(#[from] InvalidInput),
    /// The source has no such hour, yet or at all.
    #[error("{url} is not published: the source answered 404")]
    SourceNotPublished {
        /// The hour's address.
        url: String,
    },
    /// The source says no, and would say no again.
    #[error("{url} was refused: {reason}")]
    SourceRefused {
        /// The hour's address.
        url: String,
        /// What it answered.
        reason: String,
    },
    /// The source cannot be reached, fails, or asks to come back later.
    #[error("{url} is unavailable: {reason}")]
    SourceUnavailable {
        /// The hour's address.
        url: String,
        /// What it answered, with its `Retry-After` if it sent one.
        reason: String,
        /// The failed call, if it was not answered.
        source: Option<reqwest::Error>,
    },
    /// The body broke off and could not be resumed.
    #[error("{url} was interrupted at byte {byte}: {reason}")]
    SourceInterrupted {
        /// The hour's address.
        url: String,
        /// How many bytes had arrived.
        byte: u64,
        /// Why it could not be resumed.
        reason: String,
        /// What broke it.
        source: Option<reqwest::Error>,
    },
    /// The source was too slow.
    #[error("{url} timed out at byte {byte}: {reason}")]
    SourceTimeout {
        /// The hour's address.
        url: String,
        /// How many bytes had arrived.
        byte: u64,
        /// Which limit was met.
        reason: String,
    },
    /// The source replaced the hour while it was being read.
    #[error("{url} changed while it was being read, at byte {byte}: {reason}")]
    SourceChanged {
        /// The hour's address.
        url: String,
        /// How many bytes had arrived.
        byte: u64,
        /// What tells.
        reason: String,
    },
    /// The bytes are not those that the source announced.
    #[error("{url} does not match its {what}: expected {expected}, found {found} after {bytes} bytes")]
    ChecksumMismatch {
        /// The hour's address.
        url: String,
        /// The header.
        what: &'static str,
        /// What the header says.
        expected: String,
        /// What the bytes say.
        found: String,
        /// How many bytes arrived.
        bytes: u64,
    },
    /// The bytes are no sound gzip file.
    #[error("{place} cannot be planned")]
    Archive {
        /// Where they came from.
        place: String,
        /// What is wrong with them, and where.
        source: PlanError,
    },
    /// The file is longer than any hour could be.
    #[error("{place} has {bytes} bytes or more, over the limit of {max_bytes}")]
    ArchiveTooLarge {
        /// Where it comes from.
        place: String,
        /// Its announced length, or how many bytes had arrived.
        bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// The hour would have more chunks, or a longer plan, than the steps after this one can work with.
    #[error("the plan of {place} is too large: {reason}")]
    PlanTooLarge {
        /// Where the hour's bytes came from.
        place: String,
        /// What there is too much of, and what to do.
        reason: String,
    },
    /// The landing object cannot be read.
    #[error(transparent)]
    Landing(#[from] ReadError),
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl Error {
    /// Whether the source says that it does not have the hour.
    pub(crate) fn is_not_published(&self) -> bool {
        matches!(self, Self::SourceNotPublished { .. })
    }

    /// Whether another source may have a sound file of the hour.
    pub(crate) fn is_of_source(&self) -> bool {
        match self {
            Self::SourceNotPublished { .. }
            | Self::SourceRefused { .. }
            | Self::SourceUnavailable { .. }
            | Self::SourceInterrupted { .. }
            | Self::SourceTimeout { .. }
            | Self::SourceChanged { .. }
            | Self::ChecksumMismatch { .. }
            | Self::Archive { .. }
            | Self::ArchiveTooLarge { .. } => true,
            Self::InvalidInput(_) | Self::PlanTooLarge { .. } | Self::Landing(_) | Self::Aws(_) => false,
        }
    }
}

impl ErrorName for Error {
    fn name(&self) -> &str {
        match self {
            Self::InvalidInput(error) => error.name(),
            Self::SourceNotPublished { .. } => "SourceNotPublished",
            Self::SourceRefused { .. } => "SourceRefused",
            Self::SourceUnavailable { .. } => "SourceUnavailable",
            Self::SourceInterrupted { .. } => "SourceInterrupted",
            Self::SourceTimeout { .. } => "SourceTimeout",
            Self::SourceChanged { .. } => "SourceChanged",
            Self::ChecksumMismatch { .. } => "ChecksumMismatch",
            Self::Archive { source, .. } => source.name(),
            Self::ArchiveTooLarge { .. } | Self::Landing(ReadError::TooLarge { .. }) => "ArchiveTooLarge",
            Self::PlanTooLarge { .. } => "PlanTooLarge",
            Self::Landing(ReadError::NotFound { .. }) => "LandingNotFound",
            Self::Landing(ReadError::Changed { .. }) => "LandingChanged",
            Self::Landing(ReadError::Aws(error)) | Self::Aws(error) => error.name(),
        }
    }
}
