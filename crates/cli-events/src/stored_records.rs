//! Compares the stored records with those that were sent.

use std::collections::{HashMap, HashSet};

use event_stream::file::StoredRow;
use event_stream::layout::{OTHER, Partition, safe};
use event_stream::{Event, kpl};
use serde::Deserialize;

use crate::finding::{EventFinding, Findings, MAX_EXAMPLES};
use crate::identity::{begins, content_of, hash_of, id_of, text_of};
use crate::sent_records::{SentBadRecord, SentRecords};

#[cfg(test)]
mod tests;

/// A row whose content differs from what was sent.
#[derive(Clone, Debug)]
pub(crate) struct AlteredRow {
    key: u32,
    row: StoredRow,
}

#[derive(Debug, Deserialize)]
pub(crate) struct StoredBadRecord {
    shard_id: String,
    sequence_number: String,
    part: usize,
    reason: String,
    data_base64: String,
}

#[derive(Debug, Default)]
pub(crate) struct StoredRecords {
    keys: Vec<String>,
    rows: HashMap<u128, u32>,
    bad: HashMap<u128, HashSet<(String, String, usize)>>,
    altered: Vec<AlteredRow>,
    findings: Findings,
    /// Other producers write too: rows that were not sent are not findings.
    ignore_unsent: bool,
    pub(crate) objects: u64,
    pub(crate) seals: u64,
    pub(crate) quarantine_objects: u64,
}

impl StoredRecords {
    pub(crate) fn new(ignore_unsent: bool) -> Self {
        Self { ignore_unsent, ..Self::default() }
    }

    fn note(&mut self, kind: EventFinding, example: impl FnOnce() -> String) {
        let finding = self.findings.entry(kind).or_default();
        finding.count += 1;
        if finding.examples.len() < MAX_EXAMPLES {
            finding.examples.push(example());
        }
    }

    /// Adds an object or line that is damaged or not written by the stream.
    pub(crate) fn unreadable(&mut self, key: &str, reason: &str) {
        self.note(EventFinding::Unreadable, || format!("{key}: {reason}"));
    }

    /// Adds the rows of an object of events.
    pub(crate) fn object(&mut self, expected: &SentRecords, key: &str, rows: Vec<StoredRow>) {
        if rows.is_empty() {
            self.seals += 1;
            return;
        }
        self.objects += 1;
        let at = u32::try_from(self.keys.len()).expect("a bucket has fewer than 2^32 objects of events");
        self.keys.push(key.to_owned());
        rows.into_iter().for_each(|row| self.row(expected, at, row));
    }

    fn row(&mut self, expected: &SentRecords, at: u32, row: StoredRow) {
        let key = self.keys[at as usize].clone();
        let Some((id, sent)) = id_of(&row.event_uuid).and_then(|id| Some((id, expected.events.get(&id)?))) else {
            if !self.ignore_unsent {
                self.note(EventFinding::Unsent, || format!("{} in {key}", row.event_uuid));
            }
            return;
        };
        if let Some(first) = self.rows.get(&id).copied() {
            let first = self.keys[first as usize].clone();
            return self.note(EventFinding::Doubled, || format!("{} in {first} and {key}", row.event_uuid));
        }
        self.rows.insert(id, at);
        let content = content_of(&row.event_name, row.created_at, row.other.as_deref());
        if sent.first != content && !sent.others.contains(&content) || !is_enriched(&row) {
            self.note(EventFinding::Altered, || format!("{} in {key}", row.event_uuid));
            if self.altered.len() < MAX_EXAMPLES {
                self.altered.push(AlteredRow { key: at, row });
            }
        } else if !is_in_its_partition(&key, &row) {
            self.note(EventFinding::Misplaced, || format!("{} of {} in {key}", row.event_uuid, row.created_datetime));
        }
    }

    /// Adds a line of a quarantine object.
    pub(crate) fn quarantined(&mut self, expected: &SentRecords, key: &str, line: StoredBadRecord) {
        use base64::Engine;
        let StoredBadRecord { shard_id, sequence_number, part, reason, data_base64 } = line;
        let Ok(data) = base64::engine::general_purpose::STANDARD.decode(&data_base64) else {
            return self.unreadable(key, &format!("the data of {shard_id}:{sequence_number} are not Base64"));
        };
        let (hash, place) = (hash_of(&data), format!("{shard_id}:{sequence_number} in {key}"));
        let Some(bad) = expected.bad.get(&hash) else {
            if !self.ignore_unsent {
                self.note(EventFinding::BadUnsent, || format!("{place}: {}", begins(&data)));
            }
            return;
        };
        // A batch that Lambda delivered again in other pieces writes the same record twice.
        let is_new = self.bad.entry(hash).or_default().insert((shard_id, sequence_number, part));
        if is_new && reason != bad.reason {
            self.note(EventFinding::BadReason, || format!("{place}: {reason} instead of {}", bad.reason));
        }
    }

    /// Sent events that are stored.
    pub(crate) fn events(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Sent bad records that are in quarantine.
    pub(crate) fn bad_records(&self, expected: &SentRecords) -> u64 {
        let found = |(hash, bad): (&u128, &SentBadRecord)| {
            self.bad.get(hash).map_or(0, |places| bad.times.min(places.len() as u64))
        };
        expected.bad.iter().map(found).sum()
    }

    /// Whether everything that was sent is stored.
    pub(crate) fn is_complete(&self, expected: &SentRecords) -> bool {
        self.events() == expected.events() && self.bad_records(expected) == expected.bad_records()
    }

    /// The first altered rows.
    pub(crate) fn altered(&self) -> &[AlteredRow] {
        &self.altered
    }

    /// All findings. `altered` describes the altered rows.
    pub(crate) fn finish(mut self, expected: &SentRecords, mut altered: Vec<String>) -> Findings {
        let mut missing: Vec<u128> = expected.events.keys().filter(|id| !self.rows.contains_key(id)).copied().collect();
        missing.sort_unstable();
        missing.into_iter().for_each(|id| self.note(EventFinding::Missing, || text_of(id)));
        let mut open: Vec<(u64, &SentBadRecord)> = Vec::new();
        for (hash, bad) in &expected.bad {
            let places = self.bad.get(hash).map_or(0, |places| places.len() as u64);
            open.push((bad.times.saturating_sub(places), bad));
        }
        open.sort_unstable_by(|(_, one), (_, other)| one.begins.cmp(&other.begins));
        for (times, bad) in open {
            (0..times).for_each(|_| self.note(EventFinding::BadMissing, || format!("{}: {}", bad.reason, bad.begins)));
        }
        if let Some(finding) = self.findings.get_mut(&EventFinding::Altered) {
            altered.truncate(MAX_EXAMPLES);
            finding.examples = altered;
        }
        self.findings
    }
}

impl AlteredRow {
    /// The first column that differs from the event in `data`; `None` if `data` has another event.
    pub(crate) fn differs(&self, found: &StoredRecords, data: &[u8], sent_ms: i64) -> Option<String> {
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

/// Whether the derived columns are right.
fn is_enriched(row: &StoredRow) -> bool {
    let (uuid, name) = (row.event_uuid.clone(), row.event_name.clone());
    let event = Event { uuid, name, created_ms: row.created_at, other: row.other.clone() };
    let is_spelled = id_of(&row.event_uuid).is_some_and(|id| text_of(id) == row.event_uuid);
    is_spelled && row.event_subtype == event.subtype() && row.created_datetime == event.created_datetime()
}

/// Whether the key has the date of the row, and its type or `other`.
fn is_in_its_partition(key: &str, row: &StoredRow) -> bool {
    let Ok(day) = i32::try_from(row.created_at.div_euclid(86_400_000)) else { return false };
    let event_type = row.event_name.split(':').next().unwrap_or_default();
    let is_in = |event_type: String| key.starts_with(&format!("events/{}/", Partition { event_type, day }));
    is_in(safe(event_type)) || is_in(OTHER.to_owned())
}
