//! Framing: splits text into records.
//!
//! A line feed ends a line. A record is one JSON value, or the rest of the line from the first byte that is not JSON; a
//! line may hold several records. Spaces, tabs, carriage returns and NULs around records are skipped, and so is a byte
//! order mark at the start of the file; a line of nothing else is blank. From a byte that cannot begin or continue a
//! value, or from the start of an incomplete value, everything up to the line feed is one record: halves of torn
//! records are not merged.
//!
//! A line is read in one of two ways. A whole line that is an event in the canonical spelling is read in the memory of
//! the reader, without a copy. Any other line is copied to a buffer, where JSON's grammar finds the end of each value:
//! [`json_scan`] for objects, `serde_json` for other values, which are never stored, and for the messages about broken
//! records.
//!
//! At most [`MAX_RECORD_BYTES`] and [`READ_BYTES`] of text are in memory, however long a line is. The records do not depend
//! on how the text arrives in reads.

mod line_buffer;

use std::io::BufRead;

use json_scan::{ScannedObject, Scanner};
use memchr::memchr;
use serde::de::IgnoredAny;
use serde_json::Deserializer;
use sha2::{Digest, Sha256};

use crate::canonical_event::CanonicalEvent;
use crate::error::ConvertError;
use crate::json_error::describe;
use crate::timestamp::TimestampCache;

pub(crate) use line_buffer::READ_BYTES;
use line_buffer::{LineBuffer, is_blank};

/// The longest record; a longer one is [`RecordContent::Oversized`].
pub(crate) const MAX_RECORD_BYTES: usize = 16 << 20;

/// How much of an oversized record is kept.
pub(crate) const OVERSIZED_PREFIX_BYTES: usize = 64 << 10;

/// A record and its position.
#[derive(Debug)]
pub(crate) struct FramedRecord<'a> {
    /// The number of its line in the file, from 1.
    pub(crate) line: u64,
    /// The offset of its first byte in the file's text.
    pub(crate) offset: u64,
    pub(crate) content: RecordContent<'a>,
}

/// The kind of a record, and its bytes.
#[derive(Debug)]
pub(crate) enum RecordContent<'a> {
    /// A whole line that is an event in the canonical spelling.
    Canonical { bytes: &'a [u8], event: &'a CanonicalEvent },
    /// A JSON object by its grammar.
    Object { bytes: &'a [u8], object: &'a ScannedObject },
    /// Any other JSON value by its grammar.
    OtherValue(&'a [u8]),
    /// The rest of a line that does not begin with a JSON value, without the blanks at its end.
    Broken {
        bytes: &'a [u8],
        /// What is wrong, and at which byte.
        detail: String,
    },
    /// The rest of a line that does not begin with a JSON value of at most [`MAX_RECORD_BYTES`].
    Oversized {
        /// The first [`OVERSIZED_PREFIX_BYTES`].
        prefix: &'a [u8],
        /// The length up to the line feed.
        length: u64,
        /// The hash of the whole record.
        sha256: [u8; 32],
    },
}

impl<'a> FramedRecord<'a> {
    /// The bytes of the record; of an oversized one, only its prefix.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        match &self.content {
            RecordContent::Canonical { bytes, .. }
            | RecordContent::Object { bytes, .. }
            | RecordContent::OtherValue(bytes)
            | RecordContent::Broken { bytes, .. }
            | RecordContent::Oversized { prefix: bytes, .. } => bytes,
        }
    }

    /// The length of the record in bytes.
    pub(crate) fn length(&self) -> u64 {
        match &self.content {
            RecordContent::Oversized { length, .. } => *length,
            _ => self.bytes().len() as u64,
        }
    }
}

/// The memory of a [`RecordReader`], which is reused from one text to the next.
pub(crate) struct RecordBuffers {
    line: Vec<u8>,
    scanner: Scanner,
    timestamps: TimestampCache,
}

impl RecordBuffers {
    pub(crate) fn new() -> Self {
        Self { line: Vec::new(), scanner: Scanner::new(), timestamps: TimestampCache::default() }
    }
}

/// Reads the records of a text in order.
pub(crate) struct RecordReader<'b, R> {
    line: LineBuffer<'b, R>,
    first_line: u64,
    /// [`MAX_RECORD_BYTES`], except in tests.
    max_record_bytes: usize,
    /// Whether canonical events are recognized.
    reads_canonical: bool,
    /// The next line was tried in place: it is not a canonical event.
    is_not_canonical: bool,
    in_line: bool,
    records_in_line: u64,
    lines: u64,
    blank_lines: u64,
    scanner: &'b mut Scanner,
    timestamps: &'b mut TimestampCache,
    /// The last canonical event from the buffer.
    event: CanonicalEvent,
    /// The first bytes of the last oversized record.
    prefix: Vec<u8>,
}

/// What to do with the bytes at the start of the buffer.
enum FrameStep {
    Value { length: usize, is_object: bool },
    Broken { length: usize, skip: usize, detail: String },
    Oversized,
    ReadOn,
    EndLine,
}

/// The position of a record: its line and offset in the file, and its index in the buffer.
struct RecordPlace {
    line: u64,
    offset: u64,
    at: usize,
}

impl<'b, R: BufRead> RecordReader<'b, R> {
    /// The records of `input`, which begins at line `first_line` and byte `first_offset` of the file's text.
    pub(crate) fn new(input: R, first_line: u64, first_offset: u64, buffers: &'b mut RecordBuffers) -> Self {
        let RecordBuffers { line, scanner, timestamps } = buffers;
        Self {
            line: LineBuffer::new(input, first_offset, line),
            first_line,
            max_record_bytes: MAX_RECORD_BYTES,
            reads_canonical: true,
            is_not_canonical: false,
            in_line: false,
            records_in_line: 0,
            lines: 0,
            blank_lines: 0,
            scanner,
            timestamps,
            event: CanonicalEvent::default(),
            prefix: Vec::new(),
        }
    }

    /// Reads canonical events like any other object, for a result that does not depend on the fast path.
    pub(crate) fn without_canonical(mut self) -> Self {
        self.reads_canonical = false;
        self
    }

    /// The lines that were read, including blank ones.
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    /// The lines that were read and hold no record.
    pub(crate) fn blank_lines(&self) -> u64 {
        self.blank_lines
    }

    /// Calls `take` with each record, in order.
    pub(crate) fn for_each(
        &mut self,
        mut take: impl FnMut(&FramedRecord<'_>) -> Result<(), ConvertError>,
    ) -> Result<(), ConvertError> {
        loop {
            self.take_canonical_lines(&mut take)?;
            let Some(record) = self.next_from_buffer()? else { return Ok(()) };
            take(&record)?;
        }
    }

    /// Takes canonical events in the reader's memory, up to the first line that is not canonical or is incomplete.
    fn take_canonical_lines(
        &mut self,
        take: &mut impl FnMut(&FramedRecord<'_>) -> Result<(), ConvertError>,
    ) -> Result<(), ConvertError> {
        if self.in_line {
            self.line.skip_blanks();
            if self.line.is_over() {
                self.end_line();
            }
        }
        if self.in_line || !self.line.is_empty() || !self.reads_canonical {
            return Ok(());
        }
        loop {
            let offset = self.line.offset();
            let text = self.line.available()?;
            let mut at = 0;
            self.is_not_canonical = false;
            while let Some(length) = memchr(b'\n', &text[at..]) {
                let end = at + length;
                let event = (length <= self.max_record_bytes && text[at] == b'{')
                    .then(|| CanonicalEvent::read(text, at, end, self.scanner, self.timestamps));
                let Some(event) = event.flatten() else {
                    self.is_not_canonical = true;
                    break;
                };
                take(&FramedRecord {
                    line: self.first_line + self.lines,
                    offset: offset + at as u64,
                    content: RecordContent::Canonical { bytes: &text[at..end], event: &event },
                })?;
                self.lines += 1;
                at = end + 1;
            }
            self.line.consume(at);
            if at == 0 || self.is_not_canonical {
                return Ok(());
            }
        }
    }

    /// The next record of a line that is copied to the buffer; `None` at the end of the text.
    fn next_from_buffer(&mut self) -> Result<Option<FramedRecord<'_>>, ConvertError> {
        loop {
            if !self.in_line {
                if !self.begin_line()? {
                    return Ok(None);
                }
                if let Some(length) = self.read_canonical_line() {
                    let RecordPlace { line, offset, at } = self.take(length);
                    let bytes = self.line.bytes(at, length);
                    return Ok(Some(FramedRecord {
                        line,
                        offset,
                        content: RecordContent::Canonical { bytes, event: &self.event },
                    }));
                }
            }
            self.line.skip_blanks();
            match self.step() {
                FrameStep::ReadOn => self.read_line()?,
                FrameStep::EndLine => self.end_line(),
                FrameStep::Value { length, is_object } => {
                    let RecordPlace { line, offset, at } = self.take(length);
                    let bytes = self.line.bytes(at, length);
                    let content = if is_object {
                        RecordContent::Object { bytes, object: self.scanner.object() }
                    } else {
                        RecordContent::OtherValue(bytes)
                    };
                    return Ok(Some(FramedRecord { line, offset, content }));
                }
                FrameStep::Broken { length, skip, detail } => {
                    let RecordPlace { line, offset, at } = self.take(skip);
                    let content = RecordContent::Broken { bytes: self.line.bytes(at, length), detail };
                    return Ok(Some(FramedRecord { line, offset, content }));
                }
                FrameStep::Oversized => return self.take_oversized().map(Some),
            }
        }
    }

    /// Begins a line; false at the end of the text.
    fn begin_line(&mut self) -> Result<bool, ConvertError> {
        if !self.line.begin()? {
            return Ok(false);
        }
        self.in_line = true;
        self.records_in_line = 0;
        self.lines += 1;
        self.read_line()?;
        Ok(true)
    }

    /// Reads up to the end of the line, or until the line is known to begin with an oversized record.
    fn read_line(&mut self) -> Result<(), ConvertError> {
        self.line.read_to_end(self.max_record_bytes)?;
        // The bytes may have moved in the buffer.
        self.scanner.reset();
        Ok(())
    }

    /// Reads the line as a canonical event into `self.event`, unless that was tried in place. Returns its length.
    fn read_canonical_line(&mut self) -> Option<usize> {
        if !self.reads_canonical || self.is_not_canonical {
            return None;
        }
        let (start, end) = self.line.whole_line().filter(|(start, end)| end - start <= self.max_record_bytes)?;
        self.event = CanonicalEvent::read(self.line.text(), start, end, self.scanner, self.timestamps)?;
        Some(end - start)
    }

    fn end_line(&mut self) {
        if self.records_in_line == 0 {
            self.blank_lines += 1;
        }
        self.in_line = false;
        self.is_not_canonical = false;
        self.line.end();
    }

    /// Decides on the bytes at the start of the buffer, which are not blank. A result other than [`FrameStep::ReadOn`]
    /// does not change when the buffer has more bytes.
    fn step(&mut self) -> FrameStep {
        let (start, end, is_whole_line) = self.line.window(self.max_record_bytes);
        if start == end {
            return if is_whole_line { FrameStep::EndLine } else { FrameStep::ReadOn };
        }
        let window = self.line.bytes(start, end - start);
        let is_object = window[0] == b'{';
        let length =
            if is_object { self.scanner.scan(self.line.text(), start, end).ok() } else { value_length(window).ok() };
        match length {
            Some(length) if is_whole_line || length < window.len() => FrameStep::Value { length, is_object },
            None if is_whole_line => {
                let detail = value_length(window).err().unwrap_or_else(|| "no JSON".to_owned());
                FrameStep::Broken { length: trimmed_length(window), skip: window.len(), detail }
            }
            _ if window.len() > self.max_record_bytes => FrameStep::Oversized,
            _ => FrameStep::ReadOn,
        }
    }

    /// Advances past a record of `length` bytes. Returns where it is.
    fn take(&mut self, length: usize) -> RecordPlace {
        let place =
            RecordPlace { line: self.first_line + self.lines - 1, offset: self.line.offset(), at: self.line.start() };
        self.records_in_line += 1;
        self.line.advance(length);
        place
    }

    /// Takes the rest of the line as an oversized record. Its bytes are hashed and dropped.
    fn take_oversized(&mut self) -> Result<FramedRecord<'_>, ConvertError> {
        let (start, end, _) = self.line.window(self.max_record_bytes);
        self.prefix = self.line.bytes(start, (end - start).min(OVERSIZED_PREFIX_BYTES)).to_vec();
        let RecordPlace { line, offset, .. } = self.take(0);
        let mut hash = Sha256::new();
        self.line.drain(|bytes| hash.update(bytes))?;
        let length = self.line.offset() - offset;
        let content = RecordContent::Oversized { prefix: &self.prefix, length, sha256: hash.finalize().into() };
        Ok(FramedRecord { line, offset, content })
    }
}

/// The length of the JSON value at the start of `text`, which does not begin with white space. The value may be one
/// that is not acceptable: escapes, the range of numbers, UTF-8 and depth are not checked.
fn value_length(text: &[u8]) -> Result<usize, String> {
    let mut values = Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(IgnoredAny)) => Ok(values.byte_offset()),
        Some(Err(error)) => Err(describe(&error)),
        None => Err("no value".to_owned()),
    }
}

/// The length of `bytes` without the blanks at their end.
fn trimmed_length(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|&byte| !is_blank(byte)).map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests;
