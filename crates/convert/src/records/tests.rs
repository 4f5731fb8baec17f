use std::io::{self, BufReader, Read};

use proptest::prelude::*;

use super::*;

/// A record in the words of a test: line, offset, and `value: …`, `broken: …` or `oversized: … of N`.
type RecordSummary = (u64, u64, String);

/// Returns its text in reads of the given lengths, in a cycle, with interruptions in between.
struct TricklingReader<'a> {
    text: &'a [u8],
    lengths: Vec<usize>,
    reads: usize,
}

impl Read for TricklingReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if self.reads.is_multiple_of(3) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let length = self.lengths[self.reads % self.lengths.len()].min(buffer.len()).min(self.text.len());
        let (now, later) = self.text.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.text = later;
        Ok(length)
    }
}

struct FramedText {
    records: Vec<RecordSummary>,
    /// The start and end of each record.
    spans: Vec<(u64, u64)>,
    lines: u64,
    blank_lines: u64,
}

/// A canonical event.
const CANONICAL: &str = r#"{"id":"1","type":"PushEvent","actor":{"id":1,"login":"a"},"repo":{"id":2,"name":"b"},"payload":{},"public":true,"created_at":"2024-06-03T15:00:02Z"}"#;

fn frame(input: impl BufRead, max_record_bytes: usize, first_line: u64, first_offset: u64) -> FramedText {
    let mut buffers = RecordBuffers::new();
    let mut reader = RecordReader::new(input, first_line, first_offset, &mut buffers);
    reader.max_record_bytes = max_record_bytes;
    let (mut records, mut spans) = (Vec::new(), Vec::new());
    let framed = reader.for_each(|record| {
        records.push((record.line, record.offset, summary(record)));
        spans.push((record.offset, record.offset + record.length()));
        Ok(())
    });
    framed.unwrap();
    FramedText { records, spans, lines: reader.lines(), blank_lines: reader.blank_lines() }
}

fn summary(record: &FramedRecord<'_>) -> String {
    let bytes = printable(record.bytes());
    match &record.content {
        RecordContent::Canonical { bytes, event } => assert_eq!(event.id.of(bytes), b"1"),
        RecordContent::Broken { detail, .. } => assert!(!detail.is_empty()),
        _ => {}
    }
    match &record.content {
        RecordContent::Broken { .. } => format!("broken: {bytes}"),
        RecordContent::Oversized { length, .. } => format!("oversized: {bytes} of {length}"),
        _ => format!("value: {bytes}"),
    }
}

fn lines_and_canonical(input: impl BufRead) -> Vec<(u64, bool)> {
    let mut buffers = RecordBuffers::new();
    let mut lines = Vec::new();
    let framed = RecordReader::new(input, 1, 0, &mut buffers).for_each(|record| {
        lines.push((record.line, matches!(record.content, RecordContent::Canonical { .. })));
        Ok(())
    });
    framed.unwrap();
    lines
}

#[test]
fn canonical_lines_do_not_depend_on_reads() {
    let text =
        format!("{CANONICAL}\n{CANONICAL}\n{{}} \r\n\n{CANONICAL}\n{CANONICAL}{CANONICAL}\n {CANONICAL}\n{CANONICAL}");
    let expected = [(1, true), (2, true), (3, false), (5, true), (6, false), (6, false), (7, false), (8, true)];
    assert_eq!(lines_and_canonical(text.as_bytes()), expected);
    for capacity in [1, 2, 100, CANONICAL.len(), CANONICAL.len() + 1, 1000] {
        let input = BufReader::with_capacity(capacity, text.as_bytes());
        assert_eq!(lines_and_canonical(input), expected, "reads of {capacity} bytes");
    }
}

fn printable(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\\"", "\"")
}

fn texts(text: &[u8]) -> Vec<String> {
    frame(text, MAX_RECORD_BYTES, 1, 0).records.into_iter().map(|(_, _, text)| text).collect()
}

#[test]
fn frame_line_returns_its_records() {
    let cases: [(&str, &[u8], &[&str]); 24] = [
        ("one value a line", b"{}\n[1]\n", &["value: {}", "value: [1]"]),
        ("no line feed at the end", b"{}\n{\"a\":1}", &["value: {}", "value: {\"a\":1}"]),
        ("two objects joined", b"{\"a\":1}{\"b\":2}\n", &["value: {\"a\":1}", "value: {\"b\":2}"]),
        ("three objects and no line feed", b"{} {}\t{}", &["value: {}", "value: {}", "value: {}"]),
        ("}{ inside a string", b"{\"a\":\"}{\"}\n", &["value: {\"a\":\"}{\"}"]),
        ("an escaped quote before }{", b"{\"a\":\"\\\"}{\"}{}\n", &["value: {\"a\":\"\\\\\"}{\"}", "value: {}"]),
        ("CR LF", b"{}\r\n{}\r\n", &["value: {}", "value: {}"]),
        ("blanks around", b" \t{} \r\n", &["value: {}"]),
        ("NULs around and between", b"\0\0{}\0\0{}\0\n", &["value: {}", "value: {}"]),
        ("a NUL inside", b"{\"a\":\0 1}\n{}\n", &["broken: {\"a\":\\x00 1}", "value: {}"]),
        ("a NUL inside a string", b"{\"a\":\"\0\"}\n{}\n", &["broken: {\"a\":\"\\x00\"}", "value: {}"]),
        ("a byte order mark at the start", b"\xef\xbb\xbf{}\n", &["value: {}"]),
        ("a byte order mark later on", b"{}\n\xef\xbb\xbf{}\n", &["value: {}", "broken: \\xef\\xbb\\xbf{}"]),
        ("a torn record", b"{\"u\":\"x://{\"id\":\"1\"}\n{}\n", &["broken: {\"u\":\"x://{\"id\":\"1\"}", "value: {}"]),
        ("a good record, then a torn one", b"{}{\"a\n{}\n", &["value: {}", "broken: {\"a", "value: {}"]),
        ("a torn record, then a good one", b"{\"a{}{}\n", &["broken: {\"a{}{}"]),
        ("the last record cut", b"{}\n{\"repo\":nul", &["value: {}", "broken: {\"repo\":nul"]),
        ("not JSON", b"<html> \r\n", &["broken: <html>"]),
        ("values other than objects", b"null\n\"x\"\n12\n", &["value: null", "value: \"x\"", "value: 12"]),
        ("a number that runs into an object", b"1{}\n", &["value: 1", "value: {}"]),
        ("a lone surrogate, then a record", b"\"\\ud83d\"{}\n", &["value: \"\\\\ud83d\"", "value: {}"]),
        ("invalid UTF-8, then a record", b"\"\xff\"{}\n", &["value: \"\\xff\"", "value: {}"]),
        ("U+2028 within a line", "\"\u{2028}\"\n".as_bytes(), &["value: \"\\xe2\\x80\\xa8\""]),
        ("trailing comma", b"{},{}\n", &["value: {}", "broken: ,{}"]),
    ];
    for (phrase, text, expected) in cases {
        assert_eq!(texts(text), expected, "{phrase}");
    }
}

#[test]
fn frame_counts_lines_and_blank_lines() {
    let cases: [(&str, &[u8], u64, u64, u64); 10] = [
        ("nothing", b"", 0, 0, 0),
        ("one line", b"{}\n", 1, 0, 1),
        ("one line without line feed", b"{}", 1, 0, 1),
        ("an empty line", b"\n", 1, 1, 0),
        ("empty lines between", b"{}\n\n\n{}\n", 4, 2, 2),
        ("blanks, CR and NUL", b" \t\r\0\n{}\n", 2, 1, 1),
        ("blanks at the end of the text", b"{}\n \0", 2, 1, 1),
        ("a byte order mark alone", b"\xef\xbb\xbf\n{}\n", 2, 1, 1),
        ("a form feed is not blank", b"\x0c\n", 1, 0, 1),
        ("a line of two records", b"{}{}\n", 1, 0, 2),
    ];
    for (phrase, text, lines, blank_lines, records) in cases {
        let framed = frame(text, MAX_RECORD_BYTES, 1, 0);
        assert_eq!((framed.lines, framed.blank_lines), (lines, blank_lines), "{phrase}");
        assert_eq!(framed.records.len() as u64, records, "{phrase}");
    }
}

#[test]
fn frame_places_count_from_start_of_file() {
    let framed = frame(&b"\n {} x\n[]"[..], MAX_RECORD_BYTES, 41, 1000);
    let expected = [(42, 1002, "value: {}"), (42, 1005, "broken: x"), (43, 1007, "value: []")];
    assert_eq!(framed.records, expected.map(|(line, offset, text)| (line, offset, text.to_owned())));
    let elsewhere = frame(&b"\xef\xbb\xbf{}"[..], MAX_RECORD_BYTES, 2, 7);
    assert_eq!(
        elsewhere.records[0].2, "broken: \\xef\\xbb\\xbf{}",
        "a byte order mark is skipped only at the start of the file"
    );
}

#[test]
fn frame_record_over_limit_is_oversized() {
    let cases: [(&str, &[u8], &[&str]); 9] = [
        ("at the limit", b"[\"345678\"]\n{}\n", &["value: [\"345678\"]", "value: {}"]),
        ("at the limit, blanks behind", b"[\"345678\"]   \r\n{}\n", &["value: [\"345678\"]", "value: {}"]),
        ("at the limit, a record behind", b"[\"345678\"]{}\n", &["value: [\"345678\"]", "value: {}"]),
        ("over the limit", b"[\"3456789\"]\n{}\n", &["oversized: [\"3456789\"] of 11", "value: {}"]),
        ("over the limit, nothing behind", b"[\"3456789\"]", &["oversized: [\"3456789\"] of 11"]),
        ("a good record before", b"{}[\"3456789\"]\n{}", &["value: {}", "oversized: [\"3456789\"] of 11", "value: {}"]),
        ("many small ones on a long line", b"[][][][][][][]\n", &["value: []"; 7]),
        (
            "broken, within the limit",
            b"[][][][][]}\n",
            &["value: []", "value: []", "value: []", "value: []", "value: []", "broken: }"],
        ),
        (
            "broken and over the limit",
            b"[]}2345678901\n[]",
            &["value: []", "oversized: }2345678901 of 11", "value: []"],
        ),
    ];
    for (phrase, text, expected) in cases {
        let records: Vec<String> = frame(text, 10, 1, 0).records.into_iter().map(|(_, _, text)| text).collect();
        assert_eq!(records, expected, "{phrase}");
    }
}

#[test]
fn frame_endless_line_needs_bounded_memory() {
    let long = 100 << 20;
    let head = b"{\"a\":\"".as_slice();
    let mut buffers = RecordBuffers::new();
    let text = BufReader::new(head.chain(io::repeat(b'x').take(long)).chain(&b"\"}\n{}\n"[..]));
    let mut records = RecordReader::new(text, 1, 0, &mut buffers);
    let Some(FramedRecord { content: RecordContent::Oversized { prefix, length, sha256 }, .. }) =
        records.next_from_buffer().unwrap()
    else {
        panic!("a record of 100 MiB is oversized")
    };
    assert_eq!(prefix.len(), OVERSIZED_PREFIX_BYTES);
    assert!(prefix.starts_with(head));
    assert_eq!(length, head.len() as u64 + long + 2);
    let mut hash = Sha256::new();
    hash.update(head);
    let mebibyte = vec![b'x'; 1 << 20];
    for _ in 0..100 {
        hash.update(&mebibyte);
    }
    hash.update(b"\"}");
    assert_eq!(sha256, <[u8; 32]>::from(hash.finalize()));
    let next = records.next_from_buffer().unwrap();
    assert!(matches!(next, Some(FramedRecord { content: RecordContent::Object { bytes: b"{}", .. }, line: 2, .. })));
    assert!(records.next_from_buffer().unwrap().is_none());
    assert!(records.line.capacity() <= 3 * MAX_RECORD_BYTES, "held {} bytes", records.line.capacity());
}

#[test]
fn frame_long_line_needs_bounded_memory() {
    for (phrase, byte, expected) in [("blanks", b' ', 1), ("NULs", 0, 1), ("numbers", b'"', (40 << 19) + 1)] {
        let mut buffers = RecordBuffers::new();
        let text = BufReader::new(io::repeat(byte).take(40 << 20).chain(&b"{}"[..]));
        let mut records = RecordReader::new(text, 1, 0, &mut buffers);
        let mut count = 0;
        while records.next_from_buffer().unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, expected, "{phrase}");
        assert!(records.line.capacity() <= 3 * MAX_RECORD_BYTES, "{phrase}: held {}", records.line.capacity());
    }
}

#[test]
fn frame_failing_reader_returns_offset() {
    struct FailingReader;
    impl Read for FailingReader {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the line is dead"))
        }
    }
    let mut buffers = RecordBuffers::new();
    let input = (&b"{}\n{}"[..]).chain(BufReader::new(FailingReader));
    let mut records = RecordReader::new(input, 1, 100, &mut buffers);
    assert!(matches!(records.next_from_buffer(), Ok(Some(_))), "the record before the failure");
    match records.next_from_buffer() {
        Err(ConvertError::Read { offset: 105, source }) => assert_eq!(source.to_string(), "the line is dead"),
        other => panic!("expected a read error at byte 105, got {other:?}"),
    }
}

/// Values, separators and garbage in any order.
fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\n".to_vec()),
        Just(b"{}".to_vec()),
        Just(format!("{CANONICAL}\n").into_bytes()),
        Just(b"{\"a\":[1,\"}{\"]}".to_vec()),
        Just(b"\xef\xbb\xbf".to_vec()),
        "[ \t\r\u{0}]{1,4}".prop_map(String::into_bytes),
        "[-0-9.eE\"\\\\\\[\\]{}:,a-f]{1,6}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// A record's maximum, which most canonical events exceed.
fn any_limit() -> impl Strategy<Value = usize> {
    prop_oneof![2 => 1_usize..30, 1 => Just(CANONICAL.len()), 1 => Just(CANONICAL.len() - 1)]
}

proptest! {
    #[test]
    fn proptest_records_do_not_depend_on_reads(
        text in any_text(), lengths in prop::collection::vec(1_usize..20, 1..5), limit in any_limit(),
    ) {
        let whole = frame(&text[..], limit, 1, 0);
        let pieces = frame(BufReader::new(TricklingReader { text: &text, lengths, reads: 0 }), limit, 1, 0);
        prop_assert_eq!(whole.records, pieces.records);
        prop_assert_eq!((whole.lines, whole.blank_lines), (pieces.lines, pieces.blank_lines));
    }

    #[test]
    fn proptest_every_byte_is_used_once(text in any_text(), limit in any_limit()) {
        let framed = frame(&text[..], limit, 1, 0);
        let mut at = 0;
        for (start, end) in framed.spans.into_iter().chain([(text.len() as u64, text.len() as u64)]) {
            prop_assert!(at <= start && start <= end);
            let [before, from, to] = [at, start, end].map(|offset| usize::try_from(offset).unwrap());
            let between = &text[before..from];
            let between = if at == 0 { between.strip_prefix(b"\xef\xbb\xbf").unwrap_or(between) } else { between };
            prop_assert!(between.iter().all(|&byte| is_blank(byte) || byte == b'\n'));
            prop_assert!(!text[from..to].contains(&b'\n'));
            at = end;
        }
        let line_feeds = memchr::memchr_iter(b'\n', &text).count() as u64;
        prop_assert_eq!(framed.lines, line_feeds + u64::from(text.last().is_some_and(|&byte| byte != b'\n')));
    }

    #[test]
    fn proptest_lines_are_independent(text in any_text(), limit in any_limit()) {
        let whole = frame(&text[..], limit, 1, 0);
        let (mut offset, mut records) = (0, Vec::new());
        for (line, text) in (1..).zip(text.split_inclusive(|&byte| byte == b'\n')) {
            records.extend(frame(text, limit, line, offset).records);
            offset += text.len() as u64;
        }
        prop_assert_eq!(whole.records, records);
    }
}
