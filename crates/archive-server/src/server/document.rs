//! One file as it is served: its bytes and what the headers say of them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use md5::{Digest, Md5};

/// A file to serve. It stays readable when its name is gone.
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
    /// Reads `file` once for its sums. Blocks.
    pub(crate) fn of(mut file: File, modified: Timestamp) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let mut block = vec![0; 256 << 10];
        let (mut md5, mut crc32c, mut length) = (Md5::new(), 0, 0);
        loop {
            let read = match file.read(&mut block)? {
                0 => break,
                read => read,
            };
            md5.update(&block[..read]);
            crc32c = crc32c::crc32c_append(crc32c, &block[..read]);
            length += read as u64;
        }
        let md5: [u8; 16] = md5.finalize().into();
        let hex: String = md5.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { file: Arc::new(file), length, modified, etag: format!("\"{hex}\""), md5, crc32c })
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

    /// The sums of "hello world" are known: `crc32c` 0xc9942 37a, MD5 5eb63bbbe01eeed093cb22bb8f5acdc3.
    #[test]
    fn the_headers_are_those_of_google_cloud_storage() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"hello world").unwrap();
        let modified = "2016-07-01T20:27:13Z".parse().unwrap();
        let document = ServedFile::of(file, modified).unwrap();
        assert_eq!(document.etag, "\"5eb63bbbe01eeed093cb22bb8f5acdc3\"");
        assert_eq!(document.goog_hash(), "crc32c=yZRlqg==,md5=XrY7u+Ae7tCTyyK7j1rNww==");
        assert_eq!(document.last_modified(), "Fri, 01 Jul 2016 20:27:13 GMT");
        assert_eq!(document.length, 11);
    }
}
