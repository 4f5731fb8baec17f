//! The text just inflated, and the access points that the next chunks may need.

use crate::{
    inflate::WINDOW_BYTES,
    plan::{AccessPoint, Window},
    window,
};

/// Text inflated in one go; with the window before it, half a MiB, which a processor's second-level cache holds.
const FRESH_BYTES: usize = 480 * 1024;

/// The end of the inflated text: at least the last 32 KiB, and room for more.
pub(crate) struct History {
    bytes: Vec<u8>,
    filled: usize,
    /// Offset of the first byte in the whole text.
    start: u64,
}

impl History {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; WINDOW_BYTES + FRESH_BYTES], filled: 0, start: 0 }
    }

    /// Whether there is no room left; [`Self::slide`] makes some.
    pub(crate) fn is_full(&self) -> bool {
        self.filled == self.bytes.len()
    }

    /// Forgets all but the last 32 KiB.
    pub(crate) fn slide(&mut self) {
        let forgotten = self.filled.saturating_sub(WINDOW_BYTES);
        self.bytes.copy_within(forgotten..self.filled, 0);
        self.filled -= forgotten;
        self.start += forgotten as u64;
    }

    /// Where its text begins, and as much of it as [`Self::slide`] forgets.
    pub(crate) fn forgettable(&self) -> (u64, &[u8]) {
        (self.start, &self.bytes[..self.filled.saturating_sub(WINDOW_BYTES)])
    }

    /// Where its text begins, and all of it.
    pub(crate) fn all(&self) -> (u64, &[u8]) {
        (self.start, &self.bytes[..self.filled])
    }

    /// Where to inflate to.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.filled..]
    }

    /// Takes the first `produced` bytes of the room as text.
    pub(crate) fn grow(&mut self, produced: usize) {
        self.filled += produced;
    }

    /// Length of the whole text so far.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.filled as u64
    }

    /// The last `length` bytes of the text.
    pub(crate) fn last(&self, length: usize) -> &[u8] {
        &self.bytes[self.filled - length..self.filled]
    }

    fn before(&self, offset: u64, length: usize) -> &[u8] {
        let end = (offset - self.start) as usize;
        &self.bytes[end - length..end]
    }
}

/// A place where a chunk may begin to inflate.
struct Candidate {
    compressed_bit: u64,
    uncompressed_offset: u64,
    window_bytes: usize,
    /// The window, once the history is about to forget it.
    saved: Option<Vec<u8>>,
    /// Its index among the points that are stored, once a chunk uses it.
    stored: Option<u32>,
}

impl Candidate {
    fn window<'a>(&'a self, history: &'a History) -> &'a [u8] {
        match &self.saved {
            Some(window) => window,
            None => history.before(self.uncompressed_offset, self.window_bytes),
        }
    }
}

/// The access points: those that chunks use, and the two that the next chunk may need.
pub(crate) struct Points {
    /// The last block boundary.
    latest: Option<Candidate>,
    /// The last one at or before the start of the line being read, if that is another.
    before_line: Option<Candidate>,
    used: Vec<AccessPoint>,
    /// Whether windows are kept, for whoever begins to inflate at a point.
    keeps_windows: bool,
    windows: Vec<u8>,
}

impl Points {
    pub(crate) fn new() -> Self {
        Self { latest: None, before_line: None, used: Vec::new(), keeps_windows: true, windows: Vec::new() }
    }

    /// Keeps no window from here on.
    pub(crate) fn without_windows(&mut self) {
        self.keeps_windows = false;
    }

    /// Notes that a block begins at this bit, after all text of the history, `window_bytes` of which it can refer to.
    pub(crate) fn block_begins(&mut self, compressed_bit: u64, history: &History, window_bytes: usize, in_line: bool) {
        let uncompressed_offset = history.end();
        let new = Candidate { compressed_bit, uncompressed_offset, window_bytes, saved: None, stored: None };
        let previous = self.latest.replace(new);
        if in_line && self.before_line.is_none() {
            self.before_line = previous;
        }
    }

    /// Notes that a line is over, so that the next one may begin at the latest boundary.
    pub(crate) fn line_ends(&mut self) {
        self.before_line = None;
    }

    /// The access point for the line being read (or about to be), stored if it was not yet.
    pub(crate) fn for_line(&mut self, history: &History) -> u32 {
        let candidate = self.before_line.as_mut().or(self.latest.as_mut()).expect("text comes out of a block");
        if let Some(index) = candidate.stored {
            return index;
        }
        let text = if self.keeps_windows { candidate.window(history) } else { &[] };
        let window = (!text.is_empty()).then(|| {
            let deflated = window::deflate(text);
            let window = Window { offset: self.windows.len() as u64, length: deflated.len() as u32 };
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

    /// Keeps what the history is about to forget.
    pub(crate) fn save_windows(&mut self, history: &History) {
        for candidate in [&mut self.latest, &mut self.before_line].into_iter().flatten().filter(|_| self.keeps_windows)
        {
            if candidate.saved.is_none() && candidate.stored.is_none() {
                candidate.saved = Some(candidate.window(history).to_vec());
            }
        }
    }

    /// The points that chunks use, and their windows.
    pub(crate) fn finish(self) -> (Vec<AccessPoint>, Vec<u8>) {
        (self.used, self.windows)
    }
}
