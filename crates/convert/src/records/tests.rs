use std::io::{BufReader, Read};

use proptest::prelude::*;

use super::*;

/// A record as a test states it: line, offset, and `value: …`, `broken: …` or `oversized: … of N`.
type Seen = (u64, u64, String);

/// Gives its text in reads of the given lengths, over and over, with interruptions between them.
struct Trickle<'a> {
    text: &'a [u8],
    lengths: Vec<usize>,
    reads: usize,
}

impl Read for Trickle<'_> {
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

struct Outcome {
    seen: Vec<Seen>,
    /// Start and end of each record.
    spans: Vec<(u64, u64)>,
    lines: u64,
    blank_lines: u64,
}

/// An event that is spelled as usual.
const USUAL: &str = r#"{"id":"1","type":"PushEvent","actor":{"id":1,"login":"a"},"repo":{"id":2,"name":"b"},"payload":{},"public":true,"created_at":"2024-06-03T15:00:02Z"}"#;

fn run(input: impl BufRead, max_record_bytes: usize, first_line: u64, first_offset: u64) -> Outcome {
    let mut framing = Framing::new();
    let mut records = Records::new(input, first_line, first_offset, &mut framing);
    records.max_record_bytes = max_record_bytes;
    let mut outcome = Outcome { seen: Vec::new(), spans: Vec::new(), lines: 0, blank_lines: 0 };
    loop {
        let usual = records.usual_events(|record, event| {
            assert!(matches!(record.framed, Framed::Value(bytes) if event.id.of(bytes) == b"1"));
            outcome.see(record);
            Ok(())
        });
        usual.unwrap();
        let Some(record) = records.next().unwrap() else { break };
        outcome.see(&record);
    }
    (outcome.lines, outcome.blank_lines) = (records.lines(), records.blank_lines());
    outcome
}

impl Outcome {
    fn see(&mut self, Record { line, offset, framed, .. }: &Record<'_>) {
        let (length, text) = match framed {
            Framed::Value(bytes) => (bytes.len() as u64, format!("value: {}", shown(bytes))),
            Framed::Broken { bytes, detail } => {
                assert!(!detail.is_empty());
                (bytes.len() as u64, format!("broken: {}", shown(bytes)))
            }
            Framed::Oversized { prefix, length, .. } => (*length, format!("oversized: {} of {length}", shown(prefix))),
        };
        self.seen.push((*line, *offset, text));
        self.spans.push((*offset, *offset + length));
    }
}

#[test]
fn usual_events_are_read_where_they_lie_again_after_any_other_line() {
    let text = format!("{USUAL}\n{USUAL}\n{{}} \r\n\n{USUAL}\n{USUAL}{USUAL}\n{USUAL}\n{USUAL}");
    let mut framing = Framing::new();
    let mut records = Records::new(text.as_bytes(), 1, 0, &mut framing);
    let mut lines = Vec::new();
    loop {
        let usual = records.usual_events(|record, _| {
            lines.push((record.line, "usual"));
            Ok(())
        });
        usual.unwrap();
        let Some(record) = records.next().unwrap() else { break };
        lines.push((record.line, "other"));
    }
    let expected = [
        (1, "usual"),
        (2, "usual"),
        (3, "other"),
        (5, "other"), // after a blank line
        (6, "other"),
        (6, "other"),
        (7, "usual"),
        (8, "other"), // without a line feed there might be more of it
    ];
    assert_eq!(lines, expected);
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\\"", "\"")
}

fn texts(text: &[u8]) -> Vec<String> {
    run(text, MAX_RECORD_BYTES, 1, 0).seen.into_iter().map(|(_, _, text)| text).collect()
}

#[test]
fn a_line_is_cut_into_its_records() {
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
        ("no JSON at all", b"<html> \r\n", &["broken: <html>"]),
        ("a value that is no object", b"null\n\"x\"\n12\n", &["value: null", "value: \"x\"", "value: 12"]),
        ("a number that runs into an object", b"1{}\n", &["value: 1", "value: {}"]),
        ("a lone surrogate, then a record", b"\"\\ud83d\"{}\n", &["value: \"\\\\ud83d\"", "value: {}"]),
        ("invalid UTF-8, then a record", b"\"\xff\"{}\n", &["value: \"\\xff\"", "value: {}"]),
        ("U+2028 is no line end", "\"\u{2028}\"\n".as_bytes(), &["value: \"\\xe2\\x80\\xa8\""]),
        ("trailing comma", b"{},{}\n", &["value: {}", "broken: ,{}"]),
    ];
    for (phrase, text, expected) in cases {
        assert_eq!(texts(text), expected, "{phrase}");
    }
}

#[test]
fn lines_are_counted_and_blank_ones_apart() {
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
        let outcome = run(text, MAX_RECORD_BYTES, 1, 0);
        assert_eq!((outcome.lines, outcome.blank_lines), (lines, blank_lines), "{phrase}");
        assert_eq!(outcome.seen.len() as u64, records, "{phrase}");
    }
}

#[test]
fn places_are_those_of_the_file() {
    let outcome = run(&b"\n {} x\n[]"[..], MAX_RECORD_BYTES, 41, 1000);
    let expected = [(42, 1002, "value: {}"), (42, 1005, "broken: x"), (43, 1007, "value: []")];
    assert_eq!(outcome.seen, expected.map(|(line, offset, text)| (line, offset, text.to_owned())));
    let elsewhere = run(&b"\xef\xbb\xbf{}"[..], MAX_RECORD_BYTES, 2, 7);
    assert_eq!(elsewhere.seen[0].2, "broken: \\xef\\xbb\\xbf{}", "a byte order mark only counts at the file's start");
}

#[test]
fn a_record_is_oversized_from_the_first_byte_too_many() {
    let cases: [(&str, &[u8], &[&str]); 9] = [
        ("as long as may be", b"[\"345678\"]\n{}\n", &["value: [\"345678\"]", "value: {}"]),
        ("as long as may be, blanks behind", b"[\"345678\"]   \r\n{}\n", &["value: [\"345678\"]", "value: {}"]),
        ("as long as may be, a record behind", b"[\"345678\"]{}\n", &["value: [\"345678\"]", "value: {}"]),
        ("too long", b"[\"3456789\"]\n{}\n", &["oversized: [\"3456789\"] of 11", "value: {}"]),
        ("too long, and nothing behind", b"[\"3456789\"]", &["oversized: [\"3456789\"] of 11"]),
        ("a good record before", b"{}[\"3456789\"]\n{}", &["value: {}", "oversized: [\"3456789\"] of 11", "value: {}"]),
        ("many small ones on a long line", b"[][][][][][][]\n", &["value: []"; 7]),
        (
            "broken, not too long",
            b"[][][][][]}\n",
            &["value: []", "value: []", "value: []", "value: []", "value: []", "broken: }"],
        ),
        ("broken and too long", b"[]}2345678901\n[]", &["value: []", "oversized: }2345678901 of 11", "value: []"]),
    ];
    for (phrase, text, expected) in cases {
        let seen: Vec<String> = run(text, 10, 1, 0).seen.into_iter().map(|(_, _, text)| text).collect();
        assert_eq!(seen, expected, "{phrase}");
    }
}

#[test]
fn an_endless_line_takes_bounded_memory() {
    let long = 100 << 20;
    let head = b"{\"a\":\"".as_slice();
    let mut framing = Framing::new();
    let text = BufReader::new(head.chain(io::repeat(b'x').take(long)).chain(&b"\"}\n{}\n"[..]));
    let mut records = Records::new(text, 1, 0, &mut framing);
    let Some(Record { framed: Framed::Oversized { prefix, length, sha256 }, .. }) = records.next().unwrap() else {
        panic!("a record of 100 MiB must be refused")
    };
    assert_eq!(prefix.len(), OVERSIZED_PREFIX_BYTES);
    assert!(prefix.starts_with(head));
    assert_eq!(length, head.len() as u64 + long + 2);
    let mut hash = Sha256::new();
    hash.update(head);
    (0..100).for_each(|_| hash.update([b'x'; 1 << 20]));
    hash.update(b"\"}");
    assert_eq!(sha256, <[u8; 32]>::from(hash.finalize()));
    assert!(matches!(records.next().unwrap(), Some(Record { framed: Framed::Value(b"{}"), line: 2, .. })));
    assert!(records.next().unwrap().is_none());
    assert!(records.buffer.capacity() <= 3 * MAX_RECORD_BYTES, "held {} bytes", records.buffer.capacity());
}

#[test]
fn a_long_line_of_blanks_or_of_small_values_takes_bounded_memory() {
    for (phrase, byte, expected) in [("blanks", b' ', 1), ("NULs", 0, 1), ("numbers", b'"', (40 << 19) + 1)] {
        let mut framing = Framing::new();
        let text = BufReader::new(io::repeat(byte).take(40 << 20).chain(&b"{}"[..]));
        let mut records = Records::new(text, 1, 0, &mut framing);
        let mut seen = 0;
        while records.next().unwrap().is_some() {
            seen += 1;
        }
        assert_eq!(seen, expected, "{phrase}");
        assert!(records.buffer.capacity() <= 3 * MAX_RECORD_BYTES, "{phrase}: held {}", records.buffer.capacity());
    }
}

#[test]
fn a_failing_reader_is_named_with_its_place() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the line is dead"))
        }
    }
    let mut framing = Framing::new();
    let mut records = Records::new((&b"{}\n{}"[..]).chain(BufReader::new(Failing)), 1, 100, &mut framing);
    assert!(matches!(records.next(), Ok(Some(_))), "what was read before is not lost");
    match records.next() {
        Err(ConvertError::Read { offset: 105, source }) => assert_eq!(source.to_string(), "the line is dead"),
        other => panic!("expected a read error at byte 105, got {other:?}"),
    }
}

/// Texts in which values, separators and rubbish meet.
fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\n".to_vec()),
        Just(b"{}".to_vec()),
        Just(format!("{USUAL}\n").into_bytes()),
        Just(b"{\"a\":[1,\"}{\"]}".to_vec()),
        Just(b"\xef\xbb\xbf".to_vec()),
        "[ \t\r\u{0}]{1,4}".prop_map(String::into_bytes),
        "[-0-9.eE\"\\\\\\[\\]{}:,a-f]{1,6}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// How long a record may be: mostly shorter than a usual event.
fn any_limit() -> impl Strategy<Value = usize> {
    prop_oneof![2 => 1_usize..30, 1 => Just(USUAL.len()), 1 => Just(USUAL.len() - 1)]
}

proptest! {
    #[test]
    fn proptest_records_do_not_depend_on_reads(
        text in any_text(), lengths in prop::collection::vec(1_usize..20, 1..5), limit in any_limit(),
    ) {
        let whole = run(&text[..], limit, 1, 0);
        let pieces = run(BufReader::new(Trickle { text: &text, lengths, reads: 0 }), limit, 1, 0);
        prop_assert_eq!(whole.seen, pieces.seen);
        prop_assert_eq!((whole.lines, whole.blank_lines), (pieces.lines, pieces.blank_lines));
    }

    #[test]
    fn proptest_no_byte_is_lost_and_none_is_used_twice(text in any_text(), limit in any_limit()) {
        let outcome = run(&text[..], limit, 1, 0);
        let mut at = 0;
        for (start, end) in outcome.spans.into_iter().chain([(text.len() as u64, text.len() as u64)]) {
            prop_assert!(at <= start && start <= end);
            let between = &text[at as usize..start as usize];
            let between = if at == 0 { between.strip_prefix(BYTE_ORDER_MARK).unwrap_or(between) } else { between };
            prop_assert!(between.iter().all(|&byte| is_blank(byte) || byte == b'\n'));
            prop_assert!(!text[start as usize..end as usize].contains(&b'\n'));
            at = end;
        }
        let line_feeds = text.iter().filter(|&&byte| byte == b'\n').count() as u64;
        prop_assert_eq!(outcome.lines, line_feeds + u64::from(text.last().is_some_and(|&byte| byte != b'\n')));
    }

    #[test]
    fn proptest_lines_are_framed_one_by_one(text in any_text(), limit in any_limit()) {
        let whole = run(&text[..], limit, 1, 0);
        let (mut offset, mut seen) = (0, Vec::new());
        for (line, text) in (1..).zip(text.split_inclusive(|&byte| byte == b'\n')) {
            seen.extend(run(text, limit, line, offset).seen);
            offset += text.len() as u64;
        }
        prop_assert_eq!(whole.seen, seen);
    }
}
