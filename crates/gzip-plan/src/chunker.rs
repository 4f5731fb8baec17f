//! Divides the text into chunks of whole lines.

use std::{hash::Hasher, ops::Range};

use twox_hash::XxHash3_64;

use crate::{
    lines::{LineClassifier, LineInParts, LineKind},
    plan::Chunk,
    points::{AccessPoints, TextHistory},
    settings::PlanSettings,
};

/// The closed chunks and the open one.
pub(crate) struct Chunker {
    settings: PlanSettings,
    /// Whether chunks are hashed.
    hashes: bool,
    lines: LineClassifier,
    /// The complete lines so far.
    line_count: u64,
    /// The offset of the current line in the text.
    line_start: u64,
    /// The current line, if it began in an earlier stretch.
    unfinished: Option<UnfinishedLine>,
    open: Option<OpenChunk>,
    closed: Vec<Chunk>,
    ends: BlockEnds,
    /// Memory: where lines end in the current stretch, and their kinds.
    line_ends: Vec<(usize, LineKind)>,
}

/// A line that is not complete.
struct UnfinishedLine {
    line: LineInParts,
    /// The hash of the open chunk without this line.
    chunk_before: XxHash3_64,
}

/// The chunk that the current line belongs to, unless the line makes it too long.
struct OpenChunk {
    chunk: Chunk,
    records: u32,
    hash: XxHash3_64,
}

/// Where the last deflate block of each chunk ends.
#[derive(Default)]
struct BlockEnds {
    /// The offset in the gzip file of the first block end after the start of the current line.
    since_line_start: Option<u64>,
    /// The first block end with the most text before it: its offsets in the text and in the gzip file.
    last: (u64, u64),
    /// The index of the first closed chunk whose last block is not over.
    unsettled: usize,
}

impl Chunker {
    pub(crate) fn new(settings: PlanSettings) -> Self {
        Self {
            settings,
            hashes: true,
            lines: LineClassifier::default(),
            line_count: 0,
            line_start: 0,
            unfinished: None,
            open: None,
            closed: Vec::new(),
            ends: BlockEnds::default(),
            line_ends: Vec::new(),
        }
    }

    /// Stops hashing chunks.
    pub(crate) fn without_hashes(&mut self) {
        self.hashes = false;
    }

    /// Stops finding duplicate lines.
    pub(crate) fn without_duplicates(&mut self) {
        self.lines.compares = false;
    }

    /// Whether the text so far ends inside a line.
    pub(crate) fn in_line(&self) -> bool {
        self.unfinished.is_some()
    }

    /// The closed chunks, in order. Their ends in the gzip file may not be known yet.
    pub(crate) fn closed(&self) -> &[Chunk] {
        &self.closed
    }

    /// The open chunk's duplicate lines so far.
    pub(crate) fn open_duplicates(&self) -> &[u64] {
        self.open.as_ref().map_or(&[], |open| &open.chunk.duplicate_lines)
    }

    /// The complete lines so far, and the offset where the next line begins.
    pub(crate) fn whole_lines(&self) -> (u64, u64) {
        (self.line_count, self.line_start)
    }

    /// A block ended after all text so far. Its last bit is in the byte before `compressed_end`.
    pub(crate) fn block_ends(&mut self, uncompressed_offset: u64, compressed_end: u64) {
        self.ends.since_line_start.get_or_insert(compressed_end);
        if uncompressed_offset > self.ends.last.0 {
            self.ends.last = (uncompressed_offset, compressed_end);
        }
        for chunk in &mut self.closed[self.ends.unsettled..] {
            chunk.compressed_end = compressed_end;
        }
        self.ends.unsettled = self.closed.len();
    }

    /// Takes the last `length` bytes of the history, which come from one block.
    pub(crate) fn text(&mut self, history: &TextHistory, length: usize, points: &mut AccessPoints) {
        let text = history.last(length);
        let start = history.end() - length as u64;
        let mut hashed = 0; // the hash of the open chunk includes the text up to here
        let mut line = 0;
        if let Some(unfinished) = self.unfinished.take() {
            let Some(line_feed) = memchr::memchr(b'\n', text) else {
                self.unfinished = Some(unfinished);
                return self.leave_unfinished(text, history, points);
            };
            line = line_feed + 1;
            let kind = self.end_unfinished(unfinished, &text[..line_feed], start + line as u64, history, points);
            hashed = self.end_line(kind, text, hashed..line, start, points);
        }
        let mut ends = std::mem::take(&mut self.line_ends);
        self.lines.whole(&text[line..], line, &mut ends);
        for (line_feed, kind) in ends.drain(..) {
            if self.too_long_with(start + line_feed as u64 + 1) {
                self.hash(&text[hashed..line]);
                hashed = line;
                self.close_before_line();
            }
            self.open_chunk(history, points);
            line = line_feed + 1;
            hashed = self.end_line(kind, text, hashed..line, start, points);
        }
        self.line_ends = ends;
        self.hash(&text[hashed..line]);
        if line < length {
            self.leave_unfinished(&text[line..], history, points);
        }
    }

    /// Counts the line that ends with `unhashed`, a range of `text`, and closes the chunk if it is full. `start` is the
    /// offset of `text`. Returns the index up to which the text is hashed.
    fn end_line(
        &mut self,
        kind: LineKind,
        text: &[u8],
        unhashed: Range<usize>,
        start: u64,
        points: &mut AccessPoints,
    ) -> usize {
        let (hashed, line_end) = (unhashed.start, unhashed.end);
        let end = start + line_end as u64;
        if !self.count_line(kind, end, points) {
            return hashed;
        }
        self.hash(&text[unhashed]);
        self.close(end, None);
        line_end
    }

    /// Ends the text. Returns the chunks and the number of lines.
    pub(crate) fn finish(mut self, history: &TextHistory, points: &mut AccessPoints) -> (Vec<Chunk>, u64) {
        let end = history.end();
        if let Some(unfinished) = self.unfinished.take() {
            self.make_way_for_unfinished(&unfinished, end, history, points);
            let kind = self.lines.end(&unfinished.line);
            self.count_line(kind, end, points);
        }
        if self.open.is_some() {
            self.close(end, Some(self.ends.last.1));
        }
        (self.closed, self.line_count)
    }

    /// Ends a line with its last part. Returns its kind; the open chunk is the one that it belongs to.
    fn end_unfinished(
        &mut self,
        mut unfinished: UnfinishedLine,
        content: &[u8],
        end: u64,
        history: &TextHistory,
        points: &mut AccessPoints,
    ) -> LineKind {
        self.make_way_for_unfinished(&unfinished, end, history, points);
        self.lines.part(&mut unfinished.line, content);
        self.lines.end(&unfinished.line)
    }

    /// Saves the state of a line that continues in the next stretch.
    fn leave_unfinished(&mut self, part: &[u8], history: &TextHistory, points: &mut AccessPoints) {
        let mut unfinished = if let Some(unfinished) = self.unfinished.take() {
            unfinished
        } else {
            self.open_chunk(history, points);
            let chunk_before = self.open.as_ref().map(|open| open.hash.clone()).unwrap_or_default();
            UnfinishedLine { line: LineClassifier::begin(self.hashes), chunk_before }
        };
        self.lines.part(&mut unfinished.line, part);
        self.unfinished = Some(unfinished);
        self.hash(part);
    }

    /// If the chunk is too long with an unfinished line, closes it before the line and opens one with the line's parts.
    fn make_way_for_unfinished(
        &mut self,
        unfinished: &UnfinishedLine,
        end: u64,
        history: &TextHistory,
        points: &mut AccessPoints,
    ) {
        if !self.too_long_with(end) {
            return;
        }
        if let Some(open) = &mut self.open {
            open.hash = unfinished.chunk_before.clone();
        }
        self.close_before_line();
        self.open_chunk(history, points);
        if let Some(open) = &mut self.open {
            open.hash = unfinished.line.chunk_hash().cloned().unwrap_or_default();
        }
    }

    /// Whether the open chunk has a line and would be too long with the line that ends here.
    fn too_long_with(&self, line_end: u64) -> bool {
        self.open.as_ref().is_some_and(|open| {
            let start = open.chunk.uncompressed_start;
            start < self.line_start && line_end - start > self.settings.max_chunk_bytes
        })
    }

    fn open_chunk(&mut self, history: &TextHistory, points: &mut AccessPoints) {
        if self.open.is_some() {
            return;
        }
        let chunk = Chunk {
            access_point: points.for_line(history),
            compressed_start: 0,
            compressed_end: 0,
            uncompressed_start: self.line_start,
            uncompressed_end: 0,
            first_line: self.line_count + 1,
            lines: 0,
            blank_lines: 0,
            duplicate_lines: Vec::new(),
            xxh3: String::new(),
        };
        self.open = Some(OpenChunk { chunk, records: 0, hash: XxHash3_64::new() });
    }

    /// Counts a line in the open chunk. Returns whether the chunk has its maximum of records.
    fn count_line(&mut self, kind: LineKind, end: u64, points: &mut AccessPoints) -> bool {
        self.line_count += 1;
        self.line_start = end;
        self.ends.since_line_start = None;
        points.line_ends();
        let open = self.open.as_mut().expect("a chunk is opened before its first line is counted");
        open.chunk.lines += 1;
        match kind {
            LineKind::Blank => open.chunk.blank_lines += 1,
            LineKind::New => open.records += 1,
            LineKind::Duplicate => {
                open.records += 1;
                open.chunk.duplicate_lines.push(self.line_count);
            }
        }
        open.records >= self.settings.chunk_records
    }

    fn close_before_line(&mut self) {
        self.close(self.line_start, self.ends.since_line_start);
    }

    fn close(&mut self, end: u64, compressed_end: Option<u64>) {
        let Some(open) = self.open.take() else { return };
        let mut chunk = open.chunk;
        chunk.uncompressed_end = end;
        if self.hashes {
            chunk.xxh3 = format!("{:016x}", open.hash.finish());
        }
        if let Some(compressed_end) = compressed_end {
            chunk.compressed_end = compressed_end;
            self.ends.unsettled = self.closed.len() + 1;
        }
        self.closed.push(chunk);
    }

    fn hash(&mut self, text: &[u8]) {
        if let Some(open) = &mut self.open
            && self.hashes
        {
            open.hash.write(text);
        }
    }
}
