//! The general path: turns each of the three historic shapes into a row. The shape is decided record by record.
//!
//! - **Events** (since 2015) and the **2011 back-fill**: `actor`, `repo` and `org` are objects. Each of them, and each
//!   of their fields, may be absent.
//! - **Timeline** (March 2012 to 2014): `actor` is a string, `actor_attributes` holds its other fields, and
//!   `repository` takes the place of `repo` and `org`. There is no `id`.
//!
//! No value is lost. Unknown fields, including those of `actor`, `repo` and `org`, and values that do not fit their
//! column are kept unchanged in the row's `other`, a JSON object with its keys in the order of the source.
//! `actor_attributes` and `repository` are kept there as a whole. A null in a known field means the same as its
//! absence.

use std::borrow::Cow;

use json_scan::Scanner;

use crate::decode::{JsonKind, ObjectFields, integer, json_kind, string};
use crate::reject::{RecordRejectReason, RecordRejection};
use crate::row::{ACTOR_TEXTS, Entity, EventRow, ORG_TEXTS, REPO_TEXTS};
use crate::timestamp;

/// The row of the object with these fields, or the reason why it is not an event. `scanner` is for the objects within
/// it.
pub(crate) fn to_row<'a>(fields: &ObjectFields<'a>, scanner: &mut Scanner) -> Result<EventRow<'a>, RecordRejection> {
    let event_type = event_type(fields)?;
    let created_at = created_at(fields)?;
    let mut row = EventRow {
        id: None,
        event_type,
        actor: Entity::default(),
        repo: Entity::default(),
        org: Entity::default(),
        public: None,
        created_at,
        payload: fields.get("payload"),
        other: None,
    };
    let mut other = OtherFields::default();
    for (key, json) in fields.iter() {
        if let Some(rest) = store(key, json, &mut row, scanner) {
            other.push(key, &rest);
        }
    }
    row.other = other.finish();
    if is_timeline(fields) {
        fill_from_timeline(&mut row, fields, scanner);
    }
    Ok(row)
}

fn event_type<'a>(fields: &ObjectFields<'a>) -> Result<Cow<'a, str>, RecordRejection> {
    let missing = |detail: String| RecordRejection::new(RecordRejectReason::MissingType, detail);
    let json = fields.get("type").ok_or_else(|| missing("no type".to_owned()))?;
    match string(json) {
        Some(text) if text.is_empty() => Err(missing("the type is empty".to_owned())),
        Some(text) => Ok(text),
        None => Err(missing(format!("the type is {} where a string is expected", json_kind(json)))),
    }
}

fn created_at(fields: &ObjectFields<'_>) -> Result<i64, RecordRejection> {
    let missing = |detail: String| RecordRejection::new(RecordRejectReason::MissingCreatedAt, detail);
    let json = fields.get("created_at").ok_or_else(|| missing("no created_at".to_owned()))?;
    let text =
        string(json).ok_or_else(|| missing(format!("created_at is {} where a string is expected", json_kind(json))))?;
    timestamp::parse(&text).map_err(|reason| {
        let detail = format!("created_at '{}': {reason}", shortened(&text));
        RecordRejection::new(RecordRejectReason::BadCreatedAt, detail)
    })
}

/// The first 64 characters of `text`, for a message.
fn shortened(text: &str) -> &str {
    text.char_indices().nth(64).map_or(text, |(end, _)| &text[..end])
}

/// Stores a top-level field in its column. Returns what does not fit.
fn store<'a>(key: &str, json: &'a str, row: &mut EventRow<'a>, scanner: &mut Scanner) -> Option<Cow<'a, str>> {
    match (key, json_kind(json)) {
        ("type" | "created_at" | "payload", _) | ("id" | "public" | "actor" | "repo" | "org", JsonKind::Null) => None,
        ("id", JsonKind::String) => {
            row.id = string(json);
            None
        }
        ("id", JsonKind::Number) => {
            row.id = Some(Cow::Borrowed(json));
            None
        }
        ("public", JsonKind::Bool) => {
            row.public = Some(json == "true");
            None
        }
        ("actor", JsonKind::String) => {
            set_text(&ACTOR_TEXTS, &mut row.actor, "login", string(json));
            None
        }
        ("actor", JsonKind::Object) => store_entity(&ACTOR_TEXTS, json, &mut row.actor, scanner),
        ("repo", JsonKind::Object) => store_entity(&REPO_TEXTS, json, &mut row.repo, scanner),
        ("org", JsonKind::Object) => store_entity(&ORG_TEXTS, json, &mut row.org, scanner),
        _ => Some(Cow::Borrowed(json)),
    }
}

/// Stores the fields of the object `json` in `entity`. Returns an object of the fields that do not fit.
fn store_entity<'a, const N: usize>(
    names: &[&str; N],
    json: &'a str,
    entity: &mut Entity<'a, N>,
    scanner: &mut Scanner,
) -> Option<Cow<'a, str>> {
    let fields = ObjectFields::of(json, scanner)?;
    let mut rest = OtherFields::default();
    for (key, json) in fields.iter() {
        let text_column = names.iter().position(|name| *name == key);
        match (key, text_column, json_kind(json)) {
            ("id", _, JsonKind::Null) | (_, Some(_), JsonKind::Null) => {}
            ("id", _, JsonKind::Number) if integer(json).is_some() => entity.id = integer(json),
            (_, Some(column), JsonKind::String) => entity.texts[column] = string(json),
            _ => rest.push(key, json),
        }
    }
    rest.finish().map(Cow::Owned)
}

fn is_timeline(fields: &ObjectFields<'_>) -> bool {
    fields.has("actor_attributes")
        || fields.has("repository")
        || fields.get("actor").is_some_and(|json| json_kind(json) == JsonKind::String)
}

/// Fills the empty fields of `actor`, `repo` and `org` from `actor_attributes` and `repository`.
fn fill_from_timeline<'a>(row: &mut EventRow<'a>, fields: &ObjectFields<'a>, scanner: &mut Scanner) {
    if let Some(attributes) = fields.get("actor_attributes").and_then(|json| ObjectFields::of(json, scanner)) {
        for name in ["login", "gravatar_id"] {
            set_text(&ACTOR_TEXTS, &mut row.actor, name, attributes.get(name).and_then(string));
        }
    }
    let Some(repository) = fields.get("repository").and_then(|json| ObjectFields::of(json, scanner)) else { return };
    if row.repo.is_null() {
        row.repo.id = repository.get("id").and_then(integer);
        set_text(&REPO_TEXTS, &mut row.repo, "name", full_name(&repository));
        set_text(&REPO_TEXTS, &mut row.repo, "url", repository.get("url").and_then(string));
    }
    if row.org.is_null() {
        let organization = repository.get("organization").and_then(string).filter(|login| !login.is_empty());
        set_text(&ORG_TEXTS, &mut row.org, "login", organization);
    }
}

/// `owner/name` of a Timeline repository; only its name if it has no owner.
fn full_name<'a>(repository: &ObjectFields<'a>) -> Option<Cow<'a, str>> {
    let name = repository.get("name").and_then(string)?;
    if name.contains('/') {
        return Some(name);
    }
    match repository.get("owner").and_then(string) {
        Some(owner) if !owner.is_empty() => Some(Cow::Owned(format!("{owner}/{name}"))),
        _ => Some(name),
    }
}

/// Stores `text` under `name`, unless the field already has a text.
fn set_text<'a, const N: usize>(names: &[&str; N], entity: &mut Entity<'a, N>, name: &str, text: Option<Cow<'a, str>>) {
    for (column, slot) in names.iter().zip(&mut entity.texts) {
        if *column == name && slot.is_none() {
            slot.clone_from(&text);
        }
    }
}

/// The JSON object of the fields without a column, under construction.
#[derive(Default)]
struct OtherFields(String);

impl OtherFields {
    fn push(&mut self, key: &str, json: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(&serde_json::Value::from(key).to_string());
        self.0.push(':');
        self.0.push_str(json);
    }

    /// The object; `None` if it has no field.
    fn finish(mut self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        self.0.push('}');
        Some(self.0)
    }
}
