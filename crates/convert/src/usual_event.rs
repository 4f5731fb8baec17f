//! The record as GitHub spells it, read and checked in one go, without looking for tokens but in the payload.
//!
//! It is a short way to what [`crate::scan`] and [`crate::plain_event`] find for these records, and for no others: whoever
//! gets no event from here asks there.

use crate::plain_event::Instants;
use crate::scan::Scanner;
use crate::usual::{Actor, Org, Reader, Repo, Span, Usual};

/// An event whose fields, those of its entities too, are in GitHub's order, without white space or escapes between or in them
/// but in the payload. Spans are places in the record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UsualEvent {
    pub(crate) id: Span,
    pub(crate) event_type: Span,
    pub(crate) actor: Usual,
    pub(crate) repo: Usual,
    /// A JSON object.
    pub(crate) payload: Span,
    pub(crate) public: bool,
    /// Microseconds since 1970, UTC.
    pub(crate) created_at: i64,
    pub(crate) org: Option<Usual>,
    /// What may be other than ASCII, and no UTF-8 then.
    pub(crate) unchecked: Span,
}

impl UsualEvent {
    /// The event from `start` to `end` of `text`, if it is spelled as usual. It is acceptable then, but for its UTF-8 if it may
    /// be other than ASCII.
    pub(crate) fn read(
        text: &[u8],
        start: usize,
        end: usize,
        scanner: &mut Scanner,
        instants: &mut Instants,
    ) -> Option<Self> {
        let mut reader = Reader::new(text, start);
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
        let payload = reader.go_to(payload_end);
        reader.expect(",\"public\":")?;
        let public = reader.skip(b"true");
        if !public {
            reader.expect("false")?;
        }
        reader.expect(",\"created_at\":\"")?;
        let from = reader.at();
        reader.plain_text()?;
        let created_at = instants.parse(&text[from..reader.at()])?;
        let org = match reader.skip(b"\",\"org\":") {
            true => Some(reader.entity::<Org, 4>()?),
            false => reader.expect("\"").map(|()| None)?,
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

    const USUAL: &str = r#"{"id":"123","type":"PushEvent","actor":{"id":12,"login":"mona","display_login":"mona","gravatar_id":"","url":"https://api.github.com/users/mona","avatar_url":"https://avatars.githubusercontent.com/u/12?"},"repo":{"id":7,"name":"mona/cat","url":"https://api.github.com/repos/mona/cat"},"payload":{"a":[1,{"b":"\u00e9}"}],"ref":null},"public":true,"created_at":"2024-06-03T15:00:02Z","org":{"id":3,"login":"cats","gravatar_id":"","url":"https://api.github.com/orgs/cats","avatar_url":"https://avatars.githubusercontent.com/u/3?"}}"#;

    fn read(text: &[u8], start: usize, end: usize) -> Option<UsualEvent> {
        UsualEvent::read(text, start, end, &mut Scanner::new(), &mut Instants::default())
    }

    /// What was read of the event, for the comparison with what serde_json reads.
    fn told(event: &UsualEvent, record: &str) -> Value {
        let not_ascii = |bytes: &[u8]| bytes.iter().filter(|byte| !byte.is_ascii()).count();
        assert_eq!(not_ascii(event.unchecked.of(record.as_bytes())), not_ascii(record.as_bytes()));
        let text = |span: Span| std::str::from_utf8(span.of(record.as_bytes())).unwrap();
        let entity = |usual: &Usual| json!([usual.id, text(usual.name), usual.texts.count_ones()]);
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

    fn expected(record: &str) -> Value {
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
    fn the_usual_record_is_read_wherever_it_is() {
        let org = USUAL.find(r#","org""#).unwrap();
        let records = [
            USUAL.to_owned(),
            format!("{}}}", &USUAL[..org]),
            USUAL.replace("true", "false"),
            USUAL.replace(r#","display_login":"mona""#, ""),
            USUAL.replace("mona/cat", "a-name-that-is-longer-than-a-vector/é"),
        ];
        for record in records {
            let text = format!("{{}}\n{record}\n{USUAL}");
            for text in [&text[..3 + record.len()], &text] {
                let event = read(text.as_bytes(), 3, 3 + record.len()).expect(&record);
                assert_eq!(told(&event, &record), expected(&record));
            }
        }
    }

    #[test]
    fn whatever_is_read_is_what_serde_json_reads() {
        let bytes = b"\"\\{}[]:, 0a-\t\x01\x7f\xc3";
        let mut read_ones = 0;
        for at in 0..=USUAL.len() {
            for byte in bytes.chunks(1).chain([&b""[..]]) {
                for removed in 0..=1.min(USUAL.len() - at) {
                    let record = [&USUAL.as_bytes()[..at], byte, &USUAL.as_bytes()[at + removed..]].concat();
                    let Some(event) = read(&record, 0, record.len()) else { continue };
                    let Ok(text) = std::str::from_utf8(&record) else {
                        assert!(std::str::from_utf8(event.unchecked.of(&record)).is_err());
                        continue;
                    };
                    read_ones += 1;
                    assert_eq!(told(&event, text), expected(text), "{text}");
                }
            }
        }
        assert!(read_ones > 100, "{read_ones}");
    }

    #[test]
    fn a_payload_that_is_not_acceptable_is_not_read() {
        let with = |payload: &str| USUAL.replace(r#"{"a":[1,{"b":"\u00e9}"}],"ref":null}"#, payload);
        let deep = |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        for (case, payload, is_read) in [
            ("nothing in it", "{}".to_owned(), true),
            ("white space", "{ }".to_owned(), true),
            ("as deep as may be", deep(125), true),
            ("too deep", deep(126), false),
            ("half a surrogate pair", r#"{"a":"\ud83d"}"#.to_owned(), false),
            ("a number out of range", r#"{"a":1e999}"#.to_owned(), false),
            ("an unknown escape", r#"{"a":"\x"}"#.to_owned(), false),
            ("null", "null".to_owned(), false),
            ("a list", "[]".to_owned(), false),
            ("a comma too many", r#"{"a":1,}"#.to_owned(), false),
        ] {
            let record = with(&payload);
            assert_ne!(record, USUAL);
            assert_eq!(read(record.as_bytes(), 0, record.len()).is_some(), is_read, "{case}");
            if is_read {
                assert!(serde_json::from_str::<Value>(&record).is_ok(), "{case}");
            }
        }
    }
}
