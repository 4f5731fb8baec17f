//! Identifies files by their first bytes.

use crate::error::PlanError;

/// The first two bytes of every gzip member.
pub(crate) const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The number of first bytes that identify a file, including blanks and a byte order mark before them.
pub(crate) const HEAD_BYTES: usize = 64;

const ENCODINGS: [(&[u8], &str); 4] =
    [(b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"PK\x03\x04", "zip")];

/// The error for a file that is not gzip. `head` is its first [`HEAD_BYTES`], or all of a shorter file.
pub(crate) fn not_gzip(head: &[u8]) -> PlanError {
    match ENCODINGS.iter().find(|(magic, _)| head.starts_with(magic)) {
        Some((_, encoding)) => PlanError::UnsupportedEncoding { encoding },
        None => PlanError::NotGzip { kind: kind(head), first_bytes: printable(head) },
    }
}

fn kind(head: &[u8]) -> &'static str {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let begins = |tag: &[u8]| text.len() >= tag.len() && text[..tag.len()].eq_ignore_ascii_case(tag);
    if begins(b"<!doctype html") || begins(b"<html") || begins(b"<head") {
        "HTML"
    } else if begins(b"<") {
        "XML"
    } else if begins(b"{") || begins(b"[") {
        "JSON"
    } else {
        "something else"
    }
}

fn printable(head: &[u8]) -> String {
    const SHOWN_BYTES: usize = 32;
    head[..head.len().min(SHOWN_BYTES)].escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_gzip_names_the_kind() {
        let cases: [(&str, &[u8], &str); 11] = [
            ("zstd", b"\x28\xb5\x2f\xfd\x04", "unsupported encoding zstd"),
            ("bzip2", b"BZh91AY", "unsupported encoding bzip2"),
            ("xz", b"\xfd7zXZ\0\0\x04", "unsupported encoding xz"),
            ("zip", b"PK\x03\x04\x14", "unsupported encoding zip"),
            ("an error of the store", b"<?xml version='1.0'?><Error>", "but XML: it begins with \"<?xml version="),
            ("a page", b"<!DOCTYPE html>\n<html>", "but HTML: it begins with \"<!DOCTYPE html>\\n"),
            ("a page after blanks", b"\n\n  <HTML>", "but HTML"),
            ("records not compressed", b"{\"id\":\"1\"}\n", "but JSON: it begins with \"{\\\"id\\\""),
            ("records after a byte order mark", b"\xef\xbb\xbf[{}]", "but JSON"),
            ("zeros", b"\0\0\0", "but something else: it begins with \"\\x00\\x00\\x00\""),
            ("a single byte", b"B", "but something else: it begins with \"B\""),
        ];
        for (case, head, expected) in cases {
            let error = not_gzip(head).to_string();
            assert!(error.contains(expected), "{case}: {error}");
        }
    }
}
