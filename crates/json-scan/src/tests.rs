//! The scanner must find the same ends and fields as `serde_json`, and accept the same objects.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::de::IgnoredAny;
use serde_json::{Deserializer, Map, Value};

use super::*;

/// Lines in each of GH Archive's three shapes, with the details that scanners get wrong.
const LINES: [&str; 6] = [
    r#"{"id":"11170098765","type":"PushEvent","actor":{"id":1,"login":"ada","display_login":"ada","gravatar_id":"","url":"https://api.github.com/users/ada","avatar_url":"https://avatars.githubusercontent.com/u/1?"},"repo":{"id":2,"name":"ada/engine","url":"https://api.github.com/repos/ada/engine"},"payload":{"push_id":34950197608,"size":2,"commits":[{"sha":"a","author":{"email":"e","name":"é\"\\😀"},"distinct":true},{}],"ref":"refs/heads/main"},"public":true,"created_at":"2015-01-01T00:00:06Z","org":{"id":3,"login":"acme","gravatar_id":"","url":"u","avatar_url":"a"}}"#,
    r#"{"repository":{"id":4,"name":"loom","owner":"joe","organization":"mill","size":0.5e1},"actor_attributes":{"login":"joe","gravatar_id":"g"},"created_at":"2012-06-14T15:01:42-07:00","public":true,"actor":"joe","payload":{"shas":[["s","e","m","n",true]],"size":1},"url":"https://github.com/joe/loom","type":"PushEvent"}"#,
    r#"{"repo":{"name":"/","url":"https://api.github.com/repos//"},"type":"GistEvent","public":true,"created_at":"2011-02-15T00:00:06Z","payload":{"a":"\u0000\ud83d\ude00\u00e9"},"actor":{"url":"https://api.github.com/users/"},"id":"7"}"#,
    "{ \"id\" : \"1\" ,\t\"type\":\"IssueCommentEvent\", \"payload\":{\"body\":\"a\\r\\n\\\\\\\"}{\\u2028 \\/\",\"n\":[-0,1.5E+2,10,null,[],[[]]]},\r \"created_at\":\"2026-01-01T00:00:00Z\"}",
    r#"{"type":"WatchEvent","created_at":"2016-01-01T00:00:00Z","actor":null,"org":{},"x":{"y":[{"z":{}}]},"x":false,"\u0069d":"8"}{"type":"x"}"#,
    r#"{"id":"9","type":"ForkEvent","actor":{"id":5,"login":"b[bot]","display_login":"b","gravatar_id":"","url":"u","avatar_url":"a"},"repo":{"id":6,"name":"b/c","url":"u"},"payload":{"forkee":{"description":"\u4f60\u597d, \\\\ \\\" ","topics":["a","b"],"license":{"key":"mit"},"private":false}},"public":true,"created_at":"2024-06-03T15:00:00Z"}"#,
];

/// Texts to insert at any position.
const INSERTS: [&str; 36] = [
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    " ",
    "\t",
    "\r",
    "\0",
    "\u{1}",
    "\u{c}",
    "\u{1a}",
    "0",
    "-",
    "1e999",
    ".",
    "e",
    "E5",
    "null",
    "true",
    "fals",
    "\\u",
    "\\ud83d",
    "\\udc00",
    "\\ud83d\\ude00",
    "\\\"",
    "\\\\",
    "\\x",
    "é",
    "\u{2028}",
    "{}",
    "[[]]",
    "\"a\":1,",
];

#[derive(Clone, Debug)]
enum Edit {
    Overwrite(Index, u8),
    Flip(Index, u8),
    Insert(Index, &'static str),
    Remove(Index, usize),
    Cut(Index),
    Repeat(Index, usize),
}

fn any_edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        2 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Overwrite(at, byte)),
        2 => (any::<Index>(), 0_u8..8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        6 => (any::<Index>(), select(INSERTS.to_vec())).prop_map(|(at, text)| Edit::Insert(at, text)),
        3 => (any::<Index>(), 1_usize..4).prop_map(|(at, length)| Edit::Remove(at, length)),
        1 => any::<Index>().prop_map(Edit::Cut),
        2 => (any::<Index>(), 1_usize..200).prop_map(|(at, length)| Edit::Repeat(at, length)),
    ]
}

fn edited(line: &str, edits: &[Edit]) -> Vec<u8> {
    let mut bytes = line.as_bytes().to_vec();
    for edit in edits {
        let offset = |at: &Index| at.index(bytes.len() + 1);
        match edit {
            Edit::Overwrite(at, byte) => {
                let at = at.index(bytes.len().max(1));
                bytes.iter_mut().skip(at).take(1).for_each(|old| *old = *byte);
            }
            Edit::Flip(at, bit) => {
                let at = at.index(bytes.len().max(1));
                bytes.iter_mut().skip(at).take(1).for_each(|old| *old ^= 1 << bit);
            }
            Edit::Insert(at, text) => drop(bytes.splice(offset(at)..offset(at), text.bytes())),
            Edit::Remove(at, length) => drop(bytes.drain(offset(at)..bytes.len().min(offset(at) + length))),
            Edit::Cut(at) => bytes.truncate(offset(at)),
            Edit::Repeat(at, length) => {
                let repeated = bytes[offset(at)..bytes.len().min(offset(at) + length)].to_vec();
                drop(bytes.splice(offset(at)..offset(at), repeated));
            }
        }
    }
    bytes
}

/// A line with up to three edits, behind up to 129 spaces: it begins anywhere in a block.
fn any_text() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let edits = prop::collection::vec(any_edit(), 0..4);
    (0_usize..130, select(LINES.to_vec()), edits).prop_map(|(before, line, edits)| {
        let mut text = vec![b' '; before];
        text.extend(edited(line, &edits).into_iter().filter(|byte| *byte != b'\n'));
        (before, text)
    })
}

/// The length of the value at the start of the text, by its grammar alone.
fn length_by_serde(text: &[u8]) -> Option<usize> {
    let mut values = Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    values.next()?.ok().map(|_| values.byte_offset())
}

/// Compares the scanner's result for the object at `start` with `serde_json`'s.
fn assert_agrees_with_serde(scanner: &mut Scanner, text: &[u8], start: usize) -> Result<(), TestCaseError> {
    scanner.reset();
    let found = scanner.scan(text, start, text.len()).ok();
    let expected = length_by_serde(&text[start..]).filter(|_| text.get(start) == Some(&b'{'));
    prop_assert_eq!(found, expected, "{}", text[start..].escape_ascii());
    let Some(length) = found else { return Ok(()) };
    let record = &text[start..start + length];
    let value = serde_json::from_slice::<Value>(record);
    let json = std::str::from_utf8(record);
    prop_assert_eq!(scanner.object().acceptable && json.is_ok(), value.is_ok(), "{}", record.escape_ascii());
    let (Ok(Value::Object(value)), Ok(json)) = (value, json) else { return Ok(()) };
    let mut scanned = Map::new();
    for field in &scanner.object().fields {
        let (key, json) = (field.key(), &json[field.value()]);
        let key = serde_json::from_slice(&record[key.start - 1..=key.end]).unwrap();
        prop_assert_eq!(json.trim(), json, "white space around a value");
        scanned.insert(key, serde_json::from_str(json).unwrap());
    }
    prop_assert_eq!(scanned, value);
    Ok(())
}

#[test]
fn scan_valid_lines_agrees_with_serde() {
    let mut scanner = Scanner::new();
    for line in LINES {
        assert_agrees_with_serde(&mut scanner, line.as_bytes(), 0).unwrap();
        assert!(scanner.scan(line.as_bytes(), 0, line.len()).is_err(), "an object is not scanned twice");
    }
}

#[test]
fn scan_each_single_edit_agrees_with_serde() {
    let mut scanner = Scanner::new();
    for line in LINES {
        for at in 0..line.len() {
            assert_agrees_with_serde(&mut scanner, &line.as_bytes()[..at], 0).unwrap();
            for byte in *b"\"\\{}[]:,0e. \0\x1f\xff" {
                let mut text = line.as_bytes().to_vec();
                text[at] = byte;
                assert_agrees_with_serde(&mut scanner, &text, 0).unwrap();
                text[at] = line.as_bytes()[at];
                text.insert(at, byte);
                assert_agrees_with_serde(&mut scanner, &text, 0).unwrap();
            }
        }
    }
}

#[test]
fn scan_objects_on_one_line_in_order() {
    let line = format!("{}\0 {}12[\"{{\\\"\"]{}", LINES[0], LINES[2], LINES[1]);
    let starts = [0, LINES[0].len() + 2, line.len() - LINES[1].len()];
    let mut scanner = Scanner::new();
    let lengths = starts.map(|start| scanner.scan(line.as_bytes(), start, line.len()));
    assert_eq!(lengths, [LINES[0], LINES[2], LINES[1]].map(|text| Ok(text.len())));
}

#[test]
fn scan_object_across_stretches_agrees_with_serde() {
    let text = format!("{{\"a\":[{}0],\"b\":\"{}\"}}", "{\"k\":\"v\"},".repeat(5000), "\\\\\\\"".repeat(5000));
    assert_agrees_with_serde(&mut Scanner::new(), text.as_bytes(), 0).unwrap();
    let broken = text.replace("0]", "0,]");
    assert_agrees_with_serde(&mut Scanner::new(), broken.as_bytes(), 0).unwrap();
}

#[test]
fn scan_two_flaws_reports_first() {
    let mut scanner = Scanner::new();
    for text in ["{\"a\tb\":1}\\u", "{\"a\\x\tb\":1}", "{\"a\":\"\\u00\"}\t\"\\x\""] {
        assert_agrees_with_serde(&mut scanner, text.as_bytes(), 0).unwrap();
        assert_eq!(scanner.scan(text.as_bytes(), 0, text.len()), Err(NotAnObject), "{text:?}");
    }
}

#[test]
fn lone_surrogate_counts_for_its_object_only() {
    let objects = [r#"{"a":"\ud800"}"#, r#"{"a":"x"}"#, r#"{"a":"\udc00\ud800"}"#, r"{}", r#"{"a":"\ud83d\ude00"}"#];
    let line = objects.concat().repeat(2000) + r#""\ud800"{}"#;
    let mut scanner = Scanner::new();
    let mut start = 0;
    for (number, object) in objects.iter().cycle().take(objects.len() * 2000).enumerate() {
        assert_eq!(scanner.scan(line.as_bytes(), start, line.len()), Ok(object.len()));
        assert_eq!(scanner.object().acceptable, ![0, 2].contains(&(number % objects.len())), "{object}");
        start += object.len();
    }
    assert_eq!(scanner.scan(line.as_bytes(), line.len() - 2, line.len()), Ok(2));
    assert!(scanner.object().acceptable, "the lone surrogate is before the object");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn proptest_scan_damaged_line_agrees_with_serde((start, text) in any_text()) {
        assert_agrees_with_serde(&mut Scanner::new(), &text, start)?;
    }
}
