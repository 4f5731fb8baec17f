//! Hashes that identify rows and bad records.

use std::fmt;

use twox_hash::XxHash3_128;

/// A row or a bad record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowFingerprint {
    /// The number of its line in the file, from 1.
    pub line: u64,
    /// The hash of a row's values, or of a bad record's position and bytes.
    pub hash: u128,
}

/// The sum of the hashes of rows or bad records, which does not depend on their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(u128);

impl Fingerprint {
    pub fn of(rows: &[RowFingerprint]) -> Self {
        Self(rows.iter().fold(0, |sum, row| sum.wrapping_add(row.hash)))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The hash of a bad record. Of an oversized record, `bytes` is only the prefix that is stored.
pub(super) fn quarantine_hash(offset: u64, line: u64, length: u64, bytes: &[u8]) -> u128 {
    let mut hash = XxHash3_128::new();
    for number in [offset, line, length] {
        hash.write(&number.to_le_bytes());
    }
    hash.write(bytes);
    hash.finish_128()
}
