use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::chunk::{ChunkSpec, convert_chunk};

/// Canonical records, records of each shape, duplicate lines, bad records, a line with two records, a blank line.
const LINES: &str = r#"{"id":"1","type":"PushEvent","actor":{"id":1,"login":"a","display_login":"a","gravatar_id":"","url":"https://api.github.com/users/a","avatar_url":"https://avatars.githubusercontent.com/u/1?"},"repo":{"id":5,"name":"x/y","url":"https://api.github.com/repos/x/y"},"payload":{"size":1},"public":true,"created_at":"2016-01-01T00:00:00Z"}
{"id":"1","type":"PushEvent","actor":{"id":1,"login":"a","display_login":"a","gravatar_id":"","url":"https://api.github.com/users/a","avatar_url":"https://avatars.githubusercontent.com/u/1?"},"repo":{"id":5,"name":"x/y","url":"https://api.github.com/repos/x/y"},"payload":{"size":1},"public":true,"created_at":"2016-01-01T00:00:00Z"}

{"type":"WatchEvent","actor":"tim","actor_attributes":{"login":"tim","gravatar_id":"g"},"repository":{"id":7,"name":"r","owner":"o","organization":"o"},"created_at":"2012-03-11T00:00:00-08:00","payload":{"a":"\u00e9"}}
{"id":3,"type":"ForkEvent","created_at":"2016-01-01T00:00:01Z","unknown":[1,2]}{"id":4,"type":"ForkEvent","created_at":"2016-01-01T00:00:01Z"}
{"id":"5","type":"","created_at":"2016-01-01T00:00:02Z"}
{broken
{broken
{"id":"6","type":"IssuesEvent","created_at":"2016-01-01T00:00:03Z","org":{"id":9,"login":"o\"x"},"public":false}"#;

fn converted(text: &str, payload: Payload) -> (RecordCounts, BTreeMap<String, u64>, Vec<u8>, Vec<u8>) {
    let lines: Vec<&str> = text.split('\n').collect();
    let duplicate_lines: Vec<u64> =
        (1..).zip(0..lines.len()).filter(|(_, at)| lines[..*at].contains(&lines[*at])).map(|(line, _)| line).collect();
    let spec = ChunkSpec { duplicate_lines: &duplicate_lines, payload, ..ChunkSpec::default() };
    let (mut parquet, mut bad) = (Vec::new(), Vec::new());
    let converted = convert_chunk(&spec, text.as_bytes(), &mut parquet, &mut bad).unwrap();
    (converted.counts, converted.types, parquet, bad)
}

fn rows_of(parquet: Vec<u8>) -> Vec<RowFingerprint> {
    if parquet.is_empty() { Vec::new() } else { stored(Bytes::from(parquet)).unwrap() }
}

#[test]
fn converted_files_hold_expected_rows() {
    for payload in [Payload::Keep, Payload::Drop] {
        let (counts, types, parquet, bad) = converted(LINES, payload);
        let expected = expected(LINES.as_bytes(), payload).unwrap();
        assert_eq!((expected.counts, &expected.types), (counts, &types));
        assert_eq!(
            counts,
            RecordCounts { lines: 9, blank_lines: 1, records: 9, rows: 5, duplicates: 2, quarantined: 2 }
        );
        assert_eq!(rows_of(parquet), expected.rows);
        assert_eq!(quarantined(&bad).unwrap(), expected.quarantined);
    }
}

#[test]
fn row_hash_depends_on_every_value() {
    let row = r#"{"id":"1","type":"T","actor":{"id":1,"login":"a"},"repo":{"id":5,"name":"x"},"org":{"id":2},"public":true,"created_at":"2016-01-01T00:00:00Z","payload":{},"x":1}"#;
    let hash = |text: &str| expected(text.as_bytes(), Payload::Keep).unwrap().rows[0].hash;
    let mut hashes = vec![hash(row), hash(&format!("\n{row}"))];
    for (old, new) in [
        (r#""id":"1""#, r#""id":"2""#),
        (r#""id":"1","#, ""),
        (r#""T""#, r#""U""#),
        (r#""id":1,"login":"a""#, r#""id":2,"login":"a""#),
        (r#","login":"a""#, ""),
        (r#""login":"a""#, r#""login":"""#),
        (r#""login":"a""#, r#""display_login":"a""#),
        (r#""repo":{"id":5,"#, r#""repo":{"#),
        (r#""org":{"id":2}"#, r#""org":null"#),
        ("true", "false"),
        (r#","public":true"#, ""),
        ("00Z", "01Z"),
        (r#""payload":{}"#, r#""payload":{ }"#),
        (r#""x":1"#, r#""x":2"#),
        (r#","x":1"#, ""),
    ] {
        assert!(row.contains(old), "{old}");
        hashes.push(hash(&row.replacen(old, new, 1)));
    }
    let all = hashes.len();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), all);
}

#[test]
fn fingerprint_depends_on_counts_not_on_order() {
    let rows = expected(LINES.as_bytes(), Payload::Keep).unwrap().rows;
    let backwards: Vec<_> = rows.iter().rev().copied().collect();
    let twice = [rows.as_slice(), &rows[..1]].concat();
    assert_eq!(Fingerprint::of(&rows), Fingerprint::of(&backwards));
    assert_ne!(Fingerprint::of(&rows), Fingerprint::of(&twice));
    assert_eq!(Fingerprint::of(&rows).to_string().len(), 32);
}

#[test]
fn invalid_files_are_errors() {
    let (.., parquet, _) = converted(LINES, Payload::Keep);
    assert!(matches!(stored(Bytes::from_static(b"PAR1")), Err(StoredError::Parquet(_))));
    let cut = Bytes::from(parquet).slice(..100);
    assert!(stored(cut).is_err());
    for (phrase, text) in
        [("not JSON", "x\n"), ("not Base64", "{\"offset\":0,\"line\":1,\"length\":1,\"raw\":\"?\"}\n")]
    {
        assert_eq!(quarantined(text.as_bytes()).unwrap_err().line, 1, "{phrase}");
    }
}

proptest! {
    #[test]
    fn proptest_converted_files_hold_expected_rows(
        lines in proptest::collection::vec((0..9_usize, 0..4_u8), 0..40),
    ) {
        let originals: Vec<&str> = LINES.split('\n').collect();
        let text: Vec<String> = lines.iter().map(|(line, changed)| match changed {
            0 => originals[*line].to_owned(),
            1 => originals[*line].replace("2016", "2017"),
            2 => originals[*line].replace("\"1\"", "\"11\""),
            _ => format!("{} ", originals[*line]),
        }).collect();
        let text = text.join("\n");
        let (counts, types, parquet, bad) = converted(&text, Payload::Keep);
        let expected = expected(text.as_bytes(), Payload::Keep).unwrap();
        prop_assert_eq!(expected.counts, counts);
        prop_assert_eq!(expected.types, types);
        prop_assert_eq!(rows_of(parquet), expected.rows);
        prop_assert_eq!(quarantined(&bad).unwrap(), expected.quarantined);
    }
}
