//! The codecs of the Parquet pages.

use parquet::basic;

/// How the pages of a Parquet file are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Snappy: little CPU, and every reader knows it.
    #[default]
    Snappy,
    /// Zstandard at its level 1: smaller files for more CPU. Needs the crate's feature `zstd`.
    #[cfg(feature = "zstd")]
    Zstd,
    /// None.
    Uncompressed,
}

impl Compression {
    pub(crate) fn codec(self) -> basic::Compression {
        match self {
            Self::Snappy => basic::Compression::SNAPPY,
            #[cfg(feature = "zstd")]
            Self::Zstd => basic::Compression::ZSTD(basic::ZstdLevel::default()),
            Self::Uncompressed => basic::Compression::UNCOMPRESSED,
        }
    }
}
