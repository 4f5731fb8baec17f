//! What makes two records equal: a UUID, and a hash of the content.

use cli_core::format::printable;
use event_stream::layout::ContentHash;

pub(crate) fn content_of(name: &str, created_ms: i64, other: Option<&str>) -> u128 {
    let mut hash = ContentHash::default();
    hash.add(name.as_bytes());
    hash.add(&created_ms.to_le_bytes());
    hash.add(other.unwrap_or_default().as_bytes());
    hash.finish()
}

pub(crate) fn hash_of(data: &[u8]) -> u128 {
    let mut hash = ContentHash::default();
    hash.add(data);
    hash.finish()
}

/// The number of a UUID; `None` for other text.
pub(crate) fn id_of(uuid: &str) -> Option<u128> {
    let is_uuid = uuid.len() == 36 && [8, 13, 18, 23].iter().all(|at| uuid.as_bytes()[*at] == b'-');
    let digits = uuid.replace('-', "");
    (is_uuid && digits.len() == 32).then(|| u128::from_str_radix(&digits, 16).ok()).flatten()
}

pub(crate) fn text_of(id: u128) -> String {
    let digits = format!("{id:032x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

/// The first bytes as printable text.
pub(crate) fn begins(data: &[u8]) -> String {
    const MAX_CHARS: usize = 80;
    printable(&String::from_utf8_lossy(data).chars().take(MAX_CHARS).collect::<String>())
}
