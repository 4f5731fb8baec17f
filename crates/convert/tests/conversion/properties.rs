//! Properties for any input.

use std::collections::HashSet;
use std::io::{self, BufReader, Read};

use convert::{ChunkConverter, ChunkSpec, Compression};
use pipeline::version::Payload;
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

/// An object with some known names, often with values that fit.
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

/// A reader whose first read fails.
struct BrokenReader;

impl Read for BrokenReader {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("broken"))
    }
}

/// Events, blanks and garbage.
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

/// An event whose `actor`, `repo` and `org` are spelled as GitHub does, or nearly so: each text is made from a name or
/// an id, either of the same entity or of another one.
fn nearly_canonical_event() -> impl Strategy<Value = String> {
    let name = || select(vec!["a", "b", "a[bot]", "[bot]", "a/b", "é", "", "users/a", "1", "\\u0061"]);
    let number = || select(vec!["1", "2", "12", "0", "-1", "123456789012345678", "1234567890123456789"]);
    let digits = || select(vec!["1", "2", "12", "0", "01", "+1", "", "123456789012345678", "1234567890123456789"]);
    let entity = move |kind: &'static str| {
        let (path, login) = if kind == "repo" { ("repos", "name") } else { (kind, "login") };
        let texts = (name(), name(), name(), digits(), select(vec!["", "f"]));
        let parts = prop::collection::vec(prop::bool::weighted(0.9), 5);
        (number(), name(), texts, parts, prop::bool::weighted(0.7)).prop_map(
            move |(id, own, (shown, of, other, avatar, gravatar), parts, same)| {
                let canonical = own.strip_suffix("[bot]").unwrap_or(own);
                let (shown, of, avatar) = if same { (canonical, own, id) } else { (shown, of, avatar) };
                let fields = [
                    format!("\"{login}\":\"{own}\""),
                    format!("\"display_login\":\"{shown}\""),
                    format!("\"gravatar_id\":\"{gravatar}\""),
                    format!("\"url\":\"https://api.github.com/{path}/{}\"", if same { own } else { of }),
                    format!("\"avatar_url\":\"https://avatars.githubusercontent.com/u/{avatar}?\""),
                ];
                let wanted =
                    |at: usize| parts[at] && (kind == "users" || at != 1) && (kind != "repo" || matches!(at, 0 | 3));
                let fields = fields.iter().enumerate().filter(|(at, _)| wanted(*at)).map(|(_, field)| field.as_str());
                let more = if other == "b" { vec![", \"url\":\"b\""] } else { vec![] };
                let text: String =
                    fields.map(|field| format!(",{field}")).chain(more.into_iter().map(str::to_owned)).collect();
                format!("{{\"id\":{id}{text}}}")
            },
        )
    };
    let payload = select(vec![r#","payload":{},"public":true"#, r#","payload":{"a":[1,"é\n"]},"public":false"#, ""]);
    let created_at = select(vec!["2026-06-01T15:00:00Z", "2026-06-01T15:00:01.5Z"]);
    (entity("users"), entity("repo"), entity("orgs"), payload, created_at).prop_map(
        |(actor, repo, org, payload, created_at)| {
            format!(
                r#"{{"id":"1","type":"PushEvent","actor":{actor},"repo":{repo}{payload},"created_at":"{created_at}","org":{org}}}"#
            )
        },
    )
}

proptest! {
    #[test]
    fn proptest_entities_are_stored_once_in_dictionaries(
        events in prop::collection::vec(nearly_canonical_event(), 1..40),
    ) {
        let conversion = convert(&WHOLE, events.join("\n").as_bytes());
        let rows: Vec<_> = conversion.rows().into_iter().map(with_other_parsed).collect();
        let expected: Vec<_> = (1..).zip(&events).map(|(line, event)| expected_row(event, line)).collect();
        prop_assert_eq!(rows, expected);
        for (column, texts) in conversion.dictionaries() {
            let distinct: HashSet<_> = texts.iter().collect();
            prop_assert_eq!(distinct.len(), texts.len(), "{}: {:?}", column, texts);
        }
    }

    #[test]
    fn proptest_converter_keeps_no_state(before in any_lines(), fails: bool, text in any_lines()) {
        let mut converter = ChunkConverter::new();
        let (mut parquet, mut quarantine) = (Vec::new(), Vec::new());
        let spec = ChunkSpec { payload: Payload::Drop, compression: Compression::Uncompressed, ..WHOLE };
        let broken = (&before[..]).chain(BrokenReader);
        let first = converter.convert(&spec, (&before[..]).chain(&b"\n"[..]), io::sink(), io::sink());
        prop_assert!(first.is_ok());
        if fails {
            prop_assert!(converter.convert(&spec, BufReader::new(broken), io::sink(), io::sink()).is_err());
        }
        let converted = converter.convert(&WHOLE, &text[..], &mut parquet, &mut quarantine).unwrap();
        let fresh = convert(&WHOLE, &text);
        prop_assert_eq!(converted, fresh.converted);
        prop_assert_eq!(parquet, fresh.parquet);
        prop_assert_eq!(quarantine, fresh.quarantine);
    }

    #[test]
    fn proptest_stored_values_equal_source(events in prop::collection::vec(any_event(), 1..12)) {
        let conversion = convert(&WHOLE, events.join("\n").as_bytes());
        prop_assert_eq!(conversion.converted.counts.quarantined, 0);
        let rows: Vec<_> = conversion.rows().into_iter().map(with_other_parsed).collect();
        let expected: Vec<_> = (1..).zip(&events).map(|(line, event)| expected_row(event, line)).collect();
        prop_assert_eq!(rows, expected);
    }

    #[test]
    fn proptest_any_bytes_balance_or_are_quarantined(text in any_lines()) {
        let conversion = convert(&WHOLE, &text); // checks the balance
        for bad in conversion.bad_records() {
            let (offset, raw) = (bad["offset"].as_u64().unwrap() as usize, raw(&bad));
            prop_assert_eq!(&raw, &text[offset..offset + raw.len()]);
        }
        prop_assert_eq!(conversion.rows().len() as u64, conversion.converted.counts.rows);
    }

    #[test]
    fn proptest_same_text_has_same_bytes(text in any_lines()) {
        let (one, two) = (convert(&WHOLE, &text), convert(&WHOLE, &text));
        prop_assert_eq!(one.parquet, two.parquet);
        prop_assert_eq!(one.quarantine, two.quarantine);
    }

    #[test]
    fn proptest_chunks_add_up(text in any_lines(), lines in 1_usize..6) {
        crate::chunks::assert_chunks_add_up(&text, lines);
    }
}
