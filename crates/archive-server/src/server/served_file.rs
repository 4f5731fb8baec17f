//! A served file: its bytes and the values of its headers.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use md5::{Digest, Md5};

/// It stays readable after its name is deleted.
#[derive(Clone, Debug)]
pub(crate) struct ServedFile {
    pub(crate) file: Arc<File>,
    pub(crate) length: u64,
    pub(crate) modified: Timestamp,
    pub(crate) etag: String,
    pub(crate) md5: [u8; 16],
    pub(crate) crc32c: u32,
}

impl ServedFile {
    /// Reads `file` once for its checksums. Blocks.
    pub(crate) fn of(mut file: File, modified: Timestamp) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let mut block = vec![0; 256 << 10];
        let (mut md5, mut crc32c, mut length) = (Md5::new(), 0, 0);
        loop {
            let read = file.read(&mut block)?;
            if read == 0 {
                break;
            }
            md5.update(&block[..read]);
            crc32c = crc32c::crc32c_append(crc32c, &block[..read]);
            length += read as u64;
        }
        let md5: [u8; 16] = md5.finalize().into();
        let etag = format!("\"{}\"", hex::encode(md5));
        Ok(Self { file: Arc::new(file), length, modified, etag, md5, crc32c })
    }

    /// The header `X-Goog-Hash`: `crc32c=<base64>,md5=<base64>`.
    pub(crate) fn goog_hash(&self) -> String {
        format!("crc32c={},md5={}", STANDARD.encode(self.crc32c.to_be_bytes()), STANDARD.encode(self.md5))
    }

    /// The header `Last-Modified`.
    pub(crate) fn last_modified(&self) -> String {
        jiff::fmt::rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&self.modified)
            .unwrap_or_else(|_| String::from("Thu, 01 Jan 1970 00:00:00 GMT"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// The published checksums of "hello world": CRC32C `c99465aa` and MD5 `5eb63bbbe01eeed093cb22bb8f5acdc3`.
    #[test]
    fn headers_match_google_cloud_storage() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"hello world").unwrap();
        let modified = "2016-07-01T20:27:13Z".parse().unwrap();
        let served = ServedFile::of(file, modified).unwrap();
        assert_eq!(served.etag, "\"5eb63bbbe01eeed093cb22bb8f5acdc3\"");
        assert_eq!(served.goog_hash(), "crc32c=yZRlqg==,md5=XrY7u+Ae7tCTyyK7j1rNww==");
        assert_eq!(served.last_modified(), "Fri, 01 Jul 2016 20:27:13 GMT");
        assert_eq!(served.length, 11);
    }
}
