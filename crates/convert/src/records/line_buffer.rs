//! The buffer for lines that are not read in place. It holds the current line, or as much of it as was read.

use std::io::{self, BufRead};

use memchr::memchr;

use crate::error::ConvertError;

/// At most this much of a line is copied at a time.
pub(crate) const READ_BYTES: usize = 256 << 10;
/// This much of the buffer's memory is kept from one text to the next.
const KEPT_BYTES: usize = 4 * READ_BYTES;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The current line of a text.
pub(super) struct LineBuffer<'b, R> {
    input: R,
    buffer: &'b mut Vec<u8>,
    /// How much of the buffer is text.
    filled: usize,
    /// The text before this index was taken.
    start: usize,
    /// There is no line feed between `start` and this index.
    searched: usize,
    /// The index of the line feed or of the end of the text, once it is known.
    line_end: Option<usize>,
    /// The offset of `buffer[start]` in the file's text.
    offset: u64,
    input_ended: bool,
    /// A byte order mark at the start of the line was skipped.
    skipped_mark: bool,
}

impl<'b, R: BufRead> LineBuffer<'b, R> {
    pub(super) fn new(input: R, offset: u64, buffer: &'b mut Vec<u8>) -> Self {
        // A record may be large; its memory is not kept for the next text.
        buffer.truncate(KEPT_BYTES);
        buffer.shrink_to(KEPT_BYTES);
        Self {
            input,
            buffer,
            filled: 0,
            start: 0,
            searched: 0,
            line_end: None,
            offset,
            input_ended: false,
            skipped_mark: false,
        }
    }

    /// The offset in the file's text of the next byte that was not taken.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The index in [`Self::text`] of the next byte that was not taken.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// The text of the buffer, including what was taken.
    pub(super) fn text(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// `length` bytes of [`Self::text`] from the index `at`.
    pub(super) fn bytes(&self, at: usize, length: usize) -> &[u8] {
        &self.buffer[at..at + length]
    }

    /// The text after the buffer, in the reader's memory; empty at the end of the text. The buffer must be empty.
    pub(super) fn available(&mut self) -> Result<&[u8], ConvertError> {
        available(&mut self.input, self.offset)
    }

    /// Takes the first `bytes` of [`Self::available`].
    pub(super) fn consume(&mut self, bytes: usize) {
        self.input.consume(bytes);
        self.offset += bytes as u64;
    }

    /// Begins a line with the next text; false at its end. The line before must be over.
    pub(super) fn begin(&mut self) -> Result<bool, ConvertError> {
        self.line_end = None;
        self.skipped_mark = false;
        Ok(!self.is_empty() || self.read()?)
    }

    /// Reads until the buffer has the end of the line, or more of the line than a record's maximum. Skips a byte order
    /// mark at the start of the file.
    pub(super) fn read_to_end(&mut self, max_record_bytes: usize) -> Result<(), ConvertError> {
        loop {
            self.search_line_end();
            if self.line_end.is_some() || self.filled - self.start > max_record_bytes {
                break;
            }
            self.read()?;
        }
        if self.offset == 0 {
            while self.filled < BYTE_ORDER_MARK.len() && self.read()? {}
            self.search_line_end();
            if self.text().starts_with(BYTE_ORDER_MARK) {
                self.advance(BYTE_ORDER_MARK.len());
                self.skipped_mark = true;
            }
        }
        Ok(())
    }

    /// Whether the buffer is empty. After a line it is empty, unless the search for a byte order mark read further lines.
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.filled
    }

    /// Ends the line: takes its line feed.
    pub(super) fn end(&mut self) {
        if self.start < self.filled {
            self.advance(1);
        }
        self.line_end = None;
    }

    /// Whether all of the line was taken.
    pub(super) fn is_over(&self) -> bool {
        self.line_end == Some(self.start)
    }

    /// The indexes of the line's start and end, if the buffer has the whole line and no byte order mark was skipped.
    pub(super) fn whole_line(&self) -> Option<(usize, usize)> {
        self.line_end.filter(|_| !self.skipped_mark).map(|end| (self.start, end))
    }

    /// The indexes of the text that decides on the next record, and whether they reach to the end of the line. The text
    /// is longer than a record's maximum only if the line is.
    pub(super) fn window(&self, max_record_bytes: usize) -> (usize, usize, bool) {
        let end = self.line_end.unwrap_or(self.filled);
        let limit = self.start + max_record_bytes + 1;
        let is_whole_line = self.line_end.is_some() && end < limit;
        (self.start, end.min(limit), is_whole_line)
    }

    pub(super) fn skip_blanks(&mut self) {
        let end = self.line_end.unwrap_or(self.filled);
        let blanks = self.buffer[self.start..end].iter().take_while(|&&byte| is_blank(byte)).count();
        self.advance(blanks);
    }

    pub(super) fn advance(&mut self, bytes: usize) {
        self.start += bytes;
        self.searched = self.searched.max(self.start);
        self.offset += bytes as u64;
    }

    /// Takes the rest of the line, piece by piece.
    pub(super) fn drain(&mut self, mut take: impl FnMut(&[u8])) -> Result<(), ConvertError> {
        loop {
            let end = self.line_end.unwrap_or(self.filled);
            take(&self.buffer[self.start..end]);
            self.advance(end - self.start);
            if self.line_end.is_some() {
                return Ok(());
            }
            self.read()?;
            self.search_line_end();
        }
    }

    fn search_line_end(&mut self) {
        if self.line_end.is_some() {
            return;
        }
        if let Some(at) = memchr(b'\n', &self.buffer[self.searched..self.filled]) {
            self.line_end = Some(self.searched + at);
            return;
        }
        self.searched = self.filled;
        if self.input_ended {
            self.line_end = Some(self.filled);
        }
    }

    /// Copies more text, at most up to the end of the line; false at the end of the text.
    fn read(&mut self) -> Result<bool, ConvertError> {
        if self.input_ended {
            return Ok(false);
        }
        self.move_to_front();
        let held = self.filled;
        let text = available(&mut self.input, self.offset + held as u64)?;
        let text = &text[..text.len().min(READ_BYTES)];
        let length = memchr(b'\n', text).map_or(text.len(), |line_feed| line_feed + 1);
        if self.buffer.len() < held + length {
            self.buffer.resize((held + length).next_multiple_of(READ_BYTES), 0);
        }
        self.buffer[held..held + length].copy_from_slice(&text[..length]);
        self.input.consume(length);
        self.filled += length;
        self.input_ended = length == 0;
        Ok(length > 0)
    }

    /// Overwrites what was taken.
    fn move_to_front(&mut self) {
        let taken = self.start;
        if taken > 0 {
            self.buffer.copy_within(taken..self.filled, 0);
            self.filled -= taken;
            self.searched -= taken;
            self.line_end = self.line_end.map(|end| end - taken);
            self.start = 0;
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }
}

/// The text that the input has in memory; empty at its end. `offset` is the offset of that text in the file's text.
fn available(input: &mut impl BufRead, offset: u64) -> Result<&[u8], ConvertError> {
    // The second call returns the same bytes: a result of the first one could not be returned from inside the loop.
    loop {
        match input.fill_buf() {
            Ok([]) => return Ok(&[]),
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(ConvertError::Read { offset, source }),
        }
    }
    input.fill_buf().map_err(|source| ConvertError::Read { offset, source })
}

/// Bytes that are skipped around records.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | 0)
}
