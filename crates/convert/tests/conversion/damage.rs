//! Damaged lines: a line that is still an event is stored unchanged, and no other line is stored.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

use crate::oracle::{expected_row, with_other_parsed};
use crate::support::{WHOLE, convert};

const LINES: [&str; 3] = [
    r#"{"id":"11170098765","type":"PushEvent","actor":{"id":1,"login":"ada","display_login":"ada","gravatar_id":"","url":"https://api.github.com/users/ada","avatar_url":"a"},"repo":{"id":2,"name":"ada/engine","url":"https://api.github.com/repos/ada/engine"},"payload":{"push_id":34950197608,"commits":[{"sha":"a"}]},"public":true,"created_at":"2015-01-01T00:00:06Z","org":{"id":3,"login":"acme","gravatar_id":"","url":"u","avatar_url":"a"}}"#,
    r#"{"repository":{"id":4,"name":"loom","owner":"joe","organization":"mill"},"actor_attributes":{"login":"joe","gravatar_id":"g"},"created_at":"2012-06-14T15:01:42-07:00","public":true,"actor":"joe","payload":{"size":1},"url":"u","type":"PushEvent"}"#,
    r#"{"repo":{"name":"/","url":"u"},"type":"GistEvent","public":true,"created_at":"2011-02-15T00:00:06Z","payload":{"a":"\u0000"},"actor":{"url":"u"},"id":"7"}"#,
];

/// Texts that change a field or the kind of its value.
const INSERTS: [&str; 24] = [
    "\"",
    "\\",
    ",",
    " ",
    "0",
    "-",
    "1",
    ".5",
    "e1",
    "null",
    "x",
    "é",
    "\\u0041",
    "\\n",
    "\\ud83d",
    "\"x\":1,",
    "\"id\":7,",
    "\"id\":null,",
    "\"actor\":{},",
    "\"login\":\"b\",",
    "\"type\":\"x\",",
    "\"payload\":null,",
    "\"org\":null,",
    "\"new\":[],",
];

/// A line of one of the shapes, with up to three changes.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let insert = (any::<Index>(), select(INSERTS.to_vec()), 0_usize..6);
    // Half of the changes are at the start of a field, because most others do not leave valid JSON.
    let edits = prop::collection::vec((insert, any::<bool>()), 0..4);
    (select(LINES.to_vec()), edits).prop_map(|(line, edits)| {
        let mut line = line.as_bytes().to_vec();
        for ((at, text, removed), at_field) in edits {
            let fields: Vec<usize> = (1..line.len()).filter(|at| b",{".contains(&line[at - 1])).collect();
            let start = if at_field { fields[at.index(fields.len())] } else { at.index(line.len()) };
            let end = if at_field { start } else { line.len().min(start + removed) };
            line.splice(start..end, text.bytes());
        }
        line
    })
}

/// Whether the line must be stored as a row; `None` if its `created_at` was changed.
fn is_event(line: &str) -> Option<bool> {
    const UNCHANGED: [&str; 3] = ["2015-01-01T00:00:06Z", "2012-06-14T15:01:42-07:00", "2011-02-15T00:00:06Z"];
    let Value::Object(object) = serde_json::from_str::<Value>(line).ok()? else { return Some(false) };
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    match text("created_at") {
        Some(created_at) if !UNCHANGED.contains(&created_at) => None,
        Some(_) => Some(text("type").is_some_and(|text| !text.is_empty())),
        None => Some(false),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn proptest_changed_line_is_stored_unchanged_or_not(lines in prop::collection::vec(any_line(), 1..6)) {
        let conversion = convert(&WHOLE, &lines.join(&b'\n'));
        let rows: Vec<Value> = conversion.rows().into_iter().map(with_other_parsed).collect();
        for (number, line) in (1..).zip(&lines) {
            let stored: Vec<&Value> = rows.iter().filter(|row| row["source_line"] == number).collect();
            let line = std::str::from_utf8(line).unwrap_or_default();
            match is_event(line) {
                Some(true) => {
                    let expected = expected_row(line, number);
                    prop_assert_eq!(stored, [&expected], "{}", line);
                }
                Some(false) => prop_assert!(stored.is_empty(), "{}", line),
                None => {}
            }
        }
    }
}
