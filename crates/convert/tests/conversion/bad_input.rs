//! Known oddities of the archive, and how each is converted.

use serde_json::{Value, json};

use crate::oracle::{expected_row, micros};
use crate::support::{WHOLE, convert, event, raw};

/// A canonical event.
const CANONICAL: &str = r#"{"id":"1","type":"PushEvent","actor":{"id":1,"login":"a"},"repo":{"id":2,"name":"b"},"payload":{},"public":true,"created_at":"2024-06-03T15:00:02Z"}"#;

/// The field at a JSON pointer of the row that `line` becomes.
fn cell(line: &str, pointer: &str) -> Value {
    let rows = convert(&WHOLE, format!("{line}\n").as_bytes()).rows();
    assert_eq!(rows.len(), 1, "{line}");
    rows[0].pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {}", rows[0])).clone()
}

#[test]
fn bad_records_are_quarantined_good_ones_stored() {
    let good = event("");
    let mut invalid_utf8 = format!("{}\n{good}", event(r#","a":"?""#)).into_bytes();
    invalid_utf8.iter_mut().filter(|byte| **byte == b'?').for_each(|byte| *byte = 0xff);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("the last record cut", format!("{good}\n{{\"repo\":nul").into(), "invalid-json"),
        ("a torn record", format!("{{\"url\":\"https://api.{good}\n{good}\n").into(), "invalid-json"),
        ("a record torn after a good one", format!("{good}{{\"id\":\"1\",\"ur\n").into(), "invalid-json"),
        ("NULs within a record", format!("{{\"type\":\0\0\"x\"}}\n{good}").into(), "invalid-json"),
        ("a raw control character", format!("{}\n{good}", event(",\"a\":\"\u{1}\"")).into(), "invalid-json"),
        ("invalid UTF-8", invalid_utf8, "invalid-utf8"),
        ("an unpaired surrogate", format!("{}\n{good}", event(r#","a":"\ud83d""#)).into(), "invalid-json"),
        (
            "10,000 deep",
            format!("{}\n{good}", event(&format!(",\"a\":{}{}", "[".repeat(10_000), "]".repeat(10_000)))).into(),
            "invalid-json",
        ),
        ("a huge number", format!("{}\n{good}", event(",\"a\":1e400")).into(), "invalid-json"),
        ("an array of events", format!("[{good}]\n{good}").into(), "not-an-object"),
        ("a string", format!("\"x\"\n{good}").into(), "not-an-object"),
        ("null", format!("null\n{good}").into(), "not-an-object"),
        ("an index line", format!("{{\"index\":{{}}}}\n{good}").into(), "missing-type"),
        ("an API message", format!("{{\"message\":\"API rate limit exceeded\"}}\n{good}").into(), "missing-type"),
        ("no created_at", format!("{{\"type\":\"x\"}}\n{good}").into(), "missing-created-at"),
        (
            "an empty created_at before any other",
            format!("{{\"type\":\"x\",\"created_at\":\"\"}}\n{good}").into(),
            "bad-created-at",
        ),
        (
            "an empty created_at of a canonical event",
            format!("{}\n{good}", CANONICAL.replace("2024-06-03T15:00:02Z", "")).into(),
            "bad-created-at",
        ),
        ("a leap second", format!("{}\n{good}", good.replace("00:00:00Z", "23:59:60Z")).into(), "bad-created-at"),
        ("a day that does not exist", format!("{}\n{good}", good.replace("01-01T", "02-30T")).into(), "bad-created-at"),
        ("HTML on a line", format!("<html>\n{good}").into(), "invalid-json"),
    ];
    for (phrase, text, reason) in cases {
        let conversion = convert(&WHOLE, &text);
        assert_eq!(conversion.reasons(), [reason], "{phrase}");
        assert_eq!(conversion.converted.counts.rows, 1, "{phrase}");
        let bad = &conversion.bad_records()[0];
        let raw = raw(bad);
        let offset = bad["offset"].as_u64().unwrap() as usize;
        assert_eq!(raw, text[offset..offset + raw.len()], "{phrase}: the bytes at the offset");
        assert_eq!(bad["length"], raw.len(), "{phrase}");
        let line = 1 + memchr::memchr_iter(b'\n', &text[..offset]).count();
        assert_eq!(bad["line"], line, "{phrase}");
        assert!(!bad["detail"].as_str().unwrap().is_empty(), "{phrase}");
        assert_eq!(bad.as_object().unwrap().len(), 6, "{phrase}: exactly six fields");
    }
}

#[test]
fn framing_oddities_keep_all_records() {
    let (one, two) = (event(r#","id":"1""#), event(r#","id":"2","payload":{"a":"}{"}"#));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("two on one line", format!("{one}{two}\n").into()),
        ("a file without line feeds", format!("{one} {two}").into()),
        ("NULs between", format!("\0\0{one}\0\0\n\0{two}\0").into()),
        ("CR LF", format!("{one}\r\n{two}\r\n").into()),
        ("a byte order mark", format!("\u{feff}{one}\n{two}\n").into()),
        ("blank lines", format!("\n \t\n{one}\n\r\n{two}\n\n").into()),
        ("no final line feed", format!("{one}\n{two}").into()),
    ];
    for (phrase, text) in cases {
        let conversion = convert(&WHOLE, &text);
        let ids: Vec<Value> = conversion.rows().iter().map(|row| row["id"].clone()).collect();
        assert_eq!(ids, ["1", "2"], "{phrase}");
        assert_eq!(conversion.converted.counts.quarantined, 0, "{phrase}");
    }
}

#[test]
fn odd_but_valid_values_are_stored_unchanged() {
    for (phrase, json) in [
        ("an escaped NUL", r#"{"a":"\u0000"}"#),
        ("escaped controls", r#"{"a":"\u0001\u001f"}"#),
        ("raw U+2028, U+2029, U+007F, U+0085", "{\"a\":\"\u{2028}\u{2029}\u{7f}\u{85}\"}"),
        ("an empty object", "{}"),
        ("an array", "[1, 2 ]"),
        ("a string", r#""x\/y""#),
        ("odd white space", "{ \"a\" :\t1 }"),
        ("floats and big integers", "[1.0,1E5,-0,34950197608,123456789012345678901234567890]"),
        ("equal keys", r#"{"a":1,"a":2}"#),
        ("a push without size and commits", r#"{"push_id":34950197608,"ref":"refs/heads/main"}"#),
        ("an issue number where others have an object", r#"{"issue":5082481}"#),
    ] {
        assert_eq!(cell(&event(&format!(",\"payload\": {json} ")), "/payload"), json, "{phrase}");
        assert_eq!(cell(&event(&format!(",\"odd\":{json}")), "/other"), format!("{{\"odd\":{json}}}"), "{phrase}");
    }
}

#[test]
fn absent_null_and_empty_values_map_to_columns() {
    for (phrase, more, pointer, expected) in [
        ("payload absent", "", "/payload", Value::Null),
        ("payload null", r#","payload":null"#, "/payload", Value::Null),
        ("payload empty", r#","payload":{}"#, "/payload", json!("{}")),
        ("actor absent", "", "/actor", Value::Null),
        ("actor null", r#","actor":null"#, "/actor", Value::Null),
        ("actor empty", r#","actor":{}"#, "/actor", Value::Null),
        ("actor empty leaves nothing over", r#","actor":{}"#, "/other", Value::Null),
        ("actor without id and login", r#","actor":{"url":"u"}"#, "/actor/login", Value::Null),
        ("actor without id and login", r#","actor":{"url":"u"}"#, "/actor/url", json!("u")),
        ("an empty gravatar_id", r#","actor":{"gravatar_id":""}"#, "/actor/gravatar_id", json!("")),
        ("repo empty", r#","repo":{}"#, "/repo", Value::Null),
        ("repo named /", r#","repo":{"name":"/","url":"u"}"#, "/repo", json!({"id": null, "name": "/", "url": "u"})),
        ("org absent", "", "/org", Value::Null),
        ("org null", r#","org":null"#, "/org", Value::Null),
        ("org null leaves nothing over", r#","org":null"#, "/other", Value::Null),
        ("public absent", "", "/public", Value::Null),
        ("public false", r#","public":false"#, "/public", json!(false)),
        ("id absent", "", "/id", Value::Null),
        ("id a number", r#","id":123"#, "/id", json!("123")),
        ("id beyond 64 bits", r#","id":12345678901234567890123"#, "/id", json!("12345678901234567890123")),
        ("id a float", r#","id":1.50"#, "/id", json!("1.50")),
        ("id not numeric", r#","id":"abc""#, "/id", json!("abc")),
        ("id with leading zeros", r#","id":"007""#, "/id", json!("007")),
        ("actor.id beyond 32 bits", r#","actor":{"id":34950197608}"#, "/actor/id", json!(34_950_197_608_i64)),
    ] {
        assert_eq!(cell(&event(more), pointer), expected, "{phrase}");
    }
}

#[test]
fn values_that_do_not_fit_are_kept_in_other() {
    for (phrase, more, pointer, column, other) in [
        ("public a string", r#","public":"yes""#, "/public", Value::Null, r#"{"public":"yes"}"#),
        ("id an object", r#","id":{"n":1}"#, "/id", Value::Null, r#"{"id":{"n":1}}"#),
        ("actor.id a string", r#","actor":{"id":"7"}"#, "/actor", Value::Null, r#"{"actor":{"id":"7"}}"#),
        (
            "actor.id too large",
            r#","actor":{"id":9223372036854775808}"#,
            "/actor",
            Value::Null,
            r#"{"actor":{"id":9223372036854775808}}"#,
        ),
        ("actor.id a float", r#","actor":{"id":1.0}"#, "/actor", Value::Null, r#"{"actor":{"id":1.0}}"#),
        ("actor.id minus zero", r#","actor":{"id":-0}"#, "/actor", Value::Null, r#"{"actor":{"id":-0}}"#),
        ("actor.login a number", r#","actor":{"login":1,"id":2}"#, "/actor/id", json!(2), r#"{"actor":{"login":1}}"#),
        (
            "an unknown field of the actor",
            r#","actor":{"id":2,"new":null}"#,
            "/actor/id",
            json!(2),
            r#"{"actor":{"new":null}}"#,
        ),
        ("actor an array", r#","actor":["x"]"#, "/actor", Value::Null, r#"{"actor":["x"]}"#),
        ("repo a string", r#","repo":"a/b""#, "/repo", Value::Null, r#"{"repo":"a/b"}"#),
        ("org true", r#","org":true"#, "/org", Value::Null, r#"{"org":true}"#),
        ("unknown fields in their order", r#","z":1,"a":{ "b":2}"#, "/id", Value::Null, r#"{"z":1,"a":{ "b":2}}"#),
        ("a key with a quote", r#","q\"\u0041":1"#, "/id", Value::Null, r#"{"q\"A":1}"#),
        ("an unknown field of null", r#","n":null"#, "/id", Value::Null, r#"{"n":null}"#),
    ] {
        assert_eq!(cell(&event(more), pointer), column, "{phrase}");
        assert_eq!(cell(&event(more), "/other"), other, "{phrase}");
    }
}

#[test]
fn created_at_of_each_form_is_stored_as_utc() {
    for (phrase, text, micros) in [
        ("as today", "2015-01-01T00:00:06Z", 1_420_070_406_000_000_i64),
        ("with an offset", "2012-06-14T15:01:42-07:00", 1_339_711_302_000_000),
        ("with slashes", "2012/03/10 22:36:55 -0800", 1_331_447_815_000_000),
        ("with a fraction", "2015-02-01T00:00:00.00001Z", 1_422_748_800_000_010),
    ] {
        let line = event("").replace("2015-01-01T00:00:00Z", text);
        assert_eq!(cell(&line, "/created_at"), micros, "{phrase}");
    }
    assert_eq!(micros("2012/03/10 22:36:55 -0800"), 1_331_447_815_000_000, "the oracle's value");
}

#[test]
fn timeline_shape_is_mapped_to_columns() {
    let attributes = r#""actor_attributes":{"login":"ada","gravatar_id":"g","type":"User"}"#;
    let repository = r#""repository":{"id":7,"name":"engine","owner":"ada","organization":"acme","url":"u","size":1}"#;
    let timeline = event(&format!(",\"actor\":\"ada\",{attributes},{repository},\"url\":\"here\""));
    let rows = convert(&WHOLE, timeline.as_bytes()).rows();
    let row = &rows[0];
    let actor =
        json!({"id": null, "login": "ada", "display_login": null, "gravatar_id": "g", "url": null, "avatar_url": null});
    assert_eq!(row["actor"], actor);
    assert_eq!(row["repo"], json!({"id": 7, "name": "ada/engine", "url": "u"}));
    assert_eq!(row["org"]["login"], "acme");
    assert_eq!(row["other"], format!("{{{attributes},{repository},\"url\":\"here\"}}"));
    for (phrase, more, pointer, expected) in [
        ("actor null, on an anonymous gist", r#","actor":null,"url":"u""#, "/actor", Value::Null),
        (
            "actor null, attributes there",
            r#","actor":null,"actor_attributes":{"login":"x"}"#,
            "/actor/login",
            json!("x"),
        ),
        ("no repository", r#","actor":"x""#, "/repo", Value::Null),
        ("no owner", r#","actor":"x","repository":{"name":"n"}"#, "/repo/name", json!("n")),
        ("name with its owner", r#","actor":"x","repository":{"name":"o/n","owner":"p"}"#, "/repo/name", json!("o/n")),
        ("no id", r#","actor":"x","repository":{"name":"n","owner":"p"}"#, "/repo/id", Value::Null),
        ("no organisation", r#","actor":"x","repository":{"name":"n"}"#, "/org", Value::Null),
        ("an actor object", r#","actor":{"id":1},"repository":{"name":"n"}"#, "/actor/id", json!(1)),
    ] {
        assert_eq!(cell(&event(more), pointer), expected, "{phrase}");
    }
}

#[test]
fn shapes_mix_and_unknown_types_are_stored() {
    let lines = [
        event(r#","id":"1","actor":{"id":1,"login":"a"},"repo":{"id":2,"name":"a/b","url":"u"}"#),
        event(r#","actor":"a","repository":{"name":"b","owner":"a"}"#).replace("PushEvent", "Event"),
        event(r#","id":"1""#).replace("PushEvent", "NewEvent"),
    ];
    let conversion = convert(&WHOLE, lines.join("\n").as_bytes());
    let rows = conversion.rows();
    let names: Vec<&Value> = rows.iter().map(|row| &row["repo"]["name"]).collect();
    assert_eq!(names, [&json!("a/b"), &json!("a/b"), &Value::Null]);
    let types: Vec<(&str, u64)> =
        conversion.converted.types.iter().map(|(name, rows)| (name.as_str(), *rows)).collect();
    assert_eq!(types, [("Event", 1), ("NewEvent", 1), ("PushEvent", 1)], "a repeated id is two rows");
}

#[test]
fn oversized_record_keeps_prefix_and_hash() {
    let good = event("");
    let large = event(&format!(r#","payload":"{}""#, "x".repeat(15 << 20)));
    let huge = event(&format!(r#","payload":"{}""#, "x".repeat(20 << 20)));
    let conversion = convert(&WHOLE, format!("{good}\n{large}\n{huge}\n{good}\n").as_bytes());
    let rows = conversion.rows();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[1]["payload"].as_str().unwrap().len(), (15 << 20) + 2);
    assert_eq!(rows[2]["source_line"], 4);
    let bad = &conversion.bad_records()[0];
    assert_eq!((&bad["reason"], &bad["truncated"], &bad["line"]), (&json!("oversized"), &json!(true), &json!(3)));
    assert_eq!(bad["length"], huge.len());
    assert_eq!(raw(bad), &huge.as_bytes()[..64 << 10]);
    assert_eq!(bad["sha256"], hex::encode(<sha2::Sha256 as sha2::Digest>::digest(huge.as_bytes())));
}

#[test]
fn oracle_finds_source_texts() {
    let line = r#"{"a":{"payload":1},"payload" : {"x":"}\"{,","y":[1,2]} ,"b":"payload","c":3}"#;
    assert_eq!(crate::oracle::source_text(line, "payload"), Some(r#"{"x":"}\"{,","y":[1,2]}"#));
    assert_eq!(crate::oracle::source_text(line, "c"), Some("3"));
    assert_eq!(crate::oracle::source_text(line, "x"), None);
    assert_eq!(expected_row(&event(r#","id":5.0"#), 3)["id"], "5.0");
}
