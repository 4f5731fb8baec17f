//! The version of an hour: a name for "these landing bytes, converted this way".

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Raised by one whenever the same landing bytes and options would give other Parquet or quarantine bytes than before.
pub const CONVERTER_VERSION: u32 = 4;

/// The first 12 hex digits of a SHA-256; part of every key that depends on an hour's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version([u8; 6]);

/// Why a text is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a version: expected 12 lower-case hex digits")]
pub struct VersionError {
    /// The text as given.
    pub text: String,
}

/// What becomes of the payload column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Payload {
    /// The payload's JSON text, exactly as in the source.
    #[default]
    Keep,
    /// The column is there and null in every row.
    Drop,
}

/// The options that change what an hour's objects hold or how they are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputOptions {
    /// A chunk is closed after this many lines that are not blank.
    pub chunk_records: u32,
    /// A chunk is closed before it would grow past this many uncompressed bytes, so that memory stays bounded.
    pub max_chunk_bytes: u64,
    /// What becomes of the payload column.
    pub payload: Payload,
}

impl Default for OutputOptions {
    /// 10,000 records, 128 MiB, payload kept.
    fn default() -> Self {
        Self { chunk_records: 10_000, max_chunk_bytes: 128 << 20, payload: Payload::Keep }
    }
}

impl Version {
    /// The version of an hour whose landing object has the SHA-256 `landing_sha256`, converted with `options`.
    pub fn of(landing_sha256: &[u8; 32], options: &OutputOptions) -> Self {
        let OutputOptions { chunk_records, max_chunk_bytes, payload } = options;
        let payload = match payload {
            Payload::Keep => "keep",
            Payload::Drop => "drop",
        };
        let mut hash = Sha256::new();
        hash.update(landing_sha256);
        hash.update(format!(
            "\nconverter={CONVERTER_VERSION}\nchunk_records={chunk_records}\nmax_chunk_bytes={max_chunk_bytes}\npayload={payload}\n"
        ));
        let digest: [u8; 32] = hash.finalize().into();
        let mut first = [0; 6];
        first.copy_from_slice(&digest[..6]);
        Self(first)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let error = || VersionError { text: text.to_owned() };
        let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 12 || !text.bytes().all(lower_hex) {
            return Err(error());
        }
        let mut bytes = [0; 6];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| error())?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Version {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_that_changes_output_changes_the_version() {
        let options = OutputOptions::default();
        let base = Version::of(&[7; 32], &options);
        assert_eq!(base, Version::of(&[7; 32], &options), "the same input gives the same version");
        for (phrase, other) in [
            ("other bytes", Version::of(&[8; 32], &options)),
            ("other chunk size", Version::of(&[7; 32], &OutputOptions { chunk_records: 1, ..options })),
            ("other chunk bytes", Version::of(&[7; 32], &OutputOptions { max_chunk_bytes: 1, ..options })),
            ("payload dropped", Version::of(&[7; 32], &OutputOptions { payload: Payload::Drop, ..options })),
        ] {
            assert_ne!(base, other, "{phrase}");
        }
    }

    #[test]
    fn a_version_reads_back_and_nothing_else_does() {
        let version = Version::of(&[7; 32], &OutputOptions::default());
        assert_eq!(version.to_string().parse(), Ok(version));
        for text in ["", "0123456789a", "0123456789AB", "0123456789ag", "../456789ab12", "0123456789abc"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }
}
