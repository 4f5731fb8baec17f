//! A queue of bytes, in memory up to a limit, and beyond it in an unnamed temporary file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// The most bytes in memory. Only a longer line, or a longer stretch of text from one read, needs the file.
const MEMORY_BYTES: usize = 8 << 20;
/// The bytes that are read back from the file at a time.
const REFILL_BYTES: u64 = 1 << 20;

pub(super) struct Spool {
    memory: Vec<u8>,
    /// The bytes of `memory` before this index were consumed.
    start: usize,
    memory_bytes: usize,
    /// The bytes after those in memory.
    file: Option<File>,
    /// The range of the file that is still to be read.
    file_start: u64,
    file_end: u64,
    failure: Option<io::Error>,
}

impl Default for Spool {
    fn default() -> Self {
        Self::with_memory(MEMORY_BYTES)
    }
}

impl Spool {
    pub(super) fn with_memory(memory_bytes: usize) -> Self {
        Self { memory: Vec::new(), start: 0, memory_bytes, file: None, file_start: 0, file_end: 0, failure: None }
    }

    /// Appends bytes. If the file cannot be written, the next [`Self::bytes`] returns the error.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let waiting = self.memory.len() - self.start;
        if self.file_start < self.file_end || waiting + bytes.len() > self.memory_bytes {
            if let Err(error) = self.push_to_file(bytes) {
                self.failure.get_or_insert(error);
            }
            return;
        }
        if self.start > 0 {
            self.memory.copy_within(self.start.., 0);
            self.memory.truncate(waiting);
            self.start = 0;
        }
        self.memory.extend_from_slice(bytes);
    }

    /// Whether there are no bytes, and no write failed.
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.memory.len() && self.file_start == self.file_end && self.failure.is_none()
    }

    /// The next bytes; empty only if there are none.
    pub(super) fn bytes(&mut self) -> io::Result<&[u8]> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if self.start == self.memory.len() && self.file_start < self.file_end {
            self.refill()?;
        }
        Ok(&self.memory[self.start..])
    }

    /// Skips bytes that [`Self::bytes`] returned.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.start += bytes;
    }

    fn push_to_file(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile()?),
        };
        file.seek(SeekFrom::Start(self.file_end))?;
        file.write_all(bytes)?;
        self.file_end += bytes.len() as u64;
        Ok(())
    }

    fn refill(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let length = (self.file_end - self.file_start).min(REFILL_BYTES);
        self.memory.resize(usize::try_from(length).expect("at most 1 MiB"), 0);
        self.start = 0;
        file.seek(SeekFrom::Start(self.file_start))?;
        file.read_exact(&mut self.memory)?;
        self.file_start += length;
        if self.file_start == self.file_end {
            (self.file_start, self.file_end) = (0, 0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn proptest_spool_is_first_in_first_out(
            steps in proptest::collection::vec((0..40_usize, 0..40_usize), 0..60),
        ) {
            let mut spool = Spool::with_memory(32);
            let (mut pushed, mut read) = (Vec::new(), Vec::new());
            for (push, take) in steps {
                let bytes: Vec<u8> = (0..push).map(|at| u8::try_from((pushed.len() + at) % 256).unwrap()).collect();
                pushed.extend_from_slice(&bytes);
                spool.push(&bytes);
                let some = spool.bytes().unwrap();
                prop_assert_eq!(some.is_empty(), read.len() == pushed.len());
                let taken = some.len().min(take);
                read.extend_from_slice(&some[..taken]);
                spool.consume(taken);
            }
            loop {
                let some = spool.bytes().unwrap().to_vec();
                if some.is_empty() {
                    break;
                }
                spool.consume(some.len());
                read.extend(some);
            }
            prop_assert_eq!(read, pushed);
        }
    }
}
