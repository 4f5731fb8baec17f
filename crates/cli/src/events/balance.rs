//! What was sent against what is stored: pure bookkeeping.

use std::collections::{BTreeMap, HashMap, HashSet};

use event_stream::file::StoredRow;
use event_stream::layout::{ContentHash, OTHER, Partition, safe};
use event_stream::{Event, kpl};
use serde::{Deserialize, Serialize};

/// Findings of a kind that are named.
pub(super) const MOST_EXAMPLES: usize = 5;

/// What is known of everything that was sent.
#[derive(Debug, Default)]
pub(super) struct Expected {
    events: HashMap<u128, Contents>,
    bad: HashMap<u128, Bad>,
    pub(super) records: u64,
    /// Events that were sent again.
    pub(super) again: u64,
}

/// The hashes of what was sent under one UUID; several, if a producer used it for several events.
#[derive(Debug)]
struct Contents {
    first: u128,
    others: Vec<u128>,
}

/// A bad record; equal ones are counted.
#[derive(Debug)]
struct Bad {
    reason: &'static str,
    begins: String,
    times: u64,
}

impl Expected {
    /// A record that was sent at about `sent_ms`.
    pub(super) fn add(&mut self, data: Vec<u8>, sent_ms: i64) {
        self.records += 1;
        let whole = data.clone();
        match kpl::parts(data.into()) {
            Ok(parts) => parts.iter().for_each(|part| match Event::parse(part, sent_ms) {
                Ok(event) => self.event(&event),
                Err(poison) => self.bad(part, poison.name()),
            }),
            Err(poison) => self.bad(&whole, poison.name()),
        }
    }

    fn event(&mut self, event: &Event) {
        let id = id_of(&event.uuid).expect("an event's UUID was checked");
        let content = content_of(&event.name, event.created_ms, event.other.as_deref());
        match self.events.get_mut(&id) {
            None => drop(self.events.insert(id, Contents { first: content, others: Vec::new() })),
            Some(known) => {
                self.again += 1;
                if known.first != content && !known.others.contains(&content) {
                    known.others.push(content);
                }
            }
        }
    }

    fn bad(&mut self, data: &[u8], reason: &'static str) {
        let new = || Bad { reason, begins: begins(data), times: 0 };
        self.bad.entry(hash_of(data)).or_insert_with(new).times += 1;
    }

    pub(super) fn events(&self) -> u64 {
        self.events.len() as u64
    }

    pub(super) fn bad_records(&self) -> u64 {
        self.bad.values().map(|bad| bad.times).sum()
    }
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Missing,
    Doubled,
    Unsent,
    Altered,
    Misplaced,
    BadMissing,
    BadUnsent,
    BadReason,
    Unreadable,
}

impl Kind {
    /// What so many of them are.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Missing => "sent events are not stored",
            Self::Doubled => "rows are of events that are stored already",
            Self::Unsent => "stored rows were not sent",
            Self::Altered => "stored rows have other fields than what was sent",
            Self::Misplaced => "stored rows are in a partition that is not theirs",
            Self::BadMissing => "bad records that were sent are not in quarantine",
            Self::BadUnsent => "lines in quarantine were not sent",
            Self::BadReason => "lines in quarantine have another reason than theirs",
            Self::Unreadable => "objects or lines cannot be read",
        }
    }
}

/// How often something is wrong, and where, for some of them.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) count: u64,
    pub(super) examples: Vec<String>,
}

pub(super) type Findings = BTreeMap<Kind, Finding>;

/// A row that was changed, with the event that it was.
#[derive(Clone, Debug)]
pub(super) struct Altered {
    key: u32,
    row: StoredRow,
}

/// A line of quarantine.
#[derive(Debug, Deserialize)]
pub(super) struct QuarantineLine {
    shard_id: String,
    sequence_number: String,
    part: usize,
    reason: String,
    data_base64: String,
}

/// What is stored.
#[derive(Debug, Default)]
pub(super) struct Found {
    keys: Vec<String>,
    rows: HashMap<u128, u32>,
    bad: HashMap<u128, HashSet<(String, String, usize)>>,
    altered: Vec<Altered>,
    findings: Findings,
    /// Whether what was not sent is nobody's business.
    ignore_unsent: bool,
    pub(super) objects: u64,
    pub(super) seals: u64,
    pub(super) quarantine_objects: u64,
}

impl Found {
    pub(super) fn new(ignore_unsent: bool) -> Self {
        Self { ignore_unsent, ..Self::default() }
    }

    fn note(&mut self, kind: Kind, example: impl FnOnce() -> String) {
        let finding = self.findings.entry(kind).or_default();
        finding.count += 1;
        if finding.examples.len() < MOST_EXAMPLES {
            finding.examples.push(example());
        }
    }

    /// An object or a line that is none of the stream's, or damaged.
    pub(super) fn unreadable(&mut self, key: &str, reason: &str) {
        self.note(Kind::Unreadable, || format!("{key}: {reason}"));
    }

    /// The rows of an object of events.
    pub(super) fn object(&mut self, expected: &Expected, key: &str, rows: Vec<StoredRow>) {
        if rows.is_empty() {
            self.seals += 1;
            return;
        }
        self.objects += 1;
        let at = self.keys.len() as u32;
        self.keys.push(key.to_owned());
        rows.into_iter().for_each(|row| self.row(expected, at, row));
    }

    fn row(&mut self, expected: &Expected, at: u32, row: StoredRow) {
        let key = self.keys[at as usize].clone();
        let Some((id, sent)) = id_of(&row.event_uuid).and_then(|id| Some((id, expected.events.get(&id)?))) else {
            if !self.ignore_unsent {
                self.note(Kind::Unsent, || format!("{} in {key}", row.event_uuid));
            }
            return;
        };
        if let Some(first) = self.rows.get(&id).copied() {
            let first = self.keys[first as usize].clone();
            return self.note(Kind::Doubled, || format!("{} in {first} and {key}", row.event_uuid));
        }
        self.rows.insert(id, at);
        let content = content_of(&row.event_name, row.created_at, row.other.as_deref());
        if sent.first != content && !sent.others.contains(&content) || !is_enriched(&row) {
            self.note(Kind::Altered, || format!("{} in {key}", row.event_uuid));
            if self.altered.len() < MOST_EXAMPLES {
                self.altered.push(Altered { key: at, row });
            }
        } else if !is_in_its_partition(&key, &row) {
            self.note(Kind::Misplaced, || format!("{} of {} in {key}", row.event_uuid, row.created_datetime));
        }
    }

    /// A line of an object of quarantine.
    pub(super) fn quarantined(&mut self, expected: &Expected, key: &str, line: QuarantineLine) {
        use base64::Engine;
        let QuarantineLine { shard_id, sequence_number, part, reason, data_base64 } = line;
        let Ok(data) = base64::engine::general_purpose::STANDARD.decode(&data_base64) else {
            return self.unreadable(key, &format!("the data of {shard_id}:{sequence_number} are no Base64"));
        };
        let (hash, place) = (hash_of(&data), format!("{shard_id}:{sequence_number} in {key}"));
        let Some(bad) = expected.bad.get(&hash) else {
            if !self.ignore_unsent {
                self.note(Kind::BadUnsent, || format!("{place}: {}", begins(&data)));
            }
            return;
        };
        // A batch that came again, cut another way, names a record once more.
        let is_new = self.bad.entry(hash).or_default().insert((shard_id, sequence_number, part));
        if is_new && reason != bad.reason {
            self.note(Kind::BadReason, || format!("{place}: {reason} instead of {}", bad.reason));
        }
    }

    /// Events that are stored, of those that were sent.
    pub(super) fn events(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Bad records that are in quarantine, of those that were sent.
    pub(super) fn bad_records(&self, expected: &Expected) -> u64 {
        let found =
            |(hash, bad): (&u128, &Bad)| self.bad.get(hash).map_or(0, |places| bad.times.min(places.len() as u64));
        expected.bad.iter().map(found).sum()
    }

    /// Whether all that was sent is there.
    pub(super) fn is_complete(&self, expected: &Expected) -> bool {
        self.events() == expected.events() && self.bad_records(expected) == expected.bad_records()
    }

    /// The rows that were changed, some of them.
    pub(super) fn altered(&self) -> &[Altered] {
        &self.altered
    }

    /// Everything that is wrong. `altered` says of each changed row what was sent.
    pub(super) fn finish(mut self, expected: &Expected, mut altered: Vec<String>) -> Findings {
        let mut missing: Vec<u128> = expected.events.keys().filter(|id| !self.rows.contains_key(id)).copied().collect();
        missing.sort_unstable();
        missing.into_iter().for_each(|id| self.note(Kind::Missing, || text_of(id)));
        let mut open: Vec<(u64, &Bad)> = Vec::new();
        for (hash, bad) in &expected.bad {
            let places = self.bad.get(hash).map_or(0, |places| places.len() as u64);
            open.push((bad.times.saturating_sub(places), bad));
        }
        open.sort_unstable_by(|(_, one), (_, other)| one.begins.cmp(&other.begins));
        for (times, bad) in open {
            (0..times).for_each(|_| self.note(Kind::BadMissing, || format!("{}: {}", bad.reason, bad.begins)));
        }
        if let Some(finding) = self.findings.get_mut(&Kind::Altered) {
            altered.truncate(MOST_EXAMPLES);
            finding.examples = altered;
        }
        self.findings
    }
}

impl Altered {
    /// The event that it was, if `data` has it.
    pub(super) fn differs(&self, found: &Found, data: &[u8], sent_ms: i64) -> Option<String> {
        let parts = kpl::parts(data.to_vec().into()).ok()?;
        let events = parts.iter().filter_map(|part| Event::parse(part, sent_ms).ok());
        let sent = events
            .map(|event| StoredRow::of(&event))
            .find(|sent| id_of(&sent.event_uuid) == id_of(&self.row.event_uuid))?;
        let row = &self.row;
        let columns = [
            ("event_uuid", row.event_uuid.clone(), sent.event_uuid),
            ("event_name", row.event_name.clone(), sent.event_name),
            ("event_subtype", row.event_subtype.clone(), sent.event_subtype),
            ("created_at", row.created_at.to_string(), sent.created_at.to_string()),
            ("created_datetime", row.created_datetime.clone(), sent.created_datetime),
            ("other", row.other.clone().unwrap_or_default(), sent.other.unwrap_or_default()),
        ];
        let (column, is, was) = columns.into_iter().find(|(_, is, was)| is != was)?;
        let (is, was, key) = (begins(is.as_bytes()), begins(was.as_bytes()), &found.keys[self.key as usize]);
        Some(format!("{} in {key}: {column} is '{is}', was sent as '{was}'", row.event_uuid))
    }
}

/// Whether the columns that are made from others are right.
fn is_enriched(row: &StoredRow) -> bool {
    let (uuid, name) = (row.event_uuid.clone(), row.event_name.clone());
    let event = Event { uuid, name, created_ms: row.created_at, other: row.other.clone() };
    let is_spelled = id_of(&row.event_uuid).is_some_and(|id| text_of(id) == row.event_uuid);
    is_spelled && row.event_subtype == event.subtype() && row.created_datetime == event.created_datetime()
}

/// Whether the key has the row's date, and its type or the one of all others.
fn is_in_its_partition(key: &str, row: &StoredRow) -> bool {
    let day = row.created_at.div_euclid(86_400_000) as i32;
    let event_type = row.event_name.split(':').next().unwrap_or_default();
    let is_in = |event_type: String| key.starts_with(&format!("events/{}/", Partition { event_type, day }));
    is_in(safe(event_type)) || is_in(OTHER.to_owned())
}

fn content_of(name: &str, created_ms: i64, other: Option<&str>) -> u128 {
    let mut hash = ContentHash::default();
    hash.add(name.as_bytes());
    hash.add(&created_ms.to_le_bytes());
    hash.add(other.unwrap_or_default().as_bytes());
    hash.finish()
}

fn hash_of(data: &[u8]) -> u128 {
    let mut hash = ContentHash::default();
    hash.add(data);
    hash.finish()
}

/// A UUID's number.
fn id_of(uuid: &str) -> Option<u128> {
    let is_uuid = uuid.len() == 36 && [8, 13, 18, 23].iter().all(|at| uuid.as_bytes()[*at] == b'-');
    let digits = uuid.replace('-', "");
    (is_uuid && digits.len() == 32).then(|| u128::from_str_radix(&digits, 16).ok()).flatten()
}

fn text_of(id: u128) -> String {
    let digits = format!("{id:032x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

/// The first bytes, as far as a terminal can show them.
fn begins(data: &[u8]) -> String {
    const MOST: usize = 80;
    let text: String = String::from_utf8_lossy(data).chars().take(MOST).collect();
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT_MS: i64 = 1_763_683_200_000;
    const KEY: &str = "events/event_type=lesson/event_date=2025-11-21/a.snappy.parquet";

    fn json(number: u128, minutes: u32) -> Vec<u8> {
        let uuid = text_of(number);
        format!(
            r#"{{"event_uuid":"{uuid}","event_name":"lesson:started","created_at":1763683200250,"minutes":{minutes}}}"#
        )
        .into()
    }

    fn row(number: u128) -> StoredRow {
        StoredRow::of(&Event::parse(&json(number, 1), SENT_MS).unwrap())
    }

    fn expected() -> Expected {
        let mut expected = Expected::default();
        (1..=3).for_each(|number| expected.add(json(number, 1), SENT_MS));
        expected.add(json(2, 1), SENT_MS);
        expected.add(b"no event".to_vec(), SENT_MS);
        expected
    }

    fn line(sequence: &str, reason: &str, data: &[u8]) -> QuarantineLine {
        use base64::Engine;
        let data_base64 = base64::engine::general_purpose::STANDARD.encode(data);
        let (shard_id, sequence_number) = ("shardId-000000000000".to_owned(), sequence.to_owned());
        QuarantineLine { shard_id, sequence_number, part: 0, reason: reason.to_owned(), data_base64 }
    }

    fn balanced() -> Found {
        let (expected, mut found) = (expected(), Found::default());
        found.object(&expected, KEY, vec![row(1), row(2), row(3)]);
        found.object(&expected, "events/seal", Vec::new());
        // A batch that came again, cut another way.
        found.quarantined(&expected, "q1", line("17", "not_json", b"no event"));
        found.quarantined(&expected, "q2", line("17", "not_json", b"no event"));
        found
    }

    /// The only finding after `damage`.
    fn found(damage: impl FnOnce(&mut Found, &Expected)) -> (Kind, u64, String) {
        let (expected, mut found) = (expected(), balanced());
        damage(&mut found, &expected);
        let altered = found.altered().iter().filter_map(|one| one.differs(&found, &json(3, 1), SENT_MS)).collect();
        let findings = found.finish(&expected, altered);
        assert_eq!(findings.len(), 1, "{findings:?}");
        let (kind, finding) = findings.into_iter().next().unwrap();
        (kind, finding.count, finding.examples.first().cloned().unwrap_or_default())
    }

    #[test]
    fn what_is_stored_once_balances() {
        let (expected, found) = (expected(), balanced());
        assert!(found.is_complete(&expected));
        assert_eq!((expected.events(), expected.again, expected.bad_records(), expected.records), (3, 1, 1, 5));
        assert_eq!((found.events(), found.bad_records(&expected), found.objects, found.seals), (3, 1, 1, 1));
        assert_eq!(found.finish(&expected, Vec::new()), Findings::new());
    }

    #[test]
    fn each_kind_of_damage_is_found_and_named() {
        let uuid = |number| text_of(number);
        let other = KEY.replace("a.snappy", "b.snappy");
        assert_eq!(
            found(|found, expected| found.object(expected, &other, vec![row(2)])),
            (Kind::Doubled, 1, format!("{} in {KEY} and {other}", uuid(2)))
        );
        assert_eq!(
            found(|found, expected| found.object(expected, &other, vec![row(9), row(10)])),
            (Kind::Unsent, 2, format!("{} in {other}", uuid(9)))
        );
        assert_eq!(
            found(|found, expected| found.quarantined(expected, "q3", line("18", "not_json", b"strange"))),
            (Kind::BadUnsent, 1, "shardId-000000000000:18 in q3: strange".to_owned())
        );
        assert_eq!(
            found(|found, expected| found.quarantined(expected, "q3", line("18", "bad_uuid", b"no event"))),
            (Kind::BadReason, 1, "shardId-000000000000:18 in q3: bad_uuid instead of not_json".to_owned())
        );
        assert_eq!(found(|found, _| found.unreadable("x", "why")), (Kind::Unreadable, 1, "x: why".to_owned()));
        let missing = found(|found, _| assert!(found.rows.remove(&3).is_some()));
        assert_eq!(missing, (Kind::Missing, 1, uuid(3)));
        let missing = found(|found, _| found.bad.clear());
        assert_eq!(missing, (Kind::BadMissing, 1, "not_json: no event".to_owned()));
    }

    #[test]
    fn a_row_that_was_changed_is_held_against_what_was_sent() {
        for (column, change) in [
            (
                "event_name is 'lesson:startet', was sent as 'lesson:started'",
                (|row| row.event_name = "lesson:startet".into()) as fn(&mut StoredRow),
            ),
            ("event_subtype is 'x', was sent as 'started'", |row| row.event_subtype = "x".into()),
            ("created_at is '9223372036854775807', was sent as '1763683200250'", |row| row.created_at = i64::MAX),
            ("created_datetime is '', was sent as '2025-11-21T00:00:00.250Z'", |row| row.created_datetime.clear()),
            (r#"other is '', was sent as '{"minutes":1}'"#, |row| row.other = None),
        ] {
            let mut changed = row(3);
            change(&mut changed);
            let finding = found(|found, expected| {
                found.rows.remove(&3);
                found.object(expected, KEY, vec![changed]);
            });
            assert_eq!(finding, (Kind::Altered, 1, format!("{} in {KEY}: {column}", text_of(3))));
        }
    }

    #[test]
    fn a_partition_is_that_of_type_and_day_or_the_other_one() {
        for (key, is_right) in [
            ("events/event_type=lesson/event_date=2025-11-21/x", true),
            ("events/event_type=other/event_date=2025-11-21/x", true),
            ("events/event_type=product/event_date=2025-11-21/x", false),
            ("events/event_type=lesson/event_date=2025-11-22/x", false),
            ("events/x", false),
        ] {
            assert_eq!(is_in_its_partition(key, &row(1)), is_right, "{key}");
        }
        let misplaced = found(|found, expected| {
            found.rows.remove(&3);
            found.object(expected, "events/event_type=product/event_date=2025-11-21/x", vec![row(3)]);
        });
        assert_eq!((misplaced.0, misplaced.1), (Kind::Misplaced, 1));
    }

    #[test]
    fn several_contents_of_one_uuid_are_all_right() {
        let mut expected = Expected::default();
        expected.add(json(1, 1), SENT_MS);
        expected.add(json(1, 2), SENT_MS);
        let mut found = Found::default();
        found.object(&expected, KEY, vec![StoredRow::of(&Event::parse(&json(1, 2), SENT_MS).unwrap())]);
        assert!(found.is_complete(&expected) && found.finish(&expected, Vec::new()).is_empty());
    }

    #[test]
    fn what_others_sent_can_be_left_aside() {
        let (expected, mut found) = (expected(), Found::new(true));
        found.object(&expected, KEY, vec![row(1), row(2), row(3), row(9)]);
        found.quarantined(&expected, "q", line("1", "not_json", b"no event"));
        found.quarantined(&expected, "q", line("2", "not_json", b"strange"));
        assert_eq!(found.finish(&expected, Vec::new()), Findings::new());
    }
}
