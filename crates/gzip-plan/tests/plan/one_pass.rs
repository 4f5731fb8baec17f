//! One pass returns the same text as a plan and its chunks.

use std::io::{self, Read};

use gzip_plan::{Chunk, PlainText, PlanError, PlanSettings, TextChunks, TextError};
use proptest::prelude::*;

use crate::properties::{any_file, any_pieces, any_settings, small};
use crate::support::{WHOLE, chunks_of, gzip, plan, read_chunk};

/// A reader that returns pieces of the given lengths, in a cycle.
struct PieceReader<'a> {
    rest: &'a [u8],
    lengths: Vec<usize>,
    next: usize,
}

impl Read for PieceReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.lengths[self.next % self.lengths.len()].min(self.rest.len()).min(buffer.len());
        self.next += 1;
        buffer[..length].copy_from_slice(&self.rest[..length]);
        self.rest = &self.rest[length..];
        Ok(length)
    }
}

/// A chunk, its text, and the lines of its duplicate pieces.
struct ChunkWithText {
    chunk: Chunk,
    text: Vec<u8>,
    duplicates: Vec<u64>,
}

/// Reads a file in pieces of these lengths, and consumes its text in pieces of the first length.
fn chunks(file: &[u8], settings: PlanSettings, lengths: &[usize]) -> Result<Vec<ChunkWithText>, TextError> {
    let input = PieceReader { rest: file, lengths: lengths.to_vec(), next: 0 };
    let mut pass = TextChunks::new(input, settings, PlainText::UnlessMarkup);
    let mut chunks = Vec::new();
    while let Some(start) = pass.next_chunk()? {
        let (mut text, mut duplicates, mut line) = (Vec::new(), Vec::new(), start.first_line);
        while let Some(piece) = pass.piece()? {
            assert!(!piece.text.is_empty());
            if piece.is_duplicate {
                duplicates.push(line);
                let line_feeds = memchr::memchr_iter(b'\n', piece.text).collect::<Vec<_>>();
                assert!(line_feeds.is_empty() || line_feeds == [piece.text.len() - 1], "one line at most");
            }
            let taken = &piece.text[..piece.text.len().min(lengths[0])];
            text.extend_from_slice(taken);
            line += memchr::memchr_iter(b'\n', taken).count() as u64;
            let taken = taken.len();
            pass.consume(taken);
        }
        assert!(pass.piece()?.is_none(), "no piece after the end of a chunk");
        duplicates.dedup();
        let chunk = pass.chunk().unwrap().clone();
        assert_eq!((chunk.first_line, chunk.uncompressed_start), (start.first_line, start.offset));
        chunks.push(ChunkWithText { chunk, text, duplicates });
    }
    Ok(chunks)
}

fn assert_same_as_planned(file: &[u8], settings: PlanSettings, lengths: &[usize]) -> Result<(), TestCaseError> {
    let planned = plan(file, settings).unwrap();
    let read = chunks(file, settings, lengths).unwrap();
    prop_assert_eq!(read.len(), planned.plan.chunks.len());
    for (at, (chunk, planned_chunk)) in read.iter().zip(&planned.plan.chunks).enumerate() {
        prop_assert!(chunk.text == read_chunk(file, &planned, at).unwrap(), "text of chunk {}", at);
        prop_assert_eq!(&chunk.duplicates, &planned_chunk.duplicate_lines);
        assert_same_lines(&chunk.chunk, planned_chunk)?;
    }
    Ok(())
}

fn assert_same_lines(read: &Chunk, planned: &Chunk) -> Result<(), TestCaseError> {
    let facts = |chunk: &Chunk| {
        let Chunk { uncompressed_start, uncompressed_end, first_line, lines, blank_lines, .. } = *chunk;
        (uncompressed_start, uncompressed_end, first_line, lines, blank_lines, chunk.duplicate_lines.clone())
    };
    prop_assert_eq!(facts(read), facts(planned));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn proptest_one_pass_returns_planned_chunks(
        (file, _) in any_file(), settings in any_settings(), lengths in any_pieces()
    ) {
        assert_same_as_planned(&file, settings, &lengths)?;
        assert_same_as_planned(&file, settings, &[1])?;
        assert_same_as_planned(&file, settings, &[usize::MAX])?;
    }

    #[test]
    fn proptest_plain_text_has_chunks_of_its_gzip(
        (_, text) in any_file(), settings in any_settings(), lengths in any_pieces()
    ) {
        // Its first byte must identify it as JSON.
        let text = [b"{".as_slice(), &text].concat();
        let plain = chunks(&text, settings, &lengths).unwrap();
        let packed = chunks(&gzip(&text, 6), settings, &lengths).unwrap();
        prop_assert_eq!(plain.len(), packed.len());
        for (plain, packed) in plain.iter().zip(&packed) {
            prop_assert!(plain.text == packed.text && plain.duplicates == packed.duplicates);
            assert_same_lines(&plain.chunk, &packed.chunk)?;
        }
    }

    #[test]
    fn proptest_bad_file_returns_plan_error(
        (mut file, _) in any_file(), at in any::<prop::sample::Index>(), bits in 0..=255_u8,
        cut in any::<prop::sample::Index>(), lengths in any_pieces()
    ) {
        let at = at.index(file.len());
        file[at] ^= bits;
        file.truncate(cut.index(file.len()) + 1);
        prop_assume!(file.starts_with(&[0x1f, 0x8b]) || file == [0x1f]);
        match (plan(&file, small()), chunks(&file, small(), &lengths)) {
            (Ok(planned), Ok(read)) => prop_assert_eq!(planned.plan.chunks.len(), read.len()),
            (Err(expected), Err(TextError::Plan(found))) => prop_assert_eq!(found, expected),
            (expected, read) => {
                prop_assert!(false, "{:?}, but {:?}", expected.err(), read.err());
            }
        }
    }
}

#[test]
fn long_lines_are_spooled_to_a_file() {
    let long = vec![b'x'; 9 << 20];
    let text = [&b"a\n"[..], &long, b"\nb\n", &long, b"\na\n", &long].concat();
    for settings in [WHOLE, chunks_of(2), PlanSettings { max_chunk_bytes: 1 << 20, ..WHOLE }] {
        assert_same_as_planned(&gzip(&text, 1), settings, &[usize::MAX]).unwrap();
    }
}

#[test]
fn file_kinds_are_identified() {
    let cases: [(&str, &[u8], PlainText, Option<&str>); 9] = [
        ("JSON", b"{\"id\":1}\n", PlainText::IfJson, None),
        ("JSON after blanks", b" \n [1]", PlainText::IfJson, None),
        ("other text, accepted", b"garbage\n{}", PlainText::UnlessMarkup, None),
        ("other text, rejected", b"garbage\n{}", PlainText::IfJson, Some("something else")),
        ("a page", b"<html>", PlainText::UnlessMarkup, Some("HTML")),
        ("an error of the store", b"<?xml?>", PlainText::UnlessMarkup, Some("XML")),
        ("zstd", b"\x28\xb5\x2f\xfd\x04", PlainText::UnlessMarkup, Some("zstd")),
        ("bzip2", b"BZh91AY", PlainText::UnlessMarkup, Some("bzip2")),
        ("no bytes", b"", PlainText::UnlessMarkup, Some("empty")),
    ];
    for (case, file, plain_text, error) in cases {
        let outcome = TextChunks::new(file, WHOLE, plain_text).next_chunk();
        match (outcome, error) {
            (Ok(Some(_)), None) => {}
            (Err(found), Some(error)) => assert!(found.to_string().contains(error), "{case}: {found}"),
            (outcome, _) => panic!("{case}: {outcome:?}"),
        }
    }
    assert!(matches!(plan(b"", WHOLE), Err(PlanError::Empty)));
}
