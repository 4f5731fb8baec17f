//! Errors, with the names that the state machine matches.

use aws_client::AwsError;
use aws_client::s3::ReadError;
use function_runtime::{ErrorName, InvalidInput};
use gzip_plan::PlanError;

/// `place` is the address of the bytes, `byte` the number of bytes that had arrived.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error(transparent)]
    InvalidInput(#[from] InvalidInput),
    #[error("{url} is not published: the source returned 404")]
    SourceNotPublished { url: String },
    /// The source rejected the request. A retry gets the same result.
    #[error("{url} was refused: {reason}")]
    SourceRefused { url: String, reason: String },
    /// The source could not be reached, failed, or asked for a later retry.
    #[error("{url} is unavailable: {reason}")]
    SourceUnavailable {
        url: String,
        /// The response, with its `Retry-After` if it had one.
        reason: String,
        /// The failed request, if there was no response.
        source: Option<reqwest::Error>,
    },
    /// The body ended early and could not be resumed.
    #[error("{url} was interrupted at byte {byte}: {reason}")]
    SourceInterrupted { url: String, byte: u64, reason: String, source: Option<reqwest::Error> },
    #[error("{url} timed out at byte {byte}: {reason}")]
    SourceTimeout {
        url: String,
        byte: u64,
        /// The limit that was exceeded.
        reason: String,
    },
    #[error("{url} changed during the download, at byte {byte}: {reason}")]
    SourceChanged { url: String, byte: u64, reason: String },
    #[error("{url} does not match its {what}: expected {expected}, found {found} after {bytes} bytes")]
    ChecksumMismatch {
        url: String,
        /// The header with the expected value.
        what: &'static str,
        expected: String,
        found: String,
        bytes: u64,
    },
    /// The bytes are not a valid gzip file.
    #[error("{place} cannot be planned")]
    Archive { place: String, source: PlanError },
    #[error("{place} has {bytes} bytes or more, over the limit of {max_bytes}")]
    ArchiveTooLarge {
        place: String,
        /// The announced length, or the number of bytes that had arrived.
        bytes: u64,
        max_bytes: u64,
    },
    /// The hour has more chunks, or a longer plan, than the following states support.
    #[error("the plan of {place} is too large: {reason}")]
    PlanTooLarge { place: String, reason: String },
    #[error(transparent)]
    Landing(#[from] ReadError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl FetchError {
    /// Returns whether the source returned 404.
    pub(crate) fn is_not_published(&self) -> bool {
        matches!(self, Self::SourceNotPublished { .. })
    }

    /// Returns whether another source may have a valid file of the hour.
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

impl ErrorName for FetchError {
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
