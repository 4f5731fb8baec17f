use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::reject::RecordRejectReason as Reason;
use crate::row::EventRow;
use crate::{shape, timestamp};

/// Decodes the record in `bytes`, without white space around it, as a conversion does.
fn decode(bytes: &[u8]) -> Result<EventRow<'_>, RecordRejection> {
    let bytes = bytes.trim_ascii();
    let mut scanner = Scanner::new();
    let object = scanner.scan(bytes, 0, bytes.len()).ok().filter(|length| *length == bytes.len());
    let fields = match object {
        Some(_) => object_fields(bytes, scanner.object())?,
        None => return Err(not_an_object(bytes)),
    };
    shape::to_row(&fields, &mut Scanner::new())
}

fn event(more: &str) -> String {
    format!(r#"{{"type":"PushEvent","created_at":"2015-01-01T00:00:00Z"{more}}}"#)
}

fn nested(depth: usize) -> String {
    event(&format!(r#","payload":{}{}"#, "[".repeat(depth), "]".repeat(depth)))
}

#[test]
fn decode_bad_record_returns_reason() {
    let cases: Vec<(&str, Vec<u8>, Reason)> = vec![
        ("a lone high surrogate", event(r#","a":"\ud83d""#).into(), Reason::InvalidJson),
        ("a lone low surrogate in a key", event(r#","\udc00":1"#).into(), Reason::InvalidJson),
        ("a lone surrogate deep in the payload", event(r#","payload":{"a":["\ud83dx"]}"#).into(), Reason::InvalidJson),
        ("a number beyond every float", event(r#","payload":{"n":1e999}"#).into(), Reason::InvalidJson),
        ("deeper than 127", nested(127).into(), Reason::InvalidJson),
        ("10,000 deep", nested(10_000).into(), Reason::InvalidJson),
        ("invalid UTF-8", b"{\"type\":\"\xff\",\"created_at\":\"2015-01-01T00:00:00Z\"}".into(), Reason::InvalidUtf8),
        ("an encoded surrogate", b"{\"type\":\"\xed\xa0\x80\"}".into(), Reason::InvalidUtf8),
        ("an array", b"[{\"type\":\"PushEvent\"}]".into(), Reason::NotAnObject),
        ("a string", b"\"x\"".into(), Reason::NotAnObject),
        ("null", b"null".into(), Reason::NotAnObject),
        ("a number", b"-1.5e3".into(), Reason::NotAnObject),
        ("an empty object", b"{}".into(), Reason::MissingType),
        ("a bulk index line", br#"{"index":{"_index":"gharchive"}}"#.into(), Reason::MissingType),
        ("an API message", br#"{"message":"API rate limit exceeded"}"#.into(), Reason::MissingType),
        ("an empty type", br#"{"type":"","created_at":"2015-01-01T00:00:00Z"}"#.into(), Reason::MissingType),
        ("a type of null", br#"{"type":null,"created_at":"2015-01-01T00:00:00Z"}"#.into(), Reason::MissingType),
        ("a type that is a number", br#"{"type":1,"created_at":"2015-01-01T00:00:00Z"}"#.into(), Reason::MissingType),
        ("no created_at", br#"{"type":"PushEvent"}"#.into(), Reason::MissingCreatedAt),
        (
            "a created_at of seconds",
            br#"{"type":"PushEvent","created_at":1420070400}"#.into(),
            Reason::MissingCreatedAt,
        ),
        ("a leap second", br#"{"type":"P","created_at":"2016-12-31T23:59:60Z"}"#.into(), Reason::BadCreatedAt),
        ("no offset", br#"{"type":"P","created_at":"2016-12-31T23:59:00"}"#.into(), Reason::BadCreatedAt),
    ];
    for (phrase, bytes, reason) in cases {
        let rejection = decode(&bytes).expect_err(phrase);
        assert_eq!(rejection.reason, reason, "{phrase}: {}", rejection.detail);
    }
}

#[test]
fn decode_odd_but_valid_json_is_accepted() {
    for (phrase, text) in [
        ("escaped NUL", event(r#","payload":{"a":"\u0000"}"#)),
        ("a surrogate pair", event(r#","payload":"\ud83d\ude00""#)),
        ("126 deep", nested(126)),
        ("an integer of 300 digits", event(&format!(r#","payload":{}"#, "1".repeat(300)))),
        ("U+2028, U+007F and U+FFFD", event(",\"payload\":\"\u{2028}\u{7f}\u{fffd}\"")),
        ("a key that occurs twice", event(r#","payload":1,"payload":2"#)),
        ("an escaped key", event(r#","\u0069d":"7""#)),
        ("a key that serde_json keeps for itself", event(r#","payload":{"$serde_json::private::RawValue":1}"#)),
        ("the type of June 2011", r#"{"type":"Event","created_at":"2011-06-23T00:00:00Z"}"#.to_owned()),
        ("white space", format!(" \t{}\r", event(r#" , "id" : "1" "#))),
    ] {
        assert!(decode(text.as_bytes()).is_ok(), "{phrase}");
    }
}

#[test]
fn decode_repeated_key_keeps_last() {
    let text = event(r#","id":"1","x":1,"id":"2","y":2,"x":[3],"actor":{"id":1,"id":2,"z":1,"z":2}"#);
    let row = decode(text.as_bytes()).unwrap();
    assert_eq!(row.id.as_deref(), Some("2"));
    assert_eq!(row.actor.id, Some(2));
    assert_eq!(row.other.as_deref(), Some(r#"{"y":2,"x":[3],"actor":{"z":2}}"#));
    let text = event(r#","type":"ForkEvent""#);
    assert_eq!(decode(text.as_bytes()).unwrap().event_type, "ForkEvent");
}

#[test]
fn rejection_detail_names_the_byte() {
    let detail = |bytes: &[u8]| decode(bytes).expect_err("bad").detail;
    assert_eq!(detail(b"{\"a\":\"\xff\"}"), "no UTF-8 at byte 7 of the record");
    assert!(detail(br#"{"a":"\ud83d"}"#).ends_with(" at byte 13 of the record"), "{}", detail(br#"{"a":"\ud83d"}"#));
}

/// Whether `serde_json::Value` accepts the record as an event.
fn accepted_by_serde(bytes: &[u8]) -> bool {
    let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(bytes) else { return false };
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    text("type").is_some_and(|text| !text.is_empty())
        && text("created_at").is_some_and(|text| timestamp::parse(text).is_ok())
}

/// JSON and nearly JSON: some surrogates are lone, some numbers out of range, some values nested too deep.
fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,3})?",
        r#""([a-zé😀 ]|\\["\\/bfnrt]|\\u[0-9a-f]{4}|\\ud83d\\ude00|\\ud8[0-9a-f]{2}){0,5}""#,
        Just(format!("{}{}", "[".repeat(124), "]".repeat(124))),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec(("[a-c]{1,2}", inner), 0..4).prop_map(|fields| {
                let fields: Vec<String> =
                    fields.into_iter().map(|(key, value)| format!("\"{key}\" :{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

/// An event with arbitrary values, sometimes with one or two bytes overwritten.
fn any_record() -> impl Strategy<Value = Vec<u8>> {
    let names = ["id", "type", "created_at", "payload", "actor", "repo", "org", "public", "x", "repository"];
    let fields = prop::collection::vec((prop::sample::select(names.to_vec()), any_json()), 0..4);
    let damage = prop_oneof![
        3 => Just(Vec::new()),
        1 => prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
    ];
    (fields, damage).prop_map(|(fields, damage)| {
        let fields: Vec<String> = fields.iter().map(|(name, json)| format!(",\"{name}\":{json}")).collect();
        let mut bytes = event(&fields.concat()).into_bytes();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn proptest_record_accepted_iff_serde_accepts(bytes in any_record()) {
        prop_assert_eq!(decode(&bytes).is_ok(), accepted_by_serde(&bytes), "{}", bytes.escape_ascii());
    }

    #[test]
    fn proptest_any_bytes_accepted_iff_serde_accepts(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert_eq!(decode(&bytes).is_ok(), accepted_by_serde(&bytes));
    }

    #[test]
    fn proptest_fields_match_serde(bytes in any_record()) {
        let mut scanner = Scanner::new();
        if scanner.scan(&bytes, 0, bytes.len()) == Ok(bytes.len())
            && let Ok(fields) = object_fields(&bytes, scanner.object())
        {
            let mut decoded = serde_json::Map::new();
            for (key, json) in fields.iter() {
                let earlier = decoded.insert(key.to_owned(), serde_json::from_str(json).unwrap());
                prop_assert!(earlier.is_none(), "a key twice: {}", key);
            }
            prop_assert_eq!(Value::Object(decoded), serde_json::from_slice::<Value>(&bytes).unwrap());
        }
    }
}
