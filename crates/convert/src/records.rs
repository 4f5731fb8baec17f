//! Framing: text in, records out.
//!
//! A line feed ends a line. A record is one JSON value, or one stretch up to the line feed that is none; a line may hold
//! several. Spaces, tabs, carriage returns and NULs around records are skipped, as is a byte order mark at the start of
//! the file; a line of nothing else is blank. From the first byte that cannot begin or continue a value, or from the start
//! of the value that it breaks, everything up to the line feed is one record: halves of torn records are never merged,
//! nor is anything after them guessed at.
//!
//! The extent of a value is found by JSON's grammar; what is noted of an object on the way, [`crate::decode`](mod@crate::decode)
//! goes on with. Values that are no objects are never stored, so that serde_json may frame them; it also finds the words
//! for what is broken.
//!
//! Events that are spelled as usual are read where they lie, in the reader's memory; any other line is copied first. At most
//! [`MAX_RECORD_BYTES`] and [`READ_BYTES`] of text are held, whatever the length of a line. The records do not depend on how
//! the text arrives in reads.

use std::io::{self, BufRead};

use memchr::memchr;
use serde::de::IgnoredAny;
use serde_json::Deserializer;
use sha2::{Digest, Sha256};

use crate::ConvertError;
use crate::plain_event::Instants;
use crate::scan::{Object, Scanner};
use crate::usual_event::UsualEvent;

/// A record may be this long. What is longer is [`Framed::Oversized`].
pub(crate) const MAX_RECORD_BYTES: usize = 16 << 20;

/// This much of an oversized record is kept.
pub(crate) const OVERSIZED_PREFIX_BYTES: usize = 64 << 10;

/// So much of a line is copied at a time.
pub(crate) const READ_BYTES: usize = 256 << 10;
/// So much of the memory for text is kept from one text to the next.
const KEPT_BYTES: usize = 4 * READ_BYTES;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A record and its place.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    /// Number of its line in the file, from 1.
    pub(crate) line: u64,
    /// Offset of its first byte in the file's text.
    pub(crate) offset: u64,
    /// Its bytes.
    pub(crate) framed: Framed<'a>,
    /// What was noted of it, if it is an object and not read as an event.
    pub(crate) object: Option<&'a Object>,
}

/// The bytes of a record.
#[derive(Debug)]
pub(crate) enum Framed<'a> {
    /// One JSON value by its grammar.
    Value(&'a [u8]),
    /// A stretch up to the line feed that begins with no JSON value.
    Broken {
        /// Its bytes, without the blanks at its end.
        bytes: &'a [u8],
        /// What is wrong with it, and where.
        detail: String,
    },
    /// A stretch up to the line feed that begins with no JSON value of up to [`MAX_RECORD_BYTES`].
    Oversized {
        /// Its first [`OVERSIZED_PREFIX_BYTES`].
        prefix: &'a [u8],
        /// Its length up to the line feed.
        length: u64,
        /// SHA-256 of all of it.
        sha256: [u8; 32],
    },
}

/// What framing needs of memory, kept from one text to the next.
pub(crate) struct Framing {
    /// Text that was copied, and room for more.
    buffer: Vec<u8>,
    scanner: Scanner,
    instants: Instants,
}

impl Framing {
    pub(crate) fn new() -> Self {
        Self { buffer: Vec::new(), scanner: Scanner::new(), instants: Instants::default() }
    }
}

/// The records of a text, one after the other.
pub(crate) struct Records<'f, R> {
    input: R,
    first_line: u64,
    /// [`MAX_RECORD_BYTES`], but for tests.
    max_record_bytes: usize,
    /// The text from before `start` on.
    buffer: &'f mut Vec<u8>,
    /// How much of the buffer is text.
    filled: usize,
    /// The text before this index has been dealt with.
    start: usize,
    /// There is no line feed between `start` and this index.
    scanned: usize,
    /// Where the current line ends, once that is known: index of its line feed, or of the end of the text.
    line_end: Option<usize>,
    /// Offset of `buffer[start]` in the file's text.
    offset: u64,
    /// The input has no more bytes.
    input_ended: bool,
    in_line: bool,
    records_in_line: u64,
    lines: u64,
    blank_lines: u64,
    scanner: &'f mut Scanner,
    instants: &'f mut Instants,
    /// The first bytes of the last oversized record.
    prefix: Vec<u8>,
}

/// What to do with the bytes at `start`.
enum Step {
    Value { length: usize, is_object: bool },
    Broken { length: usize, skip: usize, detail: String },
    Oversized,
    ReadOn,
    EndLine,
}

impl<'f, R: BufRead> Records<'f, R> {
    /// The records of `input`, which begins at line `first_line` and byte `first_offset` of the file's text.
    pub(crate) fn new(input: R, first_line: u64, first_offset: u64, framing: &'f mut Framing) -> Self {
        let Framing { buffer, scanner, instants } = framing;
        // A record may be large: what it took is not kept for the next text.
        buffer.truncate(KEPT_BYTES);
        buffer.shrink_to(KEPT_BYTES);
        scanner.forget();
        Self {
            input,
            first_line,
            max_record_bytes: MAX_RECORD_BYTES,
            buffer,
            filled: 0,
            start: 0,
            scanned: 0,
            line_end: None,
            offset: first_offset,
            input_ended: false,
            in_line: false,
            records_in_line: 0,
            lines: 0,
            blank_lines: 0,
            scanner,
            instants,
            prefix: Vec::new(),
        }
    }

    /// Gives the events to `take` that come next, up to the first line that is no usual one, or not read to its end.
    pub(crate) fn usual_events(
        &mut self,
        mut take: impl FnMut(&Record<'_>, &UsualEvent) -> Result<(), ConvertError>,
    ) -> Result<(), ConvertError> {
        if self.in_line {
            self.skip_blanks();
            if self.line_end == Some(self.start) {
                self.end_line();
            }
        }
        if self.in_line || self.start < self.filled {
            return Ok(());
        }
        loop {
            let text = available(&mut self.input, self.offset)?;
            let mut at = 0;
            while text.get(at) == Some(&b'{')
                && let Some(length) = memchr(b'\n', &text[at..])
                && length <= self.max_record_bytes
                && let Some(event) = UsualEvent::read(text, at, at + length, self.scanner, self.instants)
            {
                let framed = Framed::Value(&text[at..at + length]);
                take(
                    &Record { line: self.first_line + self.lines, offset: self.offset, framed, object: None },
                    &event,
                )?;
                self.lines += 1;
                self.offset += length as u64 + 1;
                at += length + 1;
            }
            self.input.consume(at);
            if at == 0 {
                return Ok(());
            }
        }
    }

    /// The next record, or none at the end of the text.
    pub(crate) fn next(&mut self) -> Result<Option<Record<'_>>, ConvertError> {
        loop {
            if !self.in_line && !self.begin_line()? {
                return Ok(None);
            }
            self.skip_blanks();
            match self.step() {
                Step::ReadOn => self.find_line_end()?,
                Step::EndLine => self.end_line(),
                Step::Value { length, is_object } => {
                    let (line, offset, at) = self.take(length);
                    let framed = Framed::Value(&self.buffer[at..at + length]);
                    let object = is_object.then(|| self.scanner.object());
                    return Ok(Some(Record { line, offset, framed, object }));
                }
                Step::Broken { length, skip, detail } => {
                    let (line, offset, at) = self.take(skip);
                    let framed = Framed::Broken { bytes: &self.buffer[at..at + length], detail };
                    return Ok(Some(Record { line, offset, framed, object: None }));
                }
                Step::Oversized => return self.take_oversized().map(Some),
            }
        }
    }

    /// Lines so far, blank ones included.
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    /// Lines so far that hold no record.
    pub(crate) fn blank_lines(&self) -> u64 {
        self.blank_lines
    }

    /// Decides on the bytes at `start`, which are no blanks. A verdict other than [`Step::ReadOn`] would be the same with
    /// any more bytes in the buffer.
    fn step(&mut self) -> Step {
        let (end, whole_line) = self.window();
        if self.start == end {
            return if whole_line { Step::EndLine } else { Step::ReadOn };
        }
        let is_object = self.buffer[self.start] == b'{';
        let length = if is_object {
            self.scanner.scan(self.buffer, self.start, end).ok()
        } else {
            value_length(&self.buffer[self.start..end]).ok()
        };
        let window = &self.buffer[self.start..end];
        match length {
            Some(length) if whole_line || length < window.len() => Step::Value { length, is_object },
            None if whole_line => {
                let detail = value_length(window).err().unwrap_or_else(|| "no JSON".to_owned());
                Step::Broken { length: trimmed_length(window), skip: window.len(), detail }
            }
            _ if window.len() > self.max_record_bytes => Step::Oversized,
            _ => Step::ReadOn,
        }
    }

    /// The end of the line, and true; or of as much of it as decides what its first record is, if there is as much in the
    /// buffer, and false.
    fn window(&self) -> (usize, bool) {
        let end = self.line_end.unwrap_or(self.filled);
        let limit = self.start + self.max_record_bytes + 1;
        let whole_line = self.line_end.is_some() && end < limit;
        (end.min(limit), whole_line)
    }

    /// Begins a line, unless the text ends here.
    fn begin_line(&mut self) -> Result<bool, ConvertError> {
        if self.start == self.filled && !self.read()? {
            return Ok(false);
        }
        self.in_line = true;
        self.records_in_line = 0;
        self.lines += 1;
        self.line_end = None;
        self.scanner.forget();
        self.find_line_end()?;
        if self.offset == 0 {
            while self.filled < BYTE_ORDER_MARK.len() && self.read()? {}
            self.look_for_line_end();
            if self.buffer[..self.filled].starts_with(BYTE_ORDER_MARK) {
                self.advance(BYTE_ORDER_MARK.len());
            }
        }
        Ok(true)
    }

    fn end_line(&mut self) {
        if self.records_in_line == 0 {
            self.blank_lines += 1;
        }
        self.in_line = false;
        if self.start < self.filled {
            self.advance(1); // the line feed
        }
        self.line_end = None;
    }

    fn skip_blanks(&mut self) {
        let end = self.line_end.unwrap_or(self.filled);
        let blanks = self.buffer[self.start..end].iter().take_while(|&&byte| is_blank(byte)).count();
        self.advance(blanks);
    }

    /// Passes over `length` bytes as a record: its line, offset and index in the buffer.
    fn take(&mut self, length: usize) -> (u64, u64, usize) {
        let place = (self.first_line + self.lines - 1, self.offset, self.start);
        self.records_in_line += 1;
        self.advance(length);
        place
    }

    fn take_oversized(&mut self) -> Result<Record<'_>, ConvertError> {
        let (end, _) = self.window();
        self.prefix = self.buffer[self.start..end.min(self.start + OVERSIZED_PREFIX_BYTES)].to_vec();
        let (line, offset, _) = self.take(0);
        let mut hash = Sha256::new();
        loop {
            let end = self.line_end.unwrap_or(self.filled);
            hash.update(&self.buffer[self.start..end]);
            self.advance(end - self.start);
            if self.line_end.is_some() {
                break;
            }
            self.read()?;
            self.look_for_line_end();
        }
        let length = self.offset - offset;
        let framed = Framed::Oversized { prefix: &self.prefix, length, sha256: hash.finalize().into() };
        Ok(Record { line, offset, framed, object: None })
    }

    fn advance(&mut self, bytes: usize) {
        self.start += bytes;
        self.scanned = self.scanned.max(self.start);
        self.offset += bytes as u64;
    }

    /// Reads on until the end of the line is known, or more of it is held than a record may be long.
    fn find_line_end(&mut self) -> Result<(), ConvertError> {
        loop {
            self.look_for_line_end();
            if self.line_end.is_some() || self.filled - self.start > self.max_record_bytes {
                return Ok(());
            }
            self.read()?;
        }
    }

    fn look_for_line_end(&mut self) {
        if self.line_end.is_some() {
            return;
        }
        match memchr(b'\n', &self.buffer[self.scanned..self.filled]) {
            Some(at) => self.line_end = Some(self.scanned + at),
            None => {
                self.scanned = self.filled;
                if self.input_ended {
                    self.line_end = Some(self.filled);
                }
            }
        }
    }

    /// Copies some more, up to the end of a line at most; false at the end of the input.
    fn read(&mut self) -> Result<bool, ConvertError> {
        if self.input_ended {
            return Ok(false);
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.filled, 0);
            self.filled -= self.start;
            self.rebase(0);
        }
        let held = self.filled;
        let text = available(&mut self.input, self.offset + (held - self.start) as u64)?;
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

    /// Follows a move of the bytes at `start` to the index `to`.
    fn rebase(&mut self, to: usize) {
        self.scanner.forget();
        let from = self.start;
        self.start = to;
        self.scanned = self.scanned - from + to;
        self.line_end = self.line_end.map(|end| end - from + to);
    }
}

/// The text that the input has at hand; it ends where there is none. `offset` is its place in the file's text.
fn available(input: &mut impl BufRead, offset: u64) -> Result<&[u8], ConvertError> {
    // Asked twice, since what is lent by the first answer could not be given on from a loop.
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

/// The length of the JSON value at the start of `text`, which begins with no white space. The value may be one that is
/// not acceptable: escapes are not decoded, numbers not evaluated, UTF-8 is not checked and depth not limited.
fn value_length(text: &[u8]) -> Result<usize, String> {
    let mut values = Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(IgnoredAny)) => Ok(values.byte_offset()),
        Some(Err(error)) => Err(describe(&error)),
        None => Err("no value".to_owned()),
    }
}

/// The message of `error`, with its place as a byte of the record (from 1) instead of a line and column.
pub(crate) fn describe(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match message.strip_suffix(&place) {
        Some(what) => format!("{what} at byte {} of the record", error.column()),
        None => message,
    }
}

fn trimmed_length(stretch: &[u8]) -> usize {
    stretch.iter().rposition(|&byte| !is_blank(byte)).map_or(0, |last| last + 1)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | 0)
}

#[cfg(test)]
mod tests;
