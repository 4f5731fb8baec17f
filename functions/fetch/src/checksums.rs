//! The length and checksums in the headers of the source.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{CONTENT_LENGTH, ETAG, HeaderMap};

use crate::FetchError;
use crate::digests::Digested;

/// The announced length and checksums. Absent ones are not checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checksums {
    pub(crate) length: Option<u64>,
    /// With the name of its header.
    md5: Option<(&'static str, [u8; 16])>,
    crc32c: Option<u32>,
}

impl Checksums {
    /// Reads `Content-Length` and `x-goog-hash` (`crc32c=` and `md5=`, Base64). Without an MD5 there, it reads an `ETag` that is a
    /// quoted MD5 in hex.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let mut checksums =
            Self { length: text(CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok()), ..Self::default() };
        let hashes = headers.get_all("x-goog-hash").into_iter().filter_map(|value| value.to_str().ok());
        for (name, value) in hashes.flat_map(|value| value.split(',')).filter_map(|hash| hash.split_once('=')) {
            let value = STANDARD.decode(value.trim()).unwrap_or_default();
            match name.trim() {
                "md5" => checksums.md5 = value.try_into().ok().map(|md5| ("x-goog-hash md5", md5)),
                "crc32c" => checksums.crc32c = value.try_into().ok().map(u32::from_be_bytes),
                _ => {}
            }
        }
        if checksums.md5.is_none() {
            checksums.md5 = text(ETAG.as_str()).and_then(md5_of_etag).map(|md5| ("ETag", md5));
        }
        checksums
    }

    pub(crate) fn of_length(length: u64) -> Self {
        Self { length: Some(length), ..Self::default() }
    }

    /// Returns whether there is a checksum besides the length.
    pub(crate) fn any_hash(&self) -> bool {
        self.md5.is_some() || self.crc32c.is_some()
    }

    /// Compares the announced values with the bytes that arrived from `url`.
    pub(crate) fn check(&self, url: &str, digested: &Digested) -> Result<(), FetchError> {
        let check = |what, expected: String, found: String| {
            if expected == found {
                return Ok(());
            }
            Err(FetchError::ChecksumMismatch { url: url.to_owned(), what, expected, found, bytes: digested.bytes })
        };
        if let Some(length) = self.length {
            check("Content-Length", length.to_string(), digested.bytes.to_string())?;
        }
        if let Some((header, md5)) = self.md5 {
            check(header, hex::encode(md5), digested.md5_hex())?;
        }
        if let Some(crc32c) = self.crc32c {
            check("x-goog-hash crc32c", format!("{crc32c:08x}"), format!("{:08x}", digested.crc32c))?;
        }
        Ok(())
    }
}

fn md5_of_etag(etag: &str) -> Option<[u8; 16]> {
    let mut md5 = [0; 16];
    hex::decode_to_slice(etag.strip_prefix('"')?.strip_suffix('"')?, &mut md5).ok()?;
    Some(md5)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;
    use crate::digests::Digests;

    // MD5 and CRC32C of the empty string, and MD5 of "x" as an ETag.
    const MD5: &str = "md5=1B2M2Y8AsgTpgAmY7PhCfg==";
    const CRC32C: &str = "crc32c=AAAAAA==";
    const OTHER: &str = "\"9dd4e461268c8034f5c8564e155c67a6\"";

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn checksums_announced_values_are_checked() {
        for (phrase, pairs, mismatch) in [
            ("nothing", vec![], None),
            ("all of it", vec![("content-length", "0"), ("x-goog-hash", MD5), ("x-goog-hash", CRC32C)], None),
            ("a wrong length", vec![("content-length", "1")], Some("Content-Length")),
            ("a wrong ETag", vec![("etag", OTHER)], Some("ETag")),
            ("x-goog-hash has priority over ETag", vec![("etag", OTHER), ("x-goog-hash", MD5)], None),
            ("an ETag that is not an MD5", vec![("etag", "\"5-abc\"")], None),
            ("a weak ETag", vec![("etag", "W/\"9dd4e461268c8034f5c8564e155c67a6\"")], None),
            ("a wrong CRC", vec![("x-goog-hash", "crc32c=AAAAAQ==")], Some("x-goog-hash crc32c")),
            ("a wrong MD5", vec![("x-goog-hash", "md5=AAAAAAAAAAAAAAAAAAAAAA==")], Some("x-goog-hash md5")),
            ("invalid Base64", vec![("x-goog-hash", "md5=?")], None),
        ] {
            let checked = Checksums::of(&headers(&pairs)).check("http://x", &Digests::default().finish());
            let what = checked.err().map(|error| match error {
                FetchError::ChecksumMismatch { what, .. } => what,
                other => panic!("{phrase}: {other}"),
            });
            assert_eq!(what, mismatch, "{phrase}");
        }
    }

    #[test]
    fn checksums_reads_several_hashes_of_a_header() {
        let both = Checksums::of(&headers(&[("x-goog-hash", "crc32c=AAAAAA==, md5=1B2M2Y8AsgTpgAmY7PhCfg==")]));
        assert_eq!(both, Checksums::of(&headers(&[("x-goog-hash", MD5), ("x-goog-hash", CRC32C)])));
        assert!(both.any_hash());
    }
}
