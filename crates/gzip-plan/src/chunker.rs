//! Cuts the text into chunks of whole lines, as it comes.

use std::{hash::Hasher, ops::Range};

use twox_hash::XxHash3_64;

use crate::{
    lines::{Kind, LineInParts, Lines},
    plan::Chunk,
    planner::PlanSettings,
    points::{History, Points},
};

/// The chunks so far, and the one that is open.
pub(crate) struct Chunker {
    settings: PlanSettings,
    /// Whether chunks are hashed, for whoever inflates them later.
    hashes: bool,
    lines: Lines,
    /// Lines so far.
    line_count: u64,
    /// Offset of the line being read in the text.
    line_start: u64,
    /// The line being read, if part of it was in an earlier stretch.
    unfinished: Option<Unfinished>,
    open: Option<OpenChunk>,
    closed: Vec<Chunk>,
    ends: BlockEnds,
    /// Where lines end in the text that is being taken, and their kinds.
    line_ends: Vec<(usize, Kind)>,
}

/// A line of which there is more to come.
struct Unfinished {
    line: LineInParts,
    /// The hash of the open chunk without this line.
    chunk_before: XxHash3_64,
}

/// The chunk that the line being read belongs to, unless that line makes it too long.
struct OpenChunk {
    chunk: Chunk,
    records: u32,
    hash: XxHash3_64,
}

/// Where the blocks end that chunks need to the last.
#[derive(Default)]
struct BlockEnds {
    /// The first one after the start of the line being read, as an offset in the gzip file.
    since_line_start: Option<u64>,
    /// The first of those with the most text before it: offsets in the text and in the gzip file.
    last: (u64, u64),
    /// The first closed chunk whose last block is not over.
    unsettled: usize,
}

impl Chunker {
    pub(crate) fn new(settings: PlanSettings) -> Self {
        Self {
            settings,
            hashes: true,
            lines: Lines::default(),
            line_count: 0,
            line_start: 0,
            unfinished: None,
            open: None,
            closed: Vec::new(),
            ends: BlockEnds::default(),
            line_ends: Vec::new(),
        }
    }

    /// Leaves the hashes of chunks empty.
    pub(crate) fn without_hashes(&mut self) {
        self.hashes = false;
    }

    /// Takes every line as one that is equal to no other.
    pub(crate) fn without_duplicates(&mut self) {
        self.lines.compares = false;
    }

    /// Whether the text so far ends inside a line.
    pub(crate) fn in_line(&self) -> bool {
        self.unfinished.is_some()
    }

    /// The chunks that are closed so far, in order. What they need of the gzip file may not be settled yet.
    pub(crate) fn closed(&self) -> &[Chunk] {
        &self.closed
    }

    /// The open chunk's duplicate lines so far.
    pub(crate) fn open_duplicates(&self) -> &[u64] {
        self.open.as_ref().map_or(&[], |open| &open.chunk.duplicate_lines)
    }

    /// Lines so far, and the offset where the line after them begins.
    pub(crate) fn whole_lines(&self) -> (u64, u64) {
        (self.line_count, self.line_start)
    }

    /// Notes that a block ends after all text so far, its last bit in the byte before `compressed_end`.
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

    /// Takes the last `length` bytes of the history, all from one block.
    pub(crate) fn text(&mut self, history: &History, length: usize, points: &mut Points) {
        let text = history.last(length);
        let start = history.end() - length as u64;
        let mut hashed = 0; // bytes of the text that the hash of the open chunk has
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

    /// Counts the line that ends where `unhashed` does, a part of the text, which begins at the offset `start`; closes the
    /// chunk if it is full. Answers from where on the text is not hashed.
    fn end_line(&mut self, kind: Kind, text: &[u8], unhashed: Range<usize>, start: u64, points: &mut Points) -> usize {
        let (hashed, line_end) = (unhashed.start, unhashed.end);
        let end = start + line_end as u64;
        if !self.count_line(kind, end, points) {
            return hashed;
        }
        self.hash(&text[unhashed]);
        self.close(end, None);
        line_end
    }

    /// Closes what is open at the end of the text, and answers the chunks and the number of lines.
    pub(crate) fn finish(mut self, history: &History, points: &mut Points) -> (Vec<Chunk>, u64) {
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

    /// The kind of a line whose last part this is, in the chunk where it belongs.
    fn end_unfinished(
        &mut self,
        mut unfinished: Unfinished,
        content: &[u8],
        end: u64,
        history: &History,
        points: &mut Points,
    ) -> Kind {
        self.make_way_for_unfinished(&unfinished, end, history, points);
        self.lines.part(&mut unfinished.line, content);
        self.lines.end(&unfinished.line)
    }

    /// Keeps the state of a line that goes on in the next stretch.
    fn leave_unfinished(&mut self, part: &[u8], history: &History, points: &mut Points) {
        let mut unfinished = match self.unfinished.take() {
            Some(unfinished) => unfinished,
            None => {
                self.open_chunk(history, points);
                let chunk_before = self.open.as_ref().map(|open| open.hash.clone()).unwrap_or_default();
                Unfinished { line: self.lines.begin(self.hashes), chunk_before }
            }
        };
        self.lines.part(&mut unfinished.line, part);
        self.unfinished = Some(unfinished);
        self.hash(part);
    }

    /// Closes the chunk before a line that came in parts if it is too long with it, and opens one with those parts.
    fn make_way_for_unfinished(&mut self, unfinished: &Unfinished, end: u64, history: &History, points: &mut Points) {
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

    /// Whether the open chunk has lines already and is too long with the line that ends here.
    fn too_long_with(&self, line_end: u64) -> bool {
        self.open.as_ref().is_some_and(|open| {
            let start = open.chunk.uncompressed_start;
            start < self.line_start && line_end - start > self.settings.max_chunk_bytes
        })
    }

    fn open_chunk(&mut self, history: &History, points: &mut Points) {
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

    /// Counts a line in the open chunk, and answers whether that chunk now has all the records it may have.
    fn count_line(&mut self, kind: Kind, end: u64, points: &mut Points) -> bool {
        self.line_count += 1;
        self.line_start = end;
        self.ends.since_line_start = None;
        points.line_ends();
        let open = self.open.as_mut().expect("a chunk is opened before its first line is counted");
        open.chunk.lines += 1;
        match kind {
            Kind::Blank => open.chunk.blank_lines += 1,
            Kind::New => open.records += 1,
            Kind::Duplicate => {
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
