//! Records and their positions: RFC 4180 as the `csv` crates read it, with exact byte offsets and line numbers.

use std::io::{self, Read};

use csv_core::ReadRecordResult;

/// The longest record, quotes included: 16 MiB, forty times the largest item.
pub const MAX_RECORD_BYTES: usize = 16 << 20;

const READ_BYTES: usize = 64 << 10;

/// The start of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordPosition {
    /// The offset of the first byte in the text.
    pub offset: u64,
    /// The number of the first line, from 1. Lines end with `\n`, `\r\n` or `\r`; line ends inside quotes count.
    pub line: u64,
}

/// The next record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A quote is open at the end of the text, or for [`MAX_RECORD_BYTES`].
    #[error("the quote that opens on line {quote_line} is never closed (record at line {}, byte {})", .record.line, .record.offset)]
    UnclosedQuote { record: RecordPosition, quote_line: u64 },
    #[error("the record at line {}, byte {} is longer than {MAX_RECORD_BYTES} bytes", .record.line, .record.offset)]
    TooLong { record: RecordPosition },
    /// `offset` is the first byte that was not read.
    #[error("cannot read the text at byte {offset}")]
    Read { offset: u64, source: io::Error },
}

#[derive(Clone, Copy, Debug)]
pub struct CsvRecord<'a> {
    pub position: RecordPosition,
    /// The bytes of the record in the text, without the line end.
    pub raw: &'a [u8],
    cells: &'a [u8],
    ends: &'a [usize],
}

impl<'a> CsvRecord<'a> {
    /// The number of cells, at least one.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Always false: a blank line is not a record.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A cell without its quotes.
    pub fn cell(&self, index: usize) -> &'a [u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.cells[start..self.ends[index]]
    }

    /// Whether every cell is UTF-8.
    pub(crate) fn is_utf8(&self) -> bool {
        // The cells are checked together; a character must not cross the end of a cell.
        let text = simdutf8::basic::from_utf8(self.cells);
        text.is_ok_and(|text| self.ends.iter().all(|end| text.is_char_boundary(*end)))
    }

    /// The cells without their quotes.
    pub fn cells(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (cells, mut start) = (self.cells, 0);
        self.ends.iter().map(move |end| {
            let cell = &cells[start..*end];
            start = *end;
            cell
        })
    }
}

/// Reads the records of a text one by one. Skips blank lines. Keeps one record in memory.
pub struct CsvRecordReader<R> {
    input: R,
    parser: csv_core::Reader,
    buffer: Vec<u8>,
    /// Indexes into `buffer`: the start of the current record, the end of its parsed bytes, the end of all bytes.
    start: usize,
    parsed: usize,
    end: usize,
    /// The position of the byte at `start`.
    position: RecordPosition,
    /// Whether the byte before `start` was a `\r`: a `\n` at `start` then belongs to the same line end.
    after_return: bool,
    cells: Vec<u8>,
    ends: Vec<usize>,
}

impl<R: Read> CsvRecordReader<R> {
    /// Reads `input`, whose first byte is at `position` and which has no byte order mark.
    pub fn new(input: R, delimiter: u8, position: RecordPosition) -> Self {
        let mut parser = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        // The parser removes a byte order mark from its first bytes. Here such bytes are part of a cell, so it gets a blank
        // line first.
        let _ = parser.read_record(b"\n", &mut [0], &mut [0]);
        Self {
            input,
            parser,
            buffer: vec![0; READ_BYTES],
            start: 0,
            parsed: 0,
            end: 0,
            position,
            after_return: false,
            cells: vec![0; 4096],
            ends: vec![0; 64],
        }
    }

    /// The start of the next record, or the end of the text.
    pub fn next_position(&mut self) -> Result<RecordPosition, RecordError> {
        self.skip_line_ends()?;
        Ok(self.position)
    }

    /// The next record; `None` at the end of the text. After an error, no further record can be read.
    pub fn next_record(&mut self) -> Result<Option<CsvRecord<'_>>, RecordError> {
        if !self.skip_line_ends()? {
            return Ok(None);
        }
        self.parsed = self.start;
        let (mut cell_bytes, mut cells) = (0, 0);
        loop {
            let unparsed = &self.buffer[self.parsed..self.end];
            let (result, read, wrote, ended) =
                self.parser.read_record(unparsed, &mut self.cells[cell_bytes..], &mut self.ends[cells..]);
            self.parsed += read;
            cell_bytes += wrote;
            cells += ended;
            match result {
                ReadRecordResult::OutputFull => self.cells.resize(self.cells.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::InputEmpty => {
                    if self.parsed - self.start > MAX_RECORD_BYTES {
                        return Err(self.too_long(cell_bytes, cells));
                    }
                    if !self.fill()? {
                        self.end_of_text(cell_bytes, &mut cells)?;
                        break;
                    }
                }
                ReadRecordResult::Record | ReadRecordResult::End => break,
            }
        }
        let position = self.position;
        let (start, end) = (self.start, self.parsed);
        self.pass_to(end);
        let raw = &self.buffer[start..end];
        let raw = &raw[..raw.len() - raw.iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n')).count().min(2)];
        Ok(Some(CsvRecord { position, raw, cells: &self.cells[..cell_bytes], ends: &self.ends[..cells] }))
    }

    /// Ends the last record at the end of the text. Fails inside quotes.
    fn end_of_text(&mut self, cell_bytes: usize, cells: &mut usize) -> Result<(), RecordError> {
        self.ends.resize(self.ends.len().max(*cells + 1), 0);
        self.cells.resize(self.cells.len().max(cell_bytes + 1), 0);
        let (result, _, _, ended) =
            self.parser.read_record(b"\n", &mut self.cells[cell_bytes..], &mut self.ends[*cells..]);
        *cells += ended;
        // Inside quotes, the line feed is part of the cell and does not end the record.
        if result == ReadRecordResult::Record { Ok(()) } else { Err(self.unclosed(*cells)) }
    }

    /// The error of a record that does not end: an open quote, or too many bytes.
    fn too_long(&mut self, cell_bytes: usize, mut cells: usize) -> RecordError {
        let record = self.position;
        self.end_of_text(cell_bytes, &mut cells).err().unwrap_or(RecordError::TooLong { record })
    }

    /// The error of an open quote in the cell after `cells` complete ones.
    fn unclosed(&self, cells: usize) -> RecordError {
        let whole = if cells == 0 { 0 } else { self.ends[cells - 1] };
        RecordError::UnclosedQuote {
            record: self.position,
            quote_line: self.position.line + line_ends(&self.cells[..whole], false),
        }
    }

    /// Skips blank lines and the rest of the last line end. Returns false at the end of the text.
    fn skip_line_ends(&mut self) -> Result<bool, RecordError> {
        loop {
            let blank =
                self.buffer[self.start..self.end].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            self.pass_to(self.start + blank);
            if self.start < self.end {
                return Ok(true);
            }
            self.parsed = self.start;
            if !self.fill()? {
                return Ok(false);
            }
        }
    }

    /// Moves the position to `end`.
    fn pass_to(&mut self, end: usize) {
        let passed = &self.buffer[self.start..end];
        self.position.line += line_ends(passed, self.after_return);
        self.position.offset += passed.len() as u64;
        self.after_return = passed.last().map_or(self.after_return, |last| *last == b'\r');
        self.start = end;
        self.parsed = end;
    }

    /// Moves the unread bytes to the start of the buffer and reads more after them. Returns false at the end of the text.
    fn fill(&mut self) -> Result<bool, RecordError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.parsed -= self.start;
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() - self.end < READ_BYTES / 2 {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(read) => {
                    self.end += read;
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(RecordError::Read { offset: self.position.offset + self.end as u64, source });
                }
            }
        }
    }
}

/// The number of line ends in `bytes`. A `\n` at the start does not count if the byte before was a `\r`.
fn line_ends(bytes: &[u8], after_return: bool) -> u64 {
    let mut lines = memchr::memchr_iter(b'\n', bytes).count() as u64;
    if memchr::memchr(b'\r', bytes).is_some() || after_return {
        let before = |at: usize| if at == 0 { after_return } else { bytes[at - 1] == b'\r' };
        let pairs = memchr::memchr_iter(b'\n', bytes).filter(|at| before(*at)).count() as u64;
        lines = lines + memchr::memchr_iter(b'\r', bytes).count() as u64 - pairs;
    }
    lines
}
