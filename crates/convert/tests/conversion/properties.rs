//! What holds for any input.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::oracle::{expected_row, with_other_parsed};
use crate::support::{WHOLE, convert, raw};

/// Any JSON text that `serde_json::Value` accepts.
fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("false".to_owned()),
        "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?",
        any_string(),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec(("[a-c]{1,2}", inner), 0..4).prop_map(object),
        ]
    })
}

fn any_string() -> impl Strategy<Value = String> {
    r#""([a-z/{}é😀\u{2028} ]|\\["\\/bfnrt]|\\u00[0-7][0-9a-f]|\\ud83d\\ude00){0,6}""#
}

fn object(fields: Vec<(String, String)>) -> String {
    let fields: Vec<String> = fields.into_iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
    format!("{{{}}}", fields.join(","))
}

/// An object with some known names, often with values of the right kind.
fn any_entity() -> impl Strategy<Value = String> {
    let names =
        ["id", "login", "display_login", "gravatar_id", "url", "avatar_url", "name", "owner", "organization", "new"];
    let value = prop_oneof![3 => any_string(), 2 => any::<i64>().prop_map(|id| id.to_string()), 1 => any_json()];
    let fields = prop::collection::vec((select(names.map(str::to_owned).to_vec()), value), 0..6);
    prop_oneof![4 => fields.prop_map(object), 1 => any_json()]
}

/// An event of any shape, as one line.
fn any_event() -> impl Strategy<Value = String> {
    let name = |name: &'static str| Just(name.to_owned());
    let field = prop_oneof![
        (name("id"), any_json()),
        (name("payload"), any_json()),
        (name("public"), any_json()),
        (name("actor"), prop_oneof![any_entity(), any_string()]),
        (select(vec!["repo", "org", "actor_attributes", "repository"]).prop_map(str::to_owned), any_entity()),
        (Just("url".to_owned()), any_string()),
        ("[a-z]{1,3}", any_json()),
    ];
    let created_at = select(vec!["2015-01-01T00:00:00Z", "2012/03/10 22:36:55 -0800", "2012-06-14T15:01:42.5-07:00"]);
    (select(vec!["PushEvent", "x", "\\u0041"]), created_at, prop::collection::vec(field, 0..8), any::<Index>())
        .prop_map(|(event_type, created_at, mut fields, at)| {
            let place = at.index(fields.len() + 1);
            fields.insert(place, ("type".to_owned(), format!("\"{event_type}\"")));
            fields.push(("created_at".to_owned(), format!("\"{created_at}\"")));
            object(fields)
        })
}

/// Lines of events, blanks and damage.
fn any_lines() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => any_event().prop_map(String::into_bytes),
        4 => Just(b"\n".to_vec()),
        1 => select(vec![&b" "[..], b"\0", b"\r\n", b"\xef\xbb\xbf", b"{", b"}", b"\"", b"[]", b"\\", b"null"])
            .prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn proptest_stored_values_equal_the_source(events in prop::collection::vec(any_event(), 1..12)) {
        let outcome = convert(&WHOLE, events.join("\n").as_bytes());
        prop_assert_eq!(outcome.converted.counts.quarantined, 0);
        let rows: Vec<_> = outcome.rows().into_iter().map(with_other_parsed).collect();
        let expected: Vec<_> = (1..).zip(&events).map(|(line, event)| expected_row(event, line)).collect();
        prop_assert_eq!(rows, expected);
    }

    #[test]
    fn proptest_any_bytes_balance_and_bad_ones_are_kept(text in any_lines()) {
        let outcome = convert(&WHOLE, &text); // checks the balance
        for bad in outcome.bad_records() {
            let (offset, raw) = (bad["offset"].as_u64().unwrap() as usize, raw(&bad));
            prop_assert_eq!(&raw, &text[offset..offset + raw.len()]);
        }
        prop_assert_eq!(outcome.rows().len() as u64, outcome.converted.counts.rows);
    }

    #[test]
    fn proptest_the_same_text_gives_the_same_bytes(text in any_lines()) {
        let (one, two) = (convert(&WHOLE, &text), convert(&WHOLE, &text));
        prop_assert_eq!(one.parquet, two.parquet);
        prop_assert_eq!(one.quarantine, two.quarantine);
    }

    #[test]
    fn proptest_chunks_add_up(text in any_lines(), lines in 1_usize..6) {
        crate::chunks::assert_chunks_add_up(&text, lines);
    }
}
