//! The version of an hour: it identifies the landing bytes and the options of the conversion.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Must be incremented when the same landing bytes and options give other Parquet or quarantine bytes than before.
pub const CONVERTER_VERSION: u32 = 5;

/// The first 12 hex digits of a SHA-256. It is part of every key that depends on an hour's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version([u8; 6]);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a version: expected 12 lower-case hex digits")]
pub struct VersionError {
    pub text: String,
}

/// The content of the payload column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Payload {
    /// The JSON text of the payload, as in the source.
    #[default]
    Keep,
    /// The column is null in every row.
    Drop,
}

/// The options that change the content or the names of an hour's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputOptions {
    /// A chunk ends after this many lines that are not blank.
    pub chunk_records: u32,
    /// A chunk has at most this many uncompressed bytes, which bounds the memory of a conversion.
    pub max_chunk_bytes: u64,
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
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let mut bytes = [0; 6];
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if !text.contains(char::is_uppercase) => Ok(Self(bytes)),
            _ => Err(VersionError { text: text.to_owned() }),
        }
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
    fn version_depends_on_bytes_and_options() {
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
    fn version_parses_only_12_lower_case_hex_digits() {
        let version = Version::of(&[7; 32], &OutputOptions::default());
        assert_eq!(version.to_string().parse(), Ok(version));
        for text in ["", "0123456789a", "0123456789AB", "0123456789ag", "../456789ab12", "0123456789abc"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }
}
