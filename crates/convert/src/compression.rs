//! The compression of Parquet pages.

use parquet::basic;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Needs little CPU, and every reader supports it.
    #[default]
    Snappy,
    /// Zstandard level 1: smaller files for more CPU. Needs the crate's feature `zstd`.
    #[cfg(feature = "zstd")]
    Zstd,
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
