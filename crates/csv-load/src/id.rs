//! The id of a row without an id column.

use sha2::{Digest, Sha256};

/// The length of a hash as an id.
pub(crate) const HASH_CHARS: usize = 64;

/// SHA-256 in lower-case hex over the canonical form of a row. The id depends neither on the row's position nor on the order
/// of columns, and it must never change.
///
/// The canonical form has the name and the cell of each non-empty cell as netstrings, sorted by name (as bytes):
/// `4:name,5:Ada B,`. Types, options and the attributes of the load are not part of it.
pub fn row_id<'a>(cells: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut cells: Vec<_> = cells.into_iter().collect();
    cells.sort_unstable();
    let mut form = Vec::new();
    canonical_form(cells.into_iter(), &mut form);
    sha256_hex(&form)
}

/// Writes the canonical form of cells, which are sorted by name, into `form`.
pub(crate) fn canonical_form<'a>(cells: impl Iterator<Item = (&'a str, &'a [u8])>, form: &mut Vec<u8>) {
    form.clear();
    for (name, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
        netstring(form, name.as_bytes());
        netstring(form, cell);
    }
}

pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// `5:hello,`
fn netstring(form: &mut Vec<u8>, value: &[u8]) {
    use std::io::Write;
    write!(form, "{}:", value.len()).expect("writing to memory does not fail");
    form.extend_from_slice(value);
    form.push(b',');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_id_is_stable() {
        let id = row_id([("name", &b"Ada"[..]), ("city", b"Paris, \"F\"")]);
        // printf '4:city,10:Paris, "F",4:name,3:Ada,' | sha256sum
        assert_eq!(id, "cf7466b542faf8fc09e44dc92f0bcb8d16e52afe540496dbd00148d03c02ec76");
        assert_eq!(
            id,
            row_id([("city", &b"Paris, \"F\""[..]), ("none", b""), ("name", b"Ada")]),
            "order and empty cells"
        );
        assert_ne!(id, row_id([("city", &b"Paris, \"F\""[..]), ("nick", b"Ada")]), "another column");
    }
}
