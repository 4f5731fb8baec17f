//! The values of a row, from the text or from a file, and their hash.

use pipeline::version::Payload;
use twox_hash::XxHash3_128;

use crate::row::{Entity, EventRow};

/// A row's values, in the order of the table's columns.
pub(super) struct RowContents<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) event_type: Option<&'a str>,
    /// The id and the texts of `actor`, `repo` and `org`. All of them are null if the struct is.
    pub(super) entities: [(Option<i64>, Vec<Option<&'a str>>); 3],
    pub(super) public: Option<bool>,
    pub(super) created_at: Option<i64>,
    pub(super) payload: Option<&'a str>,
    pub(super) other: Option<&'a str>,
    pub(super) source_line: Option<i64>,
}

impl<'a> RowContents<'a> {
    /// The values that must be stored for a row.
    pub(super) fn of_row(row: &'a EventRow<'_>, line: u64, payload: Payload) -> Self {
        Self {
            id: row.id.as_deref(),
            event_type: Some(&row.event_type),
            entities: [entity(&row.actor), entity(&row.repo), entity(&row.org)],
            public: row.public,
            created_at: Some(row.created_at),
            payload: row.payload.filter(|_| payload == Payload::Keep),
            other: row.other.as_deref(),
            source_line: i64::try_from(line).ok(),
        }
    }

    /// The hash of all values. A byte before each value says whether it is null. The length of a text precedes the text.
    pub(super) fn hash(&self) -> u128 {
        let mut hash = XxHash3_128::new();
        text(&mut hash, self.id);
        text(&mut hash, self.event_type);
        for (id, texts) in &self.entities {
            number(&mut hash, *id);
            for one in texts {
                text(&mut hash, *one);
            }
        }
        number(&mut hash, self.public.map(i64::from));
        number(&mut hash, self.created_at);
        text(&mut hash, self.payload);
        text(&mut hash, self.other);
        number(&mut hash, self.source_line);
        hash.finish_128()
    }
}

fn entity<'a, const N: usize>(entity: &'a Entity<'_, N>) -> (Option<i64>, Vec<Option<&'a str>>) {
    (entity.id, entity.texts.iter().map(Option::as_deref).collect())
}

fn text(hash: &mut XxHash3_128, value: Option<&str>) {
    hash.write(&[u8::from(value.is_some())]);
    if let Some(text) = value {
        hash.write(&(text.len() as u64).to_le_bytes());
        hash.write(text.as_bytes());
    }
}

fn number(hash: &mut XxHash3_128, value: Option<i64>) {
    hash.write(&[u8::from(value.is_some())]);
    hash.write(&value.unwrap_or_default().to_le_bytes());
}
