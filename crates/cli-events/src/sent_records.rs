//! The records that were sent.

use std::collections::HashMap;

use event_stream::{Event, kpl};

use crate::identity::{begins, content_of, hash_of, id_of};

#[derive(Debug, Default)]
pub(crate) struct SentRecords {
    pub(crate) events: HashMap<u128, SentContents>,
    pub(crate) bad: HashMap<u128, SentBadRecord>,
    pub(crate) records: u64,
    /// Repetitions of events.
    pub(crate) again: u64,
}

/// Hashes of the contents that were sent under one UUID. A producer may reuse a UUID.
#[derive(Debug)]
pub(crate) struct SentContents {
    pub(crate) first: u128,
    pub(crate) others: Vec<u128>,
}

/// A bad record, with the number of equal ones.
#[derive(Debug)]
pub(crate) struct SentBadRecord {
    pub(crate) reason: &'static str,
    pub(crate) begins: String,
    pub(crate) times: u64,
}

impl SentRecords {
    /// Adds a record that was sent at about `sent_ms`, in milliseconds since 1970.
    pub(crate) fn add(&mut self, data: Vec<u8>, sent_ms: i64) {
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
            None => drop(self.events.insert(id, SentContents { first: content, others: Vec::new() })),
            Some(known) => {
                self.again += 1;
                if known.first != content && !known.others.contains(&content) {
                    known.others.push(content);
                }
            }
        }
    }

    fn bad(&mut self, data: &[u8], reason: &'static str) {
        let new = || SentBadRecord { reason, begins: begins(data), times: 0 };
        self.bad.entry(hash_of(data)).or_insert_with(new).times += 1;
    }

    pub(crate) fn events(&self) -> u64 {
        self.events.len() as u64
    }

    pub(crate) fn bad_records(&self) -> u64 {
        self.bad.values().map(|bad| bad.times).sum()
    }
}
