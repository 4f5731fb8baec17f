//! The last inflated text, and the access points that the next chunks may need.

use crate::{
    inflate::WINDOW_BYTES,
    plan::{AccessPoint, GzipWindow},
    window,
};

/// The text that is inflated at a time. With the window before it, it fits into a second-level cache of half a MiB.
const FRESH_BYTES: usize = 480 * 1024;

/// The end of the inflated text: at least the last 32 KiB, and room for more.
pub(crate) struct TextHistory {
    bytes: Vec<u8>,
    filled: usize,
    /// The offset of the first byte in the whole text.
    start: u64,
}

impl TextHistory {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; WINDOW_BYTES + FRESH_BYTES], filled: 0, start: 0 }
    }

    /// Whether [`Self::slide`] must make room.
    pub(crate) fn is_full(&self) -> bool {
        self.filled == self.bytes.len()
    }

    /// Drops all but the last 32 KiB.
    pub(crate) fn slide(&mut self) {
        let forgotten = self.filled.saturating_sub(WINDOW_BYTES);
        self.bytes.copy_within(forgotten..self.filled, 0);
        self.filled -= forgotten;
        self.start += forgotten as u64;
    }

    /// The text that [`Self::slide`] drops, with its offset in the whole text.
    pub(crate) fn forgettable(&self) -> (u64, &[u8]) {
        (self.start, &self.bytes[..self.filled.saturating_sub(WINDOW_BYTES)])
    }

    /// All text of the history, with its offset in the whole text.
    pub(crate) fn all(&self) -> (u64, &[u8]) {
        (self.start, &self.bytes[..self.filled])
    }

    pub(crate) fn room_bytes(&self) -> usize {
        self.bytes.len() - self.filled
    }

    /// The room for more text.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.filled..]
    }

    /// Adds the first `produced` bytes of the room to the text.
    pub(crate) fn grow(&mut self, produced: usize) {
        self.filled += produced;
    }

    /// The length of the whole text so far.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.filled as u64
    }

    /// The last `length` bytes of the text.
    pub(crate) fn last(&self, length: usize) -> &[u8] {
        &self.bytes[self.filled - length..self.filled]
    }

    /// The index of an offset of the whole text; it must be within the history.
    pub(crate) fn index_of(&self, offset: u64) -> usize {
        usize::try_from(offset - self.start).expect("the history holds half a MiB")
    }

    fn before(&self, offset: u64, length: usize) -> &[u8] {
        let end = self.index_of(offset);
        &self.bytes[end - length..end]
    }
}

/// A block boundary where inflating a chunk may begin.
struct PointCandidate {
    compressed_bit: u64,
    uncompressed_offset: u64,
    window_bytes: usize,
    /// The window, once it is no longer in the history.
    saved: Option<Vec<u8>>,
    /// Its index among the access points, once a chunk uses it.
    stored: Option<u32>,
}

impl PointCandidate {
    fn window<'a>(&'a self, history: &'a TextHistory) -> &'a [u8] {
        match &self.saved {
            Some(window) => window,
            None => history.before(self.uncompressed_offset, self.window_bytes),
        }
    }
}

/// The access points of the chunks, and the two candidates for the next chunk.
pub(crate) struct AccessPoints {
    /// The last block boundary.
    latest: Option<PointCandidate>,
    /// The last block boundary at or before the start of the current line, if it is not `latest`.
    before_line: Option<PointCandidate>,
    used: Vec<AccessPoint>,
    /// Whether windows are stored.
    keeps_windows: bool,
    windows: Vec<u8>,
}

impl AccessPoints {
    pub(crate) fn new() -> Self {
        Self { latest: None, before_line: None, used: Vec::new(), keeps_windows: true, windows: Vec::new() }
    }

    /// Stops storing windows.
    pub(crate) fn without_windows(&mut self) {
        self.keeps_windows = false;
    }

    /// A block begins at this bit, after all text of the history. It can refer to the last `window_bytes` of it.
    pub(crate) fn block_begins(
        &mut self,
        compressed_bit: u64,
        history: &TextHistory,
        window_bytes: usize,
        in_line: bool,
    ) {
        let uncompressed_offset = history.end();
        let new = PointCandidate { compressed_bit, uncompressed_offset, window_bytes, saved: None, stored: None };
        let previous = self.latest.replace(new);
        if in_line && self.before_line.is_none() {
            self.before_line = previous;
        }
    }

    /// A line ended: the next one may begin at the latest boundary.
    pub(crate) fn line_ends(&mut self) {
        self.before_line = None;
    }

    /// The index of the access point for the current line. The point is stored if it is new.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "there are fewer access points than chunks, and a window is 32 KiB"
    )]
    pub(crate) fn for_line(&mut self, history: &TextHistory) -> u32 {
        let candidate = self.before_line.as_mut().or(self.latest.as_mut()).expect("every text comes from a block");
        if let Some(index) = candidate.stored {
            return index;
        }
        let text = if self.keeps_windows { candidate.window(history) } else { &[] };
        let window = (!text.is_empty()).then(|| {
            let deflated = window::deflate(text);
            let window = GzipWindow { offset: self.windows.len() as u64, length: deflated.len() as u32 };
            self.windows.extend_from_slice(&deflated);
            window
        });
        let index = self.used.len() as u32;
        candidate.stored = Some(index);
        self.used.push(AccessPoint {
            compressed_bit: candidate.compressed_bit,
            uncompressed_offset: candidate.uncompressed_offset,
            window,
        });
        index
    }

    /// Saves the windows that the history is about to drop.
    pub(crate) fn save_windows(&mut self, history: &TextHistory) {
        for candidate in [&mut self.latest, &mut self.before_line].into_iter().flatten().filter(|_| self.keeps_windows)
        {
            if candidate.saved.is_none() && candidate.stored.is_none() {
                candidate.saved = Some(candidate.window(history).to_vec());
            }
        }
    }

    /// The access points of the chunks, and their windows.
    pub(crate) fn finish(self) -> (Vec<AccessPoint>, Vec<u8>) {
        (self.used, self.windows)
    }
}
