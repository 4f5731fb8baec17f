//! Records and where they lie: RFC 4180 as the `csv` crates read it, with every byte and line accounted for.

use std::io::{self, Read};

use csv_core::ReadRecordResult;

/// No record may be longer, quotes included: 16 MiB, forty times what an item may have.
pub const MAX_RECORD_BYTES: usize = 16 << 20;

const READ_BYTES: usize = 64 << 10;

/// Where a record begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordPosition {
    /// Offset of its first byte in the text.
    pub offset: u64,
    /// Number of its first line, from 1. Lines end with `\n`, `\r\n` or `\r`; those inside quotes count.
    pub line: u64,
}

/// Why there is no further record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A quote is open at the end of the text, or for longer than a record may be.
    #[error("the quote that opens on line {quote_line} is never closed (record at line {}, byte {})", .record.line, .record.offset)]
    UnclosedQuote {
        /// The record that has it.
        record: RecordPosition,
        /// The line that it is on.
        quote_line: u64,
    },
    /// A record is longer than [`MAX_RECORD_BYTES`].
    #[error("the record at line {}, byte {} is longer than {MAX_RECORD_BYTES} bytes", .record.line, .record.offset)]
    TooLong {
        /// The record.
        record: RecordPosition,
    },
    /// The text itself cannot be read.
    #[error("cannot read the text at byte {offset}")]
    Read {
        /// Offset of the first byte that was not read.
        offset: u64,
        /// The reader's error, as it gave it.
        source: io::Error,
    },
}

/// One record.
#[derive(Clone, Copy, Debug)]
pub struct CsvRecord<'a> {
    /// Where it begins.
    pub place: RecordPosition,
    /// Its bytes as they stand in the text, without the end of the line.
    pub raw: &'a [u8],
    cells: &'a [u8],
    ends: &'a [usize],
}

impl<'a> CsvRecord<'a> {
    /// How many cells it has: at least one.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Never: a blank line is no record.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A cell, without its quotes.
    pub fn cell(&self, index: usize) -> &'a [u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.cells[start..self.ends[index]]
    }

    /// Whether every cell is UTF-8.
    pub(crate) fn is_utf8(&self) -> bool {
        // A character that two cells would share is none.
        let text = simdutf8::basic::from_utf8(self.cells);
        text.is_ok_and(|text| self.ends.iter().all(|end| text.is_char_boundary(*end)))
    }

    /// All cells, without their quotes.
    pub fn cells(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (cells, mut start) = (self.cells, 0);
        self.ends.iter().map(move |end| {
            let cell = &cells[start..*end];
            start = *end;
            cell
        })
    }
}

/// The records of a text, one after the other. Blank lines are none. Holds one record.
pub struct CsvRecordReader<R> {
    input: R,
    parser: csv_core::Reader,
    buffer: Vec<u8>,
    /// Where the record begins that is being read, up to where it is parsed, and where the buffer's bytes end.
    start: usize,
    parsed: usize,
    end: usize,
    /// The place of the byte at `start`.
    place: RecordPosition,
    /// Whether the byte before `start` was a `\r`, so that a `\n` there belongs to it.
    after_return: bool,
    cells: Vec<u8>,
    ends: Vec<usize>,
}

impl<R: Read> CsvRecordReader<R> {
    /// The records of `input`, whose first byte is at `place`. A byte order mark must have been taken off.
    pub fn new(input: R, delimiter: u8, place: RecordPosition) -> Self {
        let mut parser = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        // A blank line, so that the parser looks for no byte order mark: here it would be a part of a cell.
        let _ = parser.read_record(b"\n", &mut [0], &mut [0]);
        Self {
            input,
            parser,
            buffer: vec![0; READ_BYTES],
            start: 0,
            parsed: 0,
            end: 0,
            place,
            after_return: false,
            cells: vec![0; 4096],
            ends: vec![0; 64],
        }
    }

    /// Where the next record will begin, or the text will end.
    ///
    /// # Errors
    /// If the text cannot be read.
    pub fn next_place(&mut self) -> Result<RecordPosition, RecordError> {
        self.skip_line_ends()?;
        Ok(self.place)
    }

    /// The next record, or none at the end of the text.
    ///
    /// # Errors
    /// See [`RecordError`]; there is no next record then.
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
        let place = self.place;
        let (start, end) = (self.start, self.parsed);
        self.pass_to(end);
        let raw = &self.buffer[start..end];
        let raw = &raw[..raw.len() - raw.iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n')).count().min(2)];
        Ok(Some(CsvRecord { place, raw, cells: &self.cells[..cell_bytes], ends: &self.ends[..cells] }))
    }

    /// Ends the record that the end of the text ends; fails if it is inside quotes.
    fn end_of_text(&mut self, cell_bytes: usize, cells: &mut usize) -> Result<(), RecordError> {
        self.ends.resize(self.ends.len().max(*cells + 1), 0);
        self.cells.resize(self.cells.len().max(cell_bytes + 1), 0);
        let (result, _, _, ended) =
            self.parser.read_record(b"\n", &mut self.cells[cell_bytes..], &mut self.ends[*cells..]);
        *cells += ended;
        // Inside quotes, a line feed is a part of the cell and ends nothing.
        if result == ReadRecordResult::Record { Ok(()) } else { Err(self.unclosed(*cells)) }
    }

    /// Why a record does not end.
    fn too_long(&mut self, cell_bytes: usize, mut cells: usize) -> RecordError {
        let record = self.place;
        self.end_of_text(cell_bytes, &mut cells).err().unwrap_or(RecordError::TooLong { record })
    }

    /// The cell that is open began after so many whole ones.
    fn unclosed(&self, cells: usize) -> RecordError {
        let whole = if cells == 0 { 0 } else { self.ends[cells - 1] };
        RecordError::UnclosedQuote {
            record: self.place,
            quote_line: self.place.line + line_ends(&self.cells[..whole], false),
        }
    }

    /// Passes over blank lines and what is left of the last line's end; false at the end of the text.
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

    /// Moves the place on over bytes that are done with.
    fn pass_to(&mut self, end: usize) {
        let passed = &self.buffer[self.start..end];
        self.place.line += line_ends(passed, self.after_return);
        self.place.offset += passed.len() as u64;
        self.after_return = passed.last().map_or(self.after_return, |last| *last == b'\r');
        self.start = end;
        self.parsed = end;
    }

    /// Reads more behind what is there, which moves to the buffer's beginning; false at the end of the text.
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
                    return Err(RecordError::Read { offset: self.place.offset + self.end as u64, source });
                }
            }
        }
    }
}

/// How many lines end in `bytes`; a `\n` at its beginning ends none if a `\r` came right before.
fn line_ends(bytes: &[u8], after_return: bool) -> u64 {
    let mut lines = memchr::memchr_iter(b'\n', bytes).count() as u64;
    if memchr::memchr(b'\r', bytes).is_some() || after_return {
        let before = |at: usize| if at == 0 { after_return } else { bytes[at - 1] == b'\r' };
        let pairs = memchr::memchr_iter(b'\n', bytes).filter(|at| before(*at)).count() as u64;
        lines = lines + memchr::memchr_iter(b'\r', bytes).count() as u64 - pairs;
    }
    lines
}
