//! Finds the duplicate lines of a text while it is read.

use std::collections::HashSet;
use std::io::{self, Read};

use foldhash::fast::RandomState;
use memchr::memchr;
use twox_hash::XxHash3_128;

/// The hashes of the lines of a text.
pub(super) struct LineHashes {
    seen: HashSet<u128, RandomState>,
    duplicates: Vec<u64>,
    /// The number of the current line, from 1.
    line: u64,
    hash: XxHash3_128,
    /// Whether the current line has a byte.
    begun: bool,
}

/// A reader that hashes the lines it reads.
pub(super) struct LineHashingReader<'h, R> {
    text: R,
    hashes: &'h mut LineHashes,
}

impl Default for LineHashes {
    fn default() -> Self {
        Self { seen: HashSet::default(), duplicates: Vec::new(), line: 1, hash: XxHash3_128::new(), begun: false }
    }
}

impl LineHashes {
    /// A reader of `text` that adds its lines.
    pub(super) fn hash_lines_of<R: Read>(&mut self, text: R) -> LineHashingReader<'_, R> {
        LineHashingReader { text, hashes: self }
    }

    /// The lines that are equal to an earlier line, in ascending order. Blank lines may be included. Call it after the
    /// text was read to its end.
    pub(super) fn duplicate_lines(mut self) -> Vec<u64> {
        if self.begun {
            self.end_line();
        }
        self.duplicates
    }

    fn add(&mut self, mut bytes: &[u8]) {
        while let Some(end) = memchr(b'\n', bytes) {
            self.hash.write(&bytes[..end]);
            self.end_line();
            bytes = &bytes[end + 1..];
        }
        self.hash.write(bytes);
        self.begun |= !bytes.is_empty();
    }

    fn end_line(&mut self) {
        let hash = std::mem::replace(&mut self.hash, XxHash3_128::new());
        if !self.seen.insert(hash.finish_128()) {
            self.duplicates.push(self.line);
        }
        self.line += 1;
        self.begun = false;
    }
}

impl<R: Read> Read for LineHashingReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.text.read(buffer)?;
        self.hashes.add(&buffer[..read]);
        Ok(read)
    }
}
