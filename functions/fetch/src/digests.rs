//! Digests of the body.

use md5::Md5;
use sha2::{Digest, Sha256};

#[derive(Default)]
pub(crate) struct Digests {
    md5: Md5,
    sha256: Sha256,
    crc32c: u32,
    bytes: u64,
}

/// The digests of a complete body.
#[derive(Debug)]
pub(crate) struct Digested {
    pub(crate) md5: [u8; 16],
    pub(crate) sha256: [u8; 32],
    pub(crate) crc32c: u32,
    pub(crate) bytes: u64,
}

impl Digests {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.sha256.update(bytes);
        self.crc32c = crc32c::crc32c_append(self.crc32c, bytes);
        self.bytes += bytes.len() as u64;
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn finish(self) -> Digested {
        Digested {
            md5: self.md5.finalize().into(),
            sha256: self.sha256.finalize().into(),
            crc32c: self.crc32c,
            bytes: self.bytes,
        }
    }
}

impl Digested {
    pub(crate) fn md5_hex(&self) -> String {
        hex::encode(self.md5)
    }

    pub(crate) fn sha256_hex(&self) -> String {
        hex::encode(self.sha256)
    }
}
