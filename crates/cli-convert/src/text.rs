//! The text of the chunks of an input, with duplicate lines blanked.
//!
//! The Lambda knows the duplicate lines of a chunk from the plan. Here they are found during the only pass. They are replaced
//! by blank lines of the same length, so every other record keeps its line and offset. The duplicates are stored separately,
//! and the converter counts them at the end of the chunk, so the counts equal those of the Lambda.

use std::io::{self, BufRead, BufReader, Read, Seek, Write};

use convert::{ChunkSpec, convert_chunk};
use gzip_plan::{ChunkStart, TextChunks, TextError, TextPiece};
use pipeline::receipt::RecordCounts;
use tempfile::SpooledTempFile;

use crate::error::FileError;

/// Bytes of duplicate lines in memory; further ones go to a temporary file.
const MEMORY_BYTES: usize = 1 << 20;
/// Bytes of a duplicate line that are blanked at a time.
const BLANK_BYTES: usize = 64 << 10;

/// Reads the text of one chunk after the other.
pub(crate) struct ChunkTexts<R> {
    chunks: TextChunks<R>,
    /// Unread blanks in place of a duplicate line or a part of one.
    blanks: Vec<u8>,
    duplicates: SpooledTempFile,
    duplicate_bytes: u64,
    failure: Option<FileError>,
}

impl<R: Read> ChunkTexts<R> {
    pub(crate) fn new(chunks: TextChunks<R>) -> Self {
        let duplicates = SpooledTempFile::new(MEMORY_BYTES);
        Self { chunks, blanks: Vec::new(), duplicates, duplicate_bytes: 0, failure: None }
    }

    /// Starts the next chunk; reads return its text from here on.
    pub(crate) fn next_chunk(&mut self) -> Result<Option<ChunkStart>, TextError> {
        self.chunks.next_chunk()
    }

    /// The error of the last read, if it failed.
    pub(crate) fn take_failure(&mut self) -> Option<FileError> {
        self.failure.take()
    }

    /// Ends a chunk that was read to its end. Returns its duplicates, and the figures that its counts must agree with.
    pub(crate) fn end_chunk(&mut self) -> Result<ChunkEnd, FileError> {
        let Some(chunk) = self.chunks.chunk() else { return Ok(ChunkEnd::default()) };
        let mut end = ChunkEnd { lines: chunk.lines, blank_lines: chunk.blank_lines, ..ChunkEnd::default() };
        end.duplicate_lines = chunk.duplicate_lines.len() as u64;
        if self.duplicate_bytes > 0 {
            end.duplicate_records = self.count_duplicates(end.duplicate_lines)?;
        }
        Ok(end)
    }

    /// Replaces the next duplicate line, or a part of it, by blanks.
    fn blank_duplicates(&mut self) -> io::Result<()> {
        let piece = match self.chunks.piece() {
            Ok(piece) => piece.filter(|piece| piece.is_duplicate),
            Err(error) => return Err(failed(&mut self.failure, error)),
        };
        let Some(TextPiece { text, .. }) = piece else { return Ok(()) };
        let text = &text[..text.len().min(BLANK_BYTES)];
        if let Err(error) = self.duplicates.write_all(text) {
            return Err(failed(&mut self.failure, FileError::Temporary(error)));
        }
        let length = text.len();
        let line_feed = text.ends_with(b"\n");
        self.blanks.resize(length, b' ');
        if line_feed && let Some(last) = self.blanks.last_mut() {
            *last = b'\n';
        }
        self.duplicate_bytes += length as u64;
        self.chunks.consume(length);
        Ok(())
    }

    fn count_duplicates(&mut self, lines: u64) -> Result<u64, FileError> {
        let mut text = std::mem::replace(&mut self.duplicates, SpooledTempFile::new(MEMORY_BYTES));
        self.duplicate_bytes = 0;
        text.rewind().map_err(FileError::Temporary)?;
        let duplicate_lines: Vec<u64> = (2..lines + 2).collect();
        // Line 2: only the first line of a file may have a byte order mark skipped, and a duplicate is never the first line.
        let spec =
            ChunkSpec { first_line: 2, first_offset: 1, duplicate_lines: &duplicate_lines, ..ChunkSpec::default() };
        let counted = convert_chunk(&spec, BufReader::new(text), io::sink(), io::sink());
        let counted = counted.map_err(|error| FileError::Temporary(io::Error::other(error)))?;
        Ok(counted.counts.duplicates)
    }
}

impl<R: Read> BufRead for ChunkTexts<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.blanks.is_empty() {
            self.blank_duplicates()?;
        }
        if !self.blanks.is_empty() {
            return Ok(&self.blanks);
        }
        match self.chunks.piece() {
            Ok(piece) => Ok(piece.map_or(&[], |piece| piece.text)),
            Err(error) => Err(failed(&mut self.failure, error)),
        }
    }

    fn consume(&mut self, bytes: usize) {
        if self.blanks.is_empty() { self.chunks.consume(bytes) } else { drop(self.blanks.drain(..bytes)) }
    }
}

impl<R: Read> Read for ChunkTexts<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

/// Stores the error in `failure`. Readers only pass on that a read failed.
fn failed(failure: &mut Option<FileError>, why: impl Into<FileError>) -> io::Error {
    *failure = Some(why.into());
    io::Error::other("the input or a temporary file failed")
}

/// The counts of a chunk that are known at its end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ChunkEnd {
    lines: u64,
    blank_lines: u64,
    duplicate_lines: u64,
    duplicate_records: u64,
}

impl ChunkEnd {
    /// Completes the counts of a chunk whose duplicate lines were replaced by blank lines. Returns an error if the counts
    /// contradict those known at the end.
    pub(crate) fn complete(&self, mut counts: RecordCounts) -> Result<RecordCounts, String> {
        counts.records += self.duplicate_records;
        counts.duplicates += self.duplicate_records;
        counts.blank_lines = counts.blank_lines.saturating_sub(self.duplicate_lines);
        if !counts.is_balanced() {
            return Err(format!("{counts:?}"));
        }
        if (counts.lines, counts.blank_lines) != (self.lines, self.blank_lines) {
            return Err(format!("{counts:?}, but {} lines, {} of them blank, came by", self.lines, self.blank_lines));
        }
        Ok(counts)
    }
}
