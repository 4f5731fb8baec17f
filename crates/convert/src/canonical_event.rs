//! The fast path: an event in GitHub's own spelling, read and verified in one pass. Only its payload is scanned for
//! tokens.
//!
//! Every record that this path reads gets the same row from the general path ([`crate::shape`]). Since 2015 nearly all
//! records are canonical; the general path takes the others.

use json_scan::Scanner;

use crate::canonical_entity::{Actor, CanonicalEntity, CanonicalReader, Org, Repo, Span};
use crate::timestamp::TimestampCache;

/// An event in the canonical spelling: its fields and those of its entities are in GitHub's order. There is no white
/// space and no escape, except in the payload. Spans are relative to the start of the record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CanonicalEvent {
    pub(crate) id: Span,
    pub(crate) event_type: Span,
    pub(crate) actor: CanonicalEntity,
    pub(crate) repo: CanonicalEntity,
    /// A JSON object.
    pub(crate) payload: Span,
    pub(crate) public: bool,
    /// Microseconds since 1970, UTC.
    pub(crate) created_at: i64,
    pub(crate) org: Option<CanonicalEntity>,
    /// The range that may contain bytes other than ASCII; the caller has to check that it is UTF-8.
    pub(crate) unchecked: Span,
}

impl CanonicalEvent {
    /// Reads the record from `start` to `end` of `text`. Returns `None` if it is not canonical, or has a flaw other
    /// than invalid UTF-8 in its `unchecked` range.
    pub(crate) fn read(
        text: &[u8],
        start: usize,
        end: usize,
        scanner: &mut Scanner,
        timestamps: &mut TimestampCache,
    ) -> Option<Self> {
        let mut reader = CanonicalReader::new(text, start);
        reader.expect("{\"id\":\"")?;
        let id = reader.plain_text()?;
        reader.expect("\",\"type\":\"")?;
        let from = reader.at();
        let event_type = reader.plain_text().filter(|_| reader.at() > from)?;
        reader.expect("\",\"actor\":")?;
        let actor = reader.entity::<Actor, 5>()?;
        reader.expect(",\"repo\":")?;
        let repo = reader.entity::<Repo, 2>()?;
        reader.expect(",\"payload\":")?;
        let (payload_end, payload_is_ascii) = scanner.scan_field(text, reader.at(), end)?;
        let payload = reader.skip_to(payload_end);
        reader.expect(",\"public\":")?;
        let public = reader.skip(b"true");
        if !public {
            reader.expect("false")?;
        }
        reader.expect(",\"created_at\":\"")?;
        let from = reader.at();
        reader.plain_text()?;
        let created_at = timestamps.parse(&text[from..reader.at()])?;
        let org = if reader.skip(b"\",\"org\":") {
            Some(reader.entity::<Org, 4>()?)
        } else {
            reader.expect("\"")?;
            None
        };
        reader.expect("}")?;
        let unchecked = match (reader.is_ascii(), payload_is_ascii) {
            (true, true) => Span::default(),
            (true, false) => payload,
            (false, _) => Span::new(0, end - start),
        };
        (reader.at() == end).then_some(Self {
            id,
            event_type,
            actor,
            repo,
            payload,
            public,
            created_at,
            org,
            unchecked,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const CANONICAL: &str = r#"{"id":"123","type":"PushEvent","actor":{"id":12,"login":"mona","display_login":"mona","gravatar_id":"","url":"https://api.github.com/users/mona","avatar_url":"https://avatars.githubusercontent.com/u/12?"},"repo":{"id":7,"name":"mona/cat","url":"https://api.github.com/repos/mona/cat"},"payload":{"a":[1,{"b":"\u00e9}"}],"ref":null},"public":true,"created_at":"2024-06-03T15:00:02Z","org":{"id":3,"login":"cats","gravatar_id":"","url":"https://api.github.com/orgs/cats","avatar_url":"https://avatars.githubusercontent.com/u/3?"}}"#;

    fn read(text: &[u8], start: usize, end: usize) -> Option<CanonicalEvent> {
        CanonicalEvent::read(text, start, end, &mut Scanner::new(), &mut TimestampCache::default())
    }

    /// The event's values as JSON, to compare with what `serde_json` reads.
    fn values_of(event: &CanonicalEvent, record: &str) -> Value {
        let not_ascii = |bytes: &[u8]| bytes.iter().filter(|byte| !byte.is_ascii()).count();
        assert_eq!(not_ascii(event.unchecked.of(record.as_bytes())), not_ascii(record.as_bytes()));
        let text = |span: Span| std::str::from_utf8(span.of(record.as_bytes())).unwrap();
        let entity = |entity: &CanonicalEntity| json!([entity.id, text(entity.name), entity.texts.count_ones()]);
        json!([
            text(event.id),
            text(event.event_type),
            entity(&event.actor),
            entity(&event.repo),
            serde_json::from_str::<Value>(text(event.payload)).unwrap(),
            event.public,
            event.created_at,
            event.org.as_ref().map(entity),
        ])
    }

    fn values_by_serde(record: &str) -> Value {
        let event: Value = serde_json::from_str(record).unwrap();
        let entity = |name: &str, key: &str| {
            let entity = event.get(name)?;
            Some(json!([entity["id"], entity[key], entity.as_object()?.len() - 1]))
        };
        json!([
            event["id"],
            event["type"],
            entity("actor", "login"),
            entity("repo", "name"),
            event["payload"],
            event["public"],
            crate::timestamp::parse(event["created_at"].as_str().unwrap()).unwrap(),
            entity("org", "login"),
        ])
    }

    #[test]
    fn canonical_event_anywhere_in_text_is_read() {
        let org = CANONICAL.find(r#","org""#).unwrap();
        let records = [
            CANONICAL.to_owned(),
            format!("{}}}", &CANONICAL[..org]),
            CANONICAL.replace("true", "false"),
            CANONICAL.replace(r#","display_login":"mona""#, ""),
            CANONICAL.replace("mona/cat", "a-name-that-is-longer-than-a-vector/é"),
        ];
        for record in records {
            let text = format!("{{}}\n{record}\n{CANONICAL}");
            for text in [&text[..3 + record.len()], &text] {
                let event = read(text.as_bytes(), 3, 3 + record.len()).expect(&record);
                assert_eq!(values_of(&event, &record), values_by_serde(&record));
            }
        }
    }

    #[test]
    fn canonical_event_single_edits_match_serde() {
        let bytes = b"\"\\{}[]:, 0a-\t\x01\x7f\xc3";
        let mut events = 0;
        for at in 0..=CANONICAL.len() {
            for byte in bytes.chunks(1).chain([&b""[..]]) {
                for removed in 0..=1.min(CANONICAL.len() - at) {
                    let record = [&CANONICAL.as_bytes()[..at], byte, &CANONICAL.as_bytes()[at + removed..]].concat();
                    let Some(event) = read(&record, 0, record.len()) else { continue };
                    let Ok(text) = std::str::from_utf8(&record) else {
                        assert!(std::str::from_utf8(event.unchecked.of(&record)).is_err());
                        continue;
                    };
                    events += 1;
                    assert_eq!(values_of(&event, text), values_by_serde(text), "{text}");
                }
            }
        }
        assert!(events > 100, "{events}");
    }

    #[test]
    fn canonical_event_bad_payload_is_rejected() {
        let with = |payload: &str| CANONICAL.replace(r#"{"a":[1,{"b":"\u00e9}"}],"ref":null}"#, payload);
        let deep = |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        for (case, payload, is_read) in [
            ("an empty object", "{}".to_owned(), true),
            ("white space", "{ }".to_owned(), true),
            ("127 deep with the record", deep(125), true),
            ("128 deep with the record", deep(126), false),
            ("half a surrogate pair", r#"{"a":"\ud83d"}"#.to_owned(), false),
            ("a number out of range", r#"{"a":1e999}"#.to_owned(), false),
            ("an unknown escape", r#"{"a":"\x"}"#.to_owned(), false),
            ("null", "null".to_owned(), false),
            ("a list", "[]".to_owned(), false),
            ("a trailing comma", r#"{"a":1,}"#.to_owned(), false),
        ] {
            let record = with(&payload);
            assert_ne!(record, CANONICAL);
            assert_eq!(read(record.as_bytes(), 0, record.len()).is_some(), is_read, "{case}");
            if is_read {
                assert!(serde_json::from_str::<Value>(&record).is_ok(), "{case}");
            }
        }
    }
}
