//! Classifies lines: blank, new, or equal to an earlier line.

use std::{
    collections::HashSet,
    hash::{BuildHasherDefault, Hasher},
};

use twox_hash::{XxHash3_64, XxHash3_128};

const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// Empty, or only white space and NUL.
    Blank,
    /// The first line with its content.
    New,
    /// Byte for byte equal to an earlier line that is not blank.
    Duplicate,
}

/// Classifies the lines of one file, in order. Holds 16 bytes for each distinct line.
pub(crate) struct LineClassifier {
    /// Whether duplicate lines are found.
    pub(crate) compares: bool,
    seen: HashSet<u128, BuildHasherDefault<IdentityHasher>>,
    file_start: FileStart,
    /// The hashes of the lines of the current stretch; `None` for blank lines.
    hashes: Vec<Option<u128>>,
}

/// The table of lines grows by this many times its length. Growing a large table takes longer than looking lines up.
const GROWTH: usize = 3;

impl Default for LineClassifier {
    fn default() -> Self {
        Self { compares: true, seen: HashSet::default(), file_start: FileStart::default(), hashes: Vec::new() }
    }
}

impl LineClassifier {
    /// Classifies the complete lines of `text`, which begins with a line. Adds the index of each line feed, counted
    /// from `first`, and the line's kind to `ends`.
    pub(crate) fn whole(&mut self, text: &[u8], first: usize, ends: &mut Vec<(usize, LineKind)>) {
        let mut line = 0;
        self.hashes.clear();
        for line_feed in memchr::memchr_iter(b'\n', text) {
            let content = &text[line..line_feed];
            let blank = self.file_start.is_blank(content) && self.file_start.ends_blank();
            self.file_start.over = true;
            if self.compares {
                self.hashes.push((!blank).then(|| XxHash3_128::oneshot(content)));
            }
            ends.push((first + line_feed, if blank { LineKind::Blank } else { LineKind::New }));
            line = line_feed + 1;
        }
        // The table is larger than the processor's caches. In a separate loop, look-ups do not wait for hashes, so
        // the processor starts the next one before the last one ends.
        for ((_, kind), hash) in ends.iter_mut().zip(&self.hashes) {
            if let Some(hash) = *hash
                && !insert(&mut self.seen, hash)
            {
                *kind = LineKind::Duplicate;
            }
        }
    }

    /// Begins a line that arrives in parts. `hashes_chunk`: whether the hash of a chunk that begins with it is needed
    /// too.
    pub(crate) fn begin(hashes_chunk: bool) -> LineInParts {
        LineInParts { hash: XxHash3_128::new(), chunk_hash: hashes_chunk.then(XxHash3_64::new), blank: true }
    }

    /// Adds the next part of a line.
    pub(crate) fn part(&mut self, line: &mut LineInParts, content: &[u8]) {
        line.blank &= self.file_start.is_blank(content);
        line.hash.write(content);
        if let Some(hash) = &mut line.chunk_hash {
            hash.write(content);
        }
    }

    /// The kind of a line that arrived in parts.
    pub(crate) fn end(&mut self, line: &LineInParts) -> LineKind {
        let blank = line.blank && self.file_start.ends_blank();
        self.kind(blank, || line.hash.finish_128())
    }

    fn kind(&mut self, blank: bool, hash: impl FnOnce() -> u128) -> LineKind {
        self.file_start.over = true;
        if blank {
            LineKind::Blank
        } else if !self.compares || insert(&mut self.seen, hash()) {
            LineKind::New
        } else {
            LineKind::Duplicate
        }
    }
}

/// Adds a hash. Returns false if it was there before.
#[inline]
fn insert(seen: &mut HashSet<u128, BuildHasherDefault<IdentityHasher>>, hash: u128) -> bool {
    if seen.len() == seen.capacity() {
        seen.reserve(GROWTH * seen.len());
    }
    seen.insert(hash)
}

/// A line that is not complete.
pub(crate) struct LineInParts {
    hash: XxHash3_128,
    /// The hash of a chunk that begins with this line, if it is needed.
    chunk_hash: Option<XxHash3_64>,
    blank: bool,
}

impl LineInParts {
    /// The hash so far of a chunk that begins with this line.
    pub(crate) fn chunk_hash(&self) -> Option<&XxHash3_64> {
        self.chunk_hash.as_ref()
    }
}

/// The first bytes of the file, where a byte order mark counts as blank.
#[derive(Default)]
struct FileStart {
    bytes: [u8; 3],
    length: usize,
    /// Whether the first line is over.
    over: bool,
}

impl FileStart {
    /// Whether this part of a line is blank. The bytes of a possible byte order mark are checked by
    /// [`Self::ends_blank`].
    #[inline]
    fn is_blank(&mut self, mut content: &[u8]) -> bool {
        while !self.over && self.length < self.bytes.len() {
            let Some((&first, rest)) = content.split_first() else { break };
            self.bytes[self.length] = first;
            self.length += 1;
            content = rest;
        }
        is_blank(content)
    }

    /// Whether the first bytes of the line are blank; always true after the first line.
    #[inline]
    fn ends_blank(&self) -> bool {
        self.over || self.bytes[..self.length] == BYTE_ORDER_MARK || is_blank(&self.bytes[..self.length])
    }
}

fn is_blank(content: &[u8]) -> bool {
    content.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | 0))
}

/// A hasher for keys that are hashes themselves.
#[derive(Default)]
struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type LineCase = (&'static str, &'static [&'static [u8]], &'static [LineKind]);

    #[test]
    fn classify_lines_returns_kinds() {
        use LineKind::{Blank, Duplicate, New};
        let cases: [LineCase; 8] = [
            ("a repeated line", &[b"a", b"b", b"a"], &[New, New, Duplicate]),
            ("blank lines are not duplicates", &[b"", b" ", b"", b" "], &[Blank; 4]),
            ("blank and similar bytes", &[b" \t\r\0", b"\x0b", b"\xc2\xa0"], &[Blank, New, New]),
            ("a carriage return counts as content", &[b"a", b"a\r", b"a "], &[New; 3]),
            ("a byte order mark alone", &[b"\xef\xbb\xbf", b"a"], &[Blank, New]),
            ("a byte order mark and blanks", &[b"\xef\xbb\xbf \r", b"a"], &[Blank, New]),
            ("half a byte order mark", &[b"\xef\xbb", b"\xef\xbb\xbf"], &[New, New]),
            ("a byte order mark later", &[b" ", b"\xef\xbb\xbf", b"\xef\xbb\xbf"], &[Blank, New, Duplicate]),
        ];
        for (case, lines, expected) in cases {
            let mut whole = LineClassifier::default();
            let kinds: Vec<LineKind> = lines.iter().flat_map(|line| in_one(&mut whole, &[line])).collect();
            assert_eq!(kinds, expected, "{case}");
            assert_eq!(in_one(&mut LineClassifier::default(), lines), expected, "{case}, all at once");
            let mut parted = LineClassifier::default();
            let kinds: Vec<LineKind> = lines.iter().map(|line| in_parts(&mut parted, line)).collect();
            assert_eq!(kinds, expected, "{case}, byte by byte");
        }
    }

    fn in_one(lines: &mut LineClassifier, contents: &[&[u8]]) -> Vec<LineKind> {
        let mut text: Vec<u8> = contents.iter().flat_map(|content| [content, &b"\n"[..]].concat()).collect();
        text.extend_from_slice(b"part of a line");
        let mut ends = Vec::new();
        lines.whole(&text, 0, &mut ends);
        assert!(ends.iter().all(|(end, _)| text[*end] == b'\n'));
        ends.into_iter().map(|(_, kind)| kind).collect()
    }

    fn in_parts(lines: &mut LineClassifier, content: &[u8]) -> LineKind {
        let mut line = LineClassifier::begin(false);
        for byte in content {
            lines.part(&mut line, &[*byte]);
        }
        lines.end(&line)
    }
}
