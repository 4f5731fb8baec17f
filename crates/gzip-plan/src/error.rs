//! What can be wrong with a gzip file.

use thiserror::Error;

/// Why a file has no plan. Every offset counts bytes of the gzip file, from 0, and depends on the file alone.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// The file has no byte at all (a gzip file of an empty text is not empty).
    #[error("the file is empty: 0 bytes")]
    Empty,
    /// The file is no gzip file, nor any other known encoding.
    #[error("not a gzip file but {kind}: it begins with \"{first_bytes}\"")]
    NotGzip {
        /// What it looks like instead: `XML`, `HTML`, `JSON` or `something else`.
        kind: &'static str,
        /// Its first bytes in printable form.
        first_bytes: String,
    },
    /// The file is encoded in another way than gzip.
    #[error("unsupported encoding {encoding}: only gzip can be read")]
    UnsupportedEncoding {
        /// The encoding's usual name: `zstd`, `bzip2`, `xz` or `zip`.
        encoding: &'static str,
    },
    /// A header, a deflate block or a trailer that cannot be right.
    #[error("corrupt gzip file: {part} at byte {offset} of the file: {reason}")]
    Corrupt {
        /// What is broken.
        part: Part,
        /// Where the broken part begins (not where inside it the fault shows).
        offset: u64,
        /// What is wrong; in zlib's words for headers and trailers.
        reason: String,
    },
    /// The file ends inside a member.
    #[error("truncated gzip file: it ends at byte {offset}, inside member {member}")]
    Truncated {
        /// Length of the file.
        offset: u64,
        /// Number of the unfinished member, from 1.
        member: u32,
    },
    /// Bytes other than zero follow the last member.
    #[error("bytes other than zero follow the last gzip member, from byte {offset} on")]
    TrailingBytes {
        /// The first byte that is not zero.
        offset: u64,
    },
    /// The file inflates to more than any hour could hold.
    #[error("the gzip file inflates to too much: {limit} (seen in the deflate block at byte {offset})")]
    TooLarge {
        /// Where the deflate block begins that went over the limit.
        offset: u64,
        /// The limit, in words.
        limit: &'static str,
    },
}

impl PlanError {
    /// The stable name, as whoever reads a file passes it on.
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
pub enum Part {
    /// From the magic bytes to the first deflate block.
    Header,
    /// One deflate block.
    Block,
    /// CRC and length of the text.
    Trailer,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Part::Header => "the member header",
            Part::Block => "the deflate block",
            Part::Trailer => "the member trailer",
        })
    }
}
