//! The flaws of a gzip file.

use std::io;

use thiserror::Error;

/// A file cannot be planned. Offsets count bytes of the gzip file from 0, and depend only on the file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// The file has no bytes. (A gzip file of an empty text is not empty.)
    #[error("the file is empty: 0 bytes")]
    Empty,
    /// The file is neither gzip nor another known encoding.
    #[error("not a gzip file but {kind}: it begins with \"{first_bytes}\"")]
    NotGzip {
        /// What it seems to be: `XML`, `HTML`, `JSON` or `something else`.
        kind: &'static str,
        /// Its first bytes, escaped.
        first_bytes: String,
    },
    /// The file has another encoding than gzip.
    #[error("unsupported encoding {encoding}: only gzip can be read")]
    UnsupportedEncoding {
        /// `zstd`, `bzip2`, `xz` or `zip`.
        encoding: &'static str,
    },
    /// A header, a deflate block or a trailer is invalid.
    #[error("corrupt gzip file: {part} at byte {offset} of the file: {reason}")]
    Corrupt {
        part: MemberPart,
        /// Where the part begins; the flaw may be anywhere in it.
        offset: u64,
        /// For headers and trailers, zlib's message.
        reason: String,
    },
    /// The file ends inside a member.
    #[error("truncated gzip file: it ends at byte {offset}, inside member {member}")]
    Truncated {
        /// The length of the file.
        offset: u64,
        /// The number of the incomplete member, from 1.
        member: u32,
    },
    /// Bytes other than zero follow the last member.
    #[error("bytes other than zero follow the last gzip member, from byte {offset} on")]
    TrailingBytes {
        /// The first byte that is not zero.
        offset: u64,
    },
    /// The file inflates to more than an hour can hold.
    #[error("the gzip file inflates to too much: {limit} (seen in the deflate block at byte {offset})")]
    TooLarge {
        /// Byte offset of the deflate block that exceeds the limit.
        offset: u64,
        limit: &'static str,
    },
}

impl PlanError {
    /// The stable name of the error, for a state machine's Retry and Catch.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Empty => "EmptyArchive",
            Self::NotGzip { .. } => "NotGzip",
            Self::UnsupportedEncoding { .. } => "UnsupportedEncoding",
            Self::Corrupt { .. } => "CorruptArchive",
            Self::Truncated { .. } => "TruncatedArchive",
            Self::TrailingBytes { .. } => "TrailingBytes",
            Self::TooLarge { .. } => "ArchiveTooLarge",
        }
    }
}

/// The parts of a gzip member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberPart {
    /// From the magic bytes to the first deflate block.
    Header,
    Block,
    /// The CRC and the length of the text.
    Trailer,
}

impl std::fmt::Display for MemberPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            MemberPart::Header => "the member header",
            MemberPart::Block => "the deflate block",
            MemberPart::Trailer => "the member trailer",
        })
    }
}

/// The text of a file cannot be read to its end.
#[derive(Debug, Error)]
pub enum TextError {
    /// The file's reader failed. The source is its own error, unchanged.
    #[error("cannot read the file at byte {offset}")]
    Read {
        /// The offset in the file of the first byte that was not read.
        offset: u64,
        source: io::Error,
    },
    /// The file is not valid.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The temporary file for a line that does not fit into memory cannot be written or read.
    #[error("cannot keep a long line in a temporary file")]
    Spool(#[source] io::Error),
}
