//! Reads lines of any length in bounded memory.

use std::io::{self, BufRead};

/// The non-blank lines of a reader.
pub(super) struct InputLines<R> {
    input: R,
    number: u64,
    max_bytes: usize,
}

/// A line without its line feed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InputLine {
    /// From 1, counting blank lines.
    pub(super) number: u64,
    /// The bytes; of a longer line, the first `max_bytes + 1`.
    pub(super) bytes: Vec<u8>,
    /// The length of the whole line in bytes.
    pub(super) length: usize,
}

impl<R: BufRead> InputLines<R> {
    pub(super) fn new(input: R, max_bytes: usize) -> Self {
        Self { input, number: 0, max_bytes }
    }

    /// The next line that is not blank, or `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<InputLine>> {
        while let Some(line) = self.line()? {
            if line.bytes.iter().any(|byte| !byte.is_ascii_whitespace()) {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    fn line(&mut self) -> io::Result<Option<InputLine>> {
        self.number += 1;
        let mut line = InputLine { number: self.number, bytes: Vec::new(), length: 0 };
        loop {
            let piece = match self.input.fill_buf() {
                Ok(piece) => piece,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let end = piece.iter().position(|byte| *byte == b'\n');
            let taken = end.unwrap_or(piece.len());
            let room = (self.max_bytes + 1).saturating_sub(line.bytes.len());
            line.bytes.extend_from_slice(&piece[..taken.min(room)]);
            line.length += taken;
            let is_end = piece.is_empty();
            self.input.consume(taken + usize::from(end.is_some()));
            if end.is_some() {
                return Ok(Some(line));
            }
            if is_end {
                return Ok((line.length > 0).then_some(line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn lines_are_numbered_and_long_ones_cut() {
        for capacity in [1, 3, 100] {
            let text = &b"one\n\n  \r\ntwelve bytes\nlast"[..];
            let mut lines = InputLines::new(BufReader::with_capacity(capacity, text), 5);
            let mut found = Vec::new();
            while let Some(InputLine { number, bytes, length }) = lines.next().unwrap() {
                found.push((number, String::from_utf8(bytes).unwrap(), length));
            }
            let expected = [(1, "one", 3), (4, "twelve", 12), (5, "last", 4)];
            assert_eq!(found, expected.map(|(number, text, length)| (number, text.to_owned(), length)));
        }
    }
}
