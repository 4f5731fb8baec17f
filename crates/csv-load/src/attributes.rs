//! The attributes that the load adds to each item, and DynamoDB's limits of an item.

/// The table's partition key.
pub(crate) const KEY: &str = "id";
/// The attributes that the load adds to each item.
pub const LOAD_ATTRIBUTES: [&str; 3] = ["ingestion_timestamp", "source_file", "load_id"];
/// DynamoDB's largest item.
pub(crate) const MAX_ITEM_BYTES: u64 = 400 << 10;
/// DynamoDB's longest partition key.
pub(crate) const MAX_KEY_BYTES: usize = 2048;
/// The part of an item that is reserved for what the load adds. The longest address of a file (`s3://`, a bucket of 63
/// characters, a key of 1024 bytes) needs 1176 bytes. With a constant, the same row is valid
/// or rejected whatever the file's name is.
pub(crate) const RESERVED_BYTES: u64 = 1200;
/// Hex digits of a load id.
const LOAD_ID_CHARS: usize = 16;

/// The values of [`LOAD_ATTRIBUTES`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadAttributes<'a> {
    /// The time when the load was planned.
    pub ingestion_timestamp: &'a str,
    /// The file's `s3://` address.
    pub source_file: &'a str,
    pub load_id: &'a str,
}

impl LoadAttributes<'_> {
    /// The bytes of names and values, as DynamoDB counts them.
    pub fn bytes_of(ingestion_timestamp: &str, source_file: &str) -> u64 {
        let names: usize = LOAD_ATTRIBUTES.iter().map(|name| name.len()).sum();
        (names + ingestion_timestamp.len() + source_file.len() + LOAD_ID_CHARS) as u64
    }
}
