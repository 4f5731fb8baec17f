//! The id of a row that has none of its own.

use sha2::{Digest, Sha256};

/// The length of such an id.
pub(crate) const HASH_CHARS: usize = 64;

/// SHA-256 in lower-case hex over a row's own values in a canonical form: the same row has the same id for ever, wherever
/// it stands, in whatever order its columns are.
///
/// The canonical form is, for each cell that is not empty, in the order of the columns' names (as bytes), the name and the
/// cell as netstrings: `4:name,5:Ada B,`. Types, options and what the load adds have no part in it.
pub fn row_id<'a>(cells: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut cells: Vec<_> = cells.into_iter().collect();
    cells.sort_unstable();
    let mut form = Vec::new();
    canonical_form(cells.into_iter(), &mut form);
    sha256_hex(&form)
}

/// Puts the canonical form of cells, in the order of their names, into `form`.
pub(crate) fn canonical_form<'a>(cells: impl Iterator<Item = (&'a str, &'a [u8])>, form: &mut Vec<u8>) {
    form.clear();
    for (name, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
        netstring(form, name.as_bytes());
        netstring(form, cell);
    }
}

pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// `5:hello,`
fn netstring(form: &mut Vec<u8>, value: &[u8]) {
    use std::io::Write;
    write!(form, "{}:", value.len()).expect("a vector takes all");
    form.extend_from_slice(value);
    form.push(b',');
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_one_id_for_ever() {
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
