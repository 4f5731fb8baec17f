//! The text of all chunks, one after the other, in a single pass over a file.

mod input;

use std::io::Read;

use crate::{
    error::TextError,
    plan::{Chunk, GzipPlan},
    planner::Planner,
    settings::PlanSettings,
    unread::UnreadText,
};
use input::{FileKind, InputFile};

pub use input::PlainText;

/// With this much room, the history can mostly take the text of one read of the file.
const ROOM_BYTES: usize = 8 * input::READ_BYTES;

/// Where a chunk begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkStart {
    /// The number of its first line in the file, from 1.
    pub first_line: u64,
    /// The offset of its first byte in the text.
    pub offset: u64,
}

/// A piece of a chunk's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextPiece<'a> {
    /// At least one byte.
    pub text: &'a [u8],
    /// If true, the piece is part of one duplicate line. If false, no byte of it is part of a duplicate line.
    pub is_duplicate: bool,
}

/// Reads a file, gzip or plain text, and returns the text of the chunks that [`Planner`] divides it into. It makes no
/// plan and no windows, and inflates once.
///
/// For each chunk: [`Self::next_chunk`], then [`Self::piece`] and [`Self::consume`] until there is no piece, then
/// [`Self::chunk`]. A flaw of the file is reported when the pass reaches it, so text before it may already have been
/// returned.
///
/// Needs the memory of a planner, of the current line, and of the text of a few KiB of the file. A line beyond 8 MiB is
/// stored in a temporary file.
pub struct TextChunks<R> {
    input: InputFile<R>,
    pass: PassState,
    unread: UnreadText,
    piece: CurrentPiece,
    /// The index of the current or next chunk.
    index: usize,
    /// A chunk was begun, and its end was not reached.
    in_chunk: bool,
    /// The offset in the text of the next byte.
    offset: u64,
    /// The line of the next byte. Only valid where all known text is consumed, or where duplicates follow.
    line: u64,
    /// How many of the chunk's duplicate lines were returned.
    duplicates_returned: usize,
}

/// The piece that [`TextChunks::piece`] returns.
#[derive(Default)]
struct CurrentPiece {
    /// Its bytes that were not consumed.
    left: usize,
    /// The lines that end in it, if duplicate lines follow.
    lines: u64,
    is_duplicate: bool,
}

enum PassState {
    Running(Box<Planner>),
    Over(GzipPlan),
}

/// The current chunk, as far as it is known.
struct ChunkProgress<'a> {
    /// The offset up to which its text is known.
    end: u64,
    /// The number of the line that begins at `end`.
    line_at_end: u64,
    /// Its duplicate lines up to `end`.
    duplicates: &'a [u64],
    /// Whether it ends at `end`.
    is_closed: bool,
}

impl<R: Read> TextChunks<R> {
    pub fn new(input: R, settings: PlanSettings, plain_text: PlainText) -> Self {
        Self {
            input: InputFile::new(input, plain_text),
            pass: PassState::Running(Box::new(Planner::for_one_pass(settings))),
            unread: UnreadText::default(),
            piece: CurrentPiece::default(),
            index: 0,
            in_chunk: false,
            offset: 0,
            line: 1,
            duplicates_returned: 0,
        }
    }

    /// Begins the next chunk; the one before must be consumed. Returns `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// The first error in the bytes read so far. After an error there is no next chunk.
    pub fn next_chunk(&mut self) -> Result<Option<ChunkStart>, TextError> {
        loop {
            if self.progress().end > self.offset {
                self.in_chunk = true;
                return Ok(Some(ChunkStart { first_line: self.line, offset: self.offset }));
            }
            if !self.read_on()? {
                return Ok(None);
            }
        }
    }

    /// The next piece of the chunk's text; `None` at the chunk's end. Bytes that are not consumed are returned again.
    ///
    /// # Errors
    ///
    /// The first error in the bytes read so far. After an error there is no next piece.
    pub fn piece(&mut self) -> Result<Option<TextPiece<'_>>, TextError> {
        while self.piece.left == 0 {
            if !self.in_chunk {
                return Ok(None);
            }
            let progress = self.progress();
            if progress.end > self.offset {
                self.next_piece()?;
            } else if progress.is_closed {
                self.index += 1;
                self.duplicates_returned = 0;
                self.in_chunk = false;
            } else {
                self.read_on()?;
            }
        }
        let text = unread_bytes(&mut self.unread, &self.pass)?;
        Ok(Some(TextPiece { text: &text[..self.piece.left], is_duplicate: self.piece.is_duplicate }))
    }

    /// Skips the first bytes of the last piece.
    pub fn consume(&mut self, bytes: usize) {
        let bytes = bytes.min(self.piece.left);
        self.unread.consume(bytes);
        self.offset += bytes as u64;
        self.piece.left -= bytes;
        if bytes > 0 && self.piece.left == 0 {
            self.line += self.piece.lines;
            self.duplicates_returned += usize::from(self.piece.is_duplicate && self.piece.lines == 1);
            let progress = self.progress();
            if self.offset == progress.end {
                self.line = progress.line_at_end;
            }
        }
    }

    /// The last chunk that was consumed. It has no hash, and its range and access point in the gzip file are not
    /// usable.
    pub fn chunk(&self) -> Option<&Chunk> {
        self.index.checked_sub(1).and_then(|last| self.closed_chunks().get(last))
    }

    /// The file's reader.
    pub fn input(&self) -> &R {
        self.input.reader()
    }

    fn closed_chunks(&self) -> &[Chunk] {
        match &self.pass {
            PassState::Running(planner) => planner.chunker().closed(),
            PassState::Over(plan) => &plan.chunks,
        }
    }

    fn progress(&self) -> ChunkProgress<'_> {
        if let Some(chunk) = self.closed_chunks().get(self.index) {
            return ChunkProgress {
                end: chunk.uncompressed_end,
                line_at_end: chunk.first_line + chunk.lines,
                duplicates: &chunk.duplicate_lines,
                is_closed: true,
            };
        }
        match &self.pass {
            PassState::Running(planner) => {
                let (lines, end) = planner.chunker().whole_lines();
                let duplicates = planner.chunker().open_duplicates();
                ChunkProgress { end, line_at_end: lines + 1, duplicates, is_closed: false }
            }
            PassState::Over(_) => {
                ChunkProgress { end: self.offset, line_at_end: self.line, duplicates: &[], is_closed: true }
            }
        }
    }

    /// Sets the next piece: known text up to the next change between duplicate and other lines.
    fn next_piece(&mut self) -> Result<(), TextError> {
        let progress = self.progress();
        let (end, duplicate) = (progress.end, progress.duplicates.get(self.duplicates_returned).copied());
        let known = usize::try_from(end - self.offset).unwrap_or(usize::MAX);
        let text = unread_bytes(&mut self.unread, &self.pass)?;
        let text = &text[..text.len().min(known)];
        let is_duplicate = duplicate == Some(self.line);
        let (left, lines) = match duplicate {
            Some(duplicate) => first_lines(text, if is_duplicate { 1 } else { duplicate - self.line }),
            None => (text.len(), 0),
        };
        self.piece = CurrentPiece { left, lines, is_duplicate };
        Ok(())
    }

    /// Reads and inflates more of the file; false at its end.
    fn read_on(&mut self) -> Result<bool, TextError> {
        let PassState::Running(planner) = &mut self.pass else { return Ok(false) };
        let is_first = self.input.kind() == FileKind::Unknown;
        self.input.read()?;
        let is_plain = self.input.kind() == FileKind::Plain;
        if is_first && is_plain {
            planner.begin_plain();
        }
        planner.lend_unread(std::mem::take(&mut self.unread));
        if planner.history().room_bytes() < ROOM_BYTES {
            // Most text was read by now, so little has to be kept.
            planner.make_room();
        }
        let bytes = self.input.bytes();
        let pushed = if is_plain {
            planner.push_plain(bytes);
            Ok(())
        } else {
            planner.push(bytes)
        };
        self.unread = planner.return_unread();
        pushed?;
        if bytes.is_empty() {
            self.finish()?;
        }
        Ok(true)
    }

    fn finish(&mut self) -> Result<(), TextError> {
        if let PassState::Running(planner) = std::mem::replace(&mut self.pass, PassState::Over(GzipPlan::default())) {
            self.unread.keep(planner.history().all());
            self.pass = PassState::Over(planner.finish()?.plan);
        }
        Ok(())
    }
}

/// The text that was not consumed.
fn unread_bytes<'a>(unread: &'a mut UnreadText, pass: &'a PassState) -> Result<&'a [u8], TextError> {
    let history = match pass {
        PassState::Running(planner) => Some(planner.history()),
        PassState::Over(_) => None,
    };
    unread.bytes(history).map_err(TextError::Spool)
}

/// The length of the first `wanted` lines, or of all the text if it has fewer lines; and the number of its line feeds.
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
