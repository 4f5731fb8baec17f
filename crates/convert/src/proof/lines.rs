//! Which lines of a text are equal to earlier ones, found while others read it.

use std::collections::HashSet;
use std::io::{self, Read};

use foldhash::fast::RandomState;
use memchr::memchr;
use twox_hash::XxHash3_128;

/// The lines of a text.
pub(super) struct LineHashes {
    seen: HashSet<u128, RandomState>,
    duplicates: Vec<u64>,
    /// Number of the line that is being read.
    line: u64,
    hash: XxHash3_128,
    /// Whether the line has a byte.
    begun: bool,
}

/// A text whose lines are noted as it is read.
pub(super) struct Noted<'h, R> {
    text: R,
    hashes: &'h mut LineHashes,
}

impl Default for LineHashes {
    fn default() -> Self {
        Self { seen: HashSet::default(), duplicates: Vec::new(), line: 1, hash: XxHash3_128::new(), begun: false }
    }
}

impl LineHashes {
    /// `text`, whose lines are noted when it is read.
    pub(super) fn of<R: Read>(&mut self, text: R) -> Noted<'_, R> {
        Noted { text, hashes: self }
    }

    /// The lines that are equal to earlier ones, in ascending order, once all of the text is read. Blank lines may be among
    /// them.
    pub(super) fn duplicate_lines(mut self) -> Vec<u64> {
        if self.begun {
            self.end_line();
        }
        self.duplicates
    }

    fn note(&mut self, mut bytes: &[u8]) {
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

impl<R: Read> Read for Noted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.text.read(buffer)?;
        self.hashes.note(&buffer[..read]);
        Ok(read)
    }
}
