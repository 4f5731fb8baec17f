//! The text of all chunks, one after the other, from a single pass over a file.

use std::io::{self, Read};

use thiserror::Error;

use super::{PlanSettings, Planner, Stage, Unread, slide};
use crate::{
    error::PlanError,
    magic,
    plan::{Chunk, Plan},
};

/// Bytes of the file that are inflated before their text is given: little enough that the history mostly still has it.
const READ_BYTES: usize = 32 * 1024;
/// The text of so much of the file mostly fits into this.
const ROOM_BYTES: usize = 8 * READ_BYTES;

/// Why there is no more text.
#[derive(Debug, Error)]
pub enum TextError {
    /// The file's own reader failed.
    #[error("cannot read the file at byte {offset}")]
    Read {
        /// Offset in the file of the first byte that was not read.
        offset: u64,
        /// The reader's error, as it gave it.
        source: io::Error,
    },
    /// The file is no good.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A line too long for the memory cannot be put into a temporary file, or not be read from it.
    #[error("cannot keep a long line in a temporary file")]
    Spool(#[source] io::Error),
}

/// What is made of a file that is not compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainText {
    /// It is text if it begins like JSON.
    IfJson,
    /// It is text unless it begins like XML or HTML.
    UnlessMarkup,
}

/// Where a chunk begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkStart {
    /// Number of its first line in the file, from 1.
    pub first_line: u64,
    /// Offset of its first byte in the text.
    pub offset: u64,
}

/// A piece of a chunk's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Some bytes, at least one.
    pub text: &'a [u8],
    /// They belong to one line, and that is equal to an earlier one. Otherwise they belong to lines that are not.
    pub is_duplicate: bool,
}

/// Reads a file, gzip or plain, and gives the text of the chunks that [`Planner`] cuts it into, without its plan, its
/// windows or a second pass.
///
/// Per chunk: [`Self::next_chunk`], [`Self::piece`] and [`Self::consume`] until there is none, then [`Self::chunk`]. What is wrong with a file
/// shows where the pass comes to it, so text may have been given by then.
///
/// Holds what a planner holds, the text of the line being read and that of a few KiB of the file; beyond 8 MiB a line
/// waits in a temporary file.
pub struct TextChunks<R> {
    input: R,
    buffer: Box<[u8]>,
    /// Bytes of the file that were read.
    read_bytes: u64,
    plain_text: PlainText,
    kind: FileKind,
    pass: Pass,
    unread: Unread,
    /// What is given of that.
    cut: Cut,
    /// The chunk that is being given, or will be next, from 0.
    index: usize,
    /// A chunk was begun, and its end not reached.
    in_chunk: bool,
    /// Offset in the text of what is given.
    offset: u64,
    /// Number of the line at the offset; only right where all is consumed that is known, or where duplicates follow.
    line: u64,
    /// How many of the chunk's duplicate lines were given.
    duplicates_given: usize,
}

/// The piece that is given.
#[derive(Default)]
struct Cut {
    /// Bytes of it that were not consumed yet.
    left: usize,
    /// Lines that end in it, if equal ones follow.
    lines: u64,
    is_duplicate: bool,
}

enum FileKind {
    Unknown,
    Gzip,
    Plain,
}

enum Pass {
    Running(Box<Planner>),
    Over(Plan),
}

/// What is known of the chunk that is being given.
struct Known<'a> {
    /// Its text is known up to this offset.
    end: u64,
    /// Number of the line that begins there.
    line_at_end: u64,
    /// Its duplicate lines up to there.
    duplicates: &'a [u64],
    /// It ends there.
    closed: bool,
}

impl<R: Read> TextChunks<R> {
    /// The chunks of `input`, cut as `settings` say.
    pub fn new(input: R, settings: PlanSettings, plain_text: PlainText) -> Self {
        Self {
            input,
            buffer: vec![0; READ_BYTES].into(),
            read_bytes: 0,
            plain_text,
            kind: FileKind::Unknown,
            pass: Pass::Running(Box::new(Planner::for_one_pass(settings))),
            unread: Unread::default(),
            cut: Cut::default(),
            index: 0,
            in_chunk: false,
            offset: 0,
            line: 1,
            duplicates_given: 0,
        }
    }

    /// Begins the next chunk, once the one before is given to its end; none at the end of the file.
    ///
    /// # Errors
    /// What is wrong with the file as far as it was read. There is no next chunk then.
    pub fn next_chunk(&mut self) -> Result<Option<ChunkStart>, TextError> {
        loop {
            let known = self.known();
            if known.end > self.offset {
                self.in_chunk = true;
                return Ok(Some(ChunkStart { first_line: self.line, offset: self.offset }));
            }
            if !self.read_on()? {
                return Ok(None);
            }
        }
    }

    /// The next piece of the chunk's text, at least a byte, or none from its end on. What is not consumed of it comes again.
    ///
    /// # Errors
    /// What is wrong with the file as far as it was read. There is no next piece then.
    pub fn piece(&mut self) -> Result<Option<Piece<'_>>, TextError> {
        while self.cut.left == 0 {
            if !self.in_chunk {
                return Ok(None);
            }
            let known = self.known();
            if known.end > self.offset {
                self.cut()?;
            } else if known.closed {
                self.index += 1;
                self.duplicates_given = 0;
                self.in_chunk = false;
            } else {
                self.read_on()?;
            }
        }
        let text = unread(&mut self.unread, &self.pass)?;
        Ok(Some(Piece { text: &text[..self.cut.left], is_duplicate: self.cut.is_duplicate }))
    }

    /// Passes over the first bytes of the piece that was given last.
    pub fn consume(&mut self, bytes: usize) {
        let bytes = bytes.min(self.cut.left);
        self.unread.consume(bytes);
        self.offset += bytes as u64;
        self.cut.left -= bytes;
        if bytes > 0 && self.cut.left == 0 {
            self.line += self.cut.lines;
            self.duplicates_given += usize::from(self.cut.is_duplicate && self.cut.lines == 1);
            let known = self.known();
            if self.offset == known.end {
                self.line = known.line_at_end;
            }
        }
    }

    /// The chunk that was given last, to its end. What it needs of a gzip file is not for use
    /// here, and it has no hash.
    pub fn chunk(&self) -> Option<&Chunk> {
        self.index.checked_sub(1).and_then(|last| self.closed().get(last))
    }

    /// The reader.
    pub fn input(&self) -> &R {
        &self.input
    }

    fn closed(&self) -> &[Chunk] {
        match &self.pass {
            Pass::Running(planner) => planner.chunker.closed(),
            Pass::Over(plan) => &plan.chunks,
        }
    }

    fn known(&self) -> Known<'_> {
        if let Some(chunk) = self.closed().get(self.index) {
            return Known {
                end: chunk.uncompressed_end,
                line_at_end: chunk.first_line + chunk.lines,
                duplicates: &chunk.duplicate_lines,
                closed: true,
            };
        }
        match &self.pass {
            Pass::Running(planner) => {
                let (lines, end) = planner.chunker.whole_lines();
                let duplicates = planner.chunker.open_duplicates();
                Known { end, line_at_end: lines + 1, duplicates, closed: false }
            }
            Pass::Over(_) => Known { end: self.offset, line_at_end: self.line, duplicates: &[], closed: true },
        }
    }

    /// Cuts a piece off the text that is known and not given yet.
    fn cut(&mut self) -> Result<(), TextError> {
        let known = self.known();
        let (end, duplicate) = (known.end, known.duplicates.get(self.duplicates_given).copied());
        let known = usize::try_from(end - self.offset).unwrap_or(usize::MAX);
        let text = unread(&mut self.unread, &self.pass)?;
        let text = &text[..text.len().min(known)];
        let is_duplicate = duplicate == Some(self.line);
        let (left, lines) = match duplicate {
            Some(duplicate) => first_lines(text, if is_duplicate { 1 } else { duplicate - self.line }),
            None => (text.len(), 0),
        };
        self.cut = Cut { left, lines, is_duplicate };
        Ok(())
    }

    /// Reads and inflates some more; false at the end of the file.
    fn read_on(&mut self) -> Result<bool, TextError> {
        let Pass::Running(planner) = &mut self.pass else { return Ok(false) };
        let length = match self.kind {
            FileKind::Unknown => fill(&mut self.input, &mut self.buffer, self.read_bytes)?,
            FileKind::Gzip | FileKind::Plain => read(&mut self.input, &mut self.buffer, self.read_bytes)?,
        };
        self.read_bytes += length as u64;
        let bytes = &self.buffer[..length];
        if let FileKind::Unknown = self.kind {
            self.kind = kind(bytes, self.plain_text)?;
            if let FileKind::Plain = self.kind {
                planner.begin_plain();
            }
        }
        planner.unread = Some(std::mem::take(&mut self.unread));
        if planner.history.room().len() < ROOM_BYTES {
            // Little is unread now, and so little has to be kept.
            slide(&mut planner.history, &mut planner.points, &mut planner.unread);
        }
        let pushed = match self.kind {
            FileKind::Plain => planner.push_plain(bytes),
            FileKind::Gzip | FileKind::Unknown => planner.push(bytes),
        };
        self.unread = planner.unread.take().unwrap_or_default();
        pushed?;
        if length == 0 {
            self.finish()?;
        }
        Ok(true)
    }

    fn finish(&mut self) -> Result<(), TextError> {
        if let Pass::Running(planner) = std::mem::replace(&mut self.pass, Pass::Over(Plan::default())) {
            self.unread.keep(planner.history.all());
            self.pass = Pass::Over(planner.finish()?.plan);
        }
        Ok(())
    }
}

impl Planner {
    /// A planner whose plan is of no use: it leaves out what only that is for.
    fn for_one_pass(settings: PlanSettings) -> Self {
        let mut planner = Self::new(settings);
        planner.chunker.without_hashes();
        planner.points.without_windows();
        planner
    }

    /// Takes what follows as text. An access point is needed all the same, for whoever opens a chunk: one for all.
    fn begin_plain(&mut self) {
        self.points.block_begins(0, &self.history, 0, false);
        self.stage = Stage::Between { half_magic: false };
    }

    fn push_plain(&mut self, mut bytes: &[u8]) -> Result<(), PlanError> {
        while !bytes.is_empty() {
            if self.history.is_full() {
                slide(&mut self.history, &mut self.points, &mut self.unread);
            }
            let room = self.history.room();
            let length = room.len().min(bytes.len());
            room[..length].copy_from_slice(&bytes[..length]);
            self.history.grow(length);
            self.offset += length as u64;
            self.chunker.text(&self.history, length, &mut self.points);
            bytes = &bytes[length..];
        }
        Ok(())
    }
}

/// The text that was not read yet.
fn unread<'a>(unread: &'a mut Unread, pass: &'a Pass) -> Result<&'a [u8], TextError> {
    let history = match pass {
        Pass::Running(planner) => Some(&planner.history),
        Pass::Over(_) => None,
    };
    unread.bytes(history).map_err(TextError::Spool)
}

/// The length of the first `wanted` lines, or of all the text if it has less, and how many line feeds are in it.
fn first_lines(text: &[u8], wanted: u64) -> (usize, u64) {
    let mut lines = 0;
    for line_feed in memchr::memchr_iter(b'\n', text) {
        lines += 1;
        if lines == wanted {
            return (line_feed + 1, lines);
        }
    }
    (text.len(), lines)
}

fn kind(head: &[u8], plain_text: PlainText) -> Result<FileKind, PlanError> {
    if head.is_empty() || head.starts_with(&magic::GZIP[..head.len().min(magic::GZIP.len())]) {
        return Ok(FileKind::Gzip);
    }
    match magic::not_gzip(&head[..head.len().min(magic::HEAD_BYTES)]) {
        PlanError::NotGzip { kind: "JSON", .. } => Ok(FileKind::Plain),
        PlanError::NotGzip { kind: "something else", .. } if plain_text == PlainText::UnlessMarkup => {
            Ok(FileKind::Plain)
        }
        error => Err(error),
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(input: &mut impl Read, buffer: &mut [u8], offset: u64) -> Result<usize, TextError> {
    let mut length = 0;
    while length < buffer.len() {
        match read(input, &mut buffer[length..], offset + length as u64)? {
            0 => break,
            more => length += more,
        }
    }
    Ok(length)
}

fn read(input: &mut impl Read, buffer: &mut [u8], offset: u64) -> Result<usize, TextError> {
    loop {
        match input.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map_err(|source| TextError::Read { offset, source }),
        }
    }
}
