//! What lines are: where they end, which are blank, which are equal.

use std::{
    collections::HashSet,
    hash::{BuildHasherDefault, Hasher},
};

use twox_hash::{XxHash3_64, XxHash3_128};

const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// What a line is, besides its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// White space or NUL alone, or nothing.
    Blank,
    /// The first of its content.
    New,
    /// Equal, byte for byte, to an earlier line that is not blank.
    Duplicate,
}

/// Tells the kinds of the lines of one file apart, in order. Holds 16 bytes for every line with new content.
pub(crate) struct Lines {
    /// Whether equal lines are looked for.
    pub(crate) compares: bool,
    seen: HashSet<u128, BuildHasherDefault<AsItIs>>,
    beginning: Beginning,
    /// The hashes of whole lines; none of those that are blank.
    hashes: Vec<Option<u128>>,
}

/// The table of lines grows by this many times what it holds: filling larger ones takes longer than looking things up.
const GROWTH: usize = 3;

impl Default for Lines {
    fn default() -> Self {
        Self { compares: true, seen: HashSet::default(), beginning: Beginning::default(), hashes: Vec::new() }
    }
}

impl Lines {
    /// The lines of `text`, which begins with one, that are whole: for each, the index of its line feed, counted from
    /// `first`, and its kind.
    pub(crate) fn whole(&mut self, text: &[u8], first: usize, ends: &mut Vec<(usize, Kind)>) {
        let mut line = 0;
        self.hashes.clear();
        for line_feed in memchr::memchr_iter(b'\n', text) {
            let content = &text[line..line_feed];
            let blank = self.beginning.is_blank(content) && self.beginning.ends_blank();
            self.beginning.over = true;
            if self.compares {
                self.hashes.push((!blank).then(|| XxHash3_128::oneshot(content)));
            }
            ends.push((first + line_feed, if blank { Kind::Blank } else { Kind::New }));
            line = line_feed + 1;
        }
        // The table is larger than the processor's caches. A look-up that does not have to wait for the hash of its line
        // does not wait for the look-up before it either.
        for ((_, kind), hash) in ends.iter_mut().zip(&self.hashes) {
            if let Some(hash) = *hash
                && !insert(&mut self.seen, hash)
            {
                *kind = Kind::Duplicate;
            }
        }
    }

    /// Begins a line that comes in parts; `hashes_chunk` says whether it is hashed as a chunk's beginning too.
    pub(crate) fn begin(&self, hashes_chunk: bool) -> LineInParts {
        LineInParts { hash: XxHash3_128::new(), chunk_hash: hashes_chunk.then(XxHash3_64::new), blank: true }
    }

    /// Takes the next part of a line.
    pub(crate) fn part(&mut self, line: &mut LineInParts, content: &[u8]) {
        line.blank &= self.beginning.is_blank(content);
        line.hash.write(content);
        if let Some(hash) = &mut line.chunk_hash {
            hash.write(content);
        }
    }

    /// The kind of a line that came in parts.
    pub(crate) fn end(&mut self, line: &LineInParts) -> Kind {
        let blank = line.blank && self.beginning.ends_blank();
        self.kind(blank, || line.hash.finish_128())
    }

    fn kind(&mut self, blank: bool, hash: impl FnOnce() -> u128) -> Kind {
        self.beginning.over = true;
        if blank {
            Kind::Blank
        } else if !self.compares || insert(&mut self.seen, hash()) {
            Kind::New
        } else {
            Kind::Duplicate
        }
    }
}

/// Adds a hash; false if it is there already.
#[inline]
fn insert(seen: &mut HashSet<u128, BuildHasherDefault<AsItIs>>, hash: u128) -> bool {
    if seen.len() == seen.capacity() {
        seen.reserve(GROWTH * seen.len());
    }
    seen.insert(hash)
}

/// A line of which there is more to come.
pub(crate) struct LineInParts {
    hash: XxHash3_128,
    /// The hash of a chunk that begins with it, if anybody wants it.
    chunk_hash: Option<XxHash3_64>,
    blank: bool,
}

impl LineInParts {
    /// The hash of a chunk that begins with it, so far.
    pub(crate) fn chunk_hash(&self) -> Option<&XxHash3_64> {
        self.chunk_hash.as_ref()
    }
}

/// The file's first bytes, where a byte order mark counts as blank.
#[derive(Default)]
struct Beginning {
    bytes: [u8; 3],
    length: usize,
    /// Whether the first line is over.
    over: bool,
}

impl Beginning {
    /// Whether this part of a line is blank as far as can be told before the line ends.
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

    /// Whether the first bytes of the line are blank; true of all lines but the first.
    #[inline]
    fn ends_blank(&self) -> bool {
        self.over || self.bytes[..self.length] == BYTE_ORDER_MARK || is_blank(&self.bytes[..self.length])
    }
}

fn is_blank(content: &[u8]) -> bool {
    content.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | 0))
}

/// A hasher for keys that are hashes.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case = (&'static str, &'static [&'static [u8]], &'static [Kind]);

    #[test]
    fn lines_are_told_apart() {
        use Kind::{Blank, Duplicate, New};
        let cases: [Case; 8] = [
            ("a line again", &[b"a", b"b", b"a"], &[New, New, Duplicate]),
            ("blank lines are no duplicates", &[b"", b" ", b"", b" "], &[Blank; 4]),
            ("all that is blank", &[b" \t\r\0", b"\x0b", b"\xc2\xa0"], &[Blank, New, New]),
            ("a carriage return counts as content", &[b"a", b"a\r", b"a "], &[New; 3]),
            ("a byte order mark alone", &[b"\xef\xbb\xbf", b"a"], &[Blank, New]),
            ("a byte order mark and blanks", &[b"\xef\xbb\xbf \r", b"a"], &[Blank, New]),
            ("half a byte order mark", &[b"\xef\xbb", b"\xef\xbb\xbf"], &[New, New]),
            ("a byte order mark later", &[b" ", b"\xef\xbb\xbf", b"\xef\xbb\xbf"], &[Blank, New, Duplicate]),
        ];
        for (case, lines, expected) in cases {
            let mut whole = Lines::default();
            let kinds: Vec<Kind> = lines.iter().flat_map(|line| in_one(&mut whole, &[line])).collect();
            assert_eq!(kinds, expected, "{case}");
            assert_eq!(in_one(&mut Lines::default(), lines), expected, "{case}, all at once");
            let mut parted = Lines::default();
            let kinds: Vec<Kind> = lines.iter().map(|line| in_parts(&mut parted, line)).collect();
            assert_eq!(kinds, expected, "{case}, byte by byte");
        }
    }

    fn in_one(lines: &mut Lines, contents: &[&[u8]]) -> Vec<Kind> {
        let mut text: Vec<u8> = contents.iter().flat_map(|content| [content, &b"\n"[..]].concat()).collect();
        text.extend_from_slice(b"part of a line");
        let mut ends = Vec::new();
        lines.whole(&text, 0, &mut ends);
        assert!(ends.iter().all(|(end, _)| text[*end] == b'\n'));
        ends.into_iter().map(|(_, kind)| kind).collect()
    }

    fn in_parts(lines: &mut Lines, content: &[u8]) -> Kind {
        let mut line = lines.begin(false);
        content.iter().for_each(|byte| lines.part(&mut line, &[*byte]));
        lines.end(&line)
    }
}
