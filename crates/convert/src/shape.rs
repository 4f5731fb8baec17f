//! Three shapes in, one row out, decided record by record.
//!
//! - **Events** (2015 on) and the **2011 back-fill**: `actor`, `repo` and `org` are objects; any of them, and any of
//!   their fields, may be absent.
//! - **Timeline** (March 2012 to 2014): `actor` is a string; what else is known of it is in `actor_attributes`, and
//!   `repository` stands for `repo` and `org`. There is no `id`.
//!
//! Nothing is lost: an unknown field, one of `actor`, `repo` or `org` included, and a value that does not fit its column
//! stay as they are in the row's `other`, a JSON object whose keys stand in the order of the source. A null in a known
//! field is the same as its absence. `actor_attributes` and `repository` are kept whole.

use std::borrow::Cow;

use crate::decode::{Fields, Kind, integer, kind, string};
use crate::quarantine::{Reason, Refusal};
use crate::row::{ACTOR_TEXTS, Entity, EventRow, ORG_TEXTS, REPO_TEXTS};
use crate::scan::Scanner;
use crate::timestamp;

/// The row of the object `fields`, or why it is no event. The scanner serves for the objects within it.
pub(crate) fn to_row<'a>(fields: &Fields<'a>, scanner: &mut Scanner) -> Result<EventRow<'a>, Refusal> {
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
    let mut other = Rest::default();
    for (key, json) in fields.iter() {
        if let Some(rest) = store(key, json, &mut row, scanner) {
            other.put(key, &rest);
        }
    }
    row.other = other.finish();
    if is_timeline(fields) {
        fill_from_timeline(&mut row, fields, scanner);
    }
    Ok(row)
}

fn event_type<'a>(fields: &Fields<'a>) -> Result<Cow<'a, str>, Refusal> {
    let missing = |detail: String| Refusal::new(Reason::MissingType, detail);
    let json = fields.get("type").ok_or_else(|| missing("no type".to_owned()))?;
    match string(json) {
        Some(text) if text.is_empty() => Err(missing("the type is empty".to_owned())),
        Some(text) => Ok(text),
        None => Err(missing(format!("the type is {} where a string is expected", kind(json)))),
    }
}

fn created_at(fields: &Fields<'_>) -> Result<i64, Refusal> {
    let missing = |detail: String| Refusal::new(Reason::MissingCreatedAt, detail);
    let json = fields.get("created_at").ok_or_else(|| missing("no created_at".to_owned()))?;
    let text =
        string(json).ok_or_else(|| missing(format!("created_at is {} where a string is expected", kind(json))))?;
    timestamp::parse(&text)
        .map_err(|why| Refusal::new(Reason::BadCreatedAt, format!("created_at '{}': {why}", shortened(&text))))
}

/// The first 64 characters of `text`, to be shown.
fn shortened(text: &str) -> &str {
    text.char_indices().nth(64).map_or(text, |(end, _)| &text[..end])
}

/// Stores a top-level field in its column; what has no place there is given back.
fn store<'a>(key: &str, json: &'a str, row: &mut EventRow<'a>, scanner: &mut Scanner) -> Option<Cow<'a, str>> {
    let kind = kind(json);
    match (key, kind) {
        ("type" | "created_at" | "payload", _) => None,
        ("id" | "public" | "actor" | "repo" | "org", Kind::Null) => None,
        ("id", Kind::String) => {
            row.id = string(json);
            None
        }
        ("id", Kind::Number) => {
            row.id = Some(Cow::Borrowed(json));
            None
        }
        ("public", Kind::Bool) => {
            row.public = Some(json == "true");
            None
        }
        ("actor", Kind::String) => {
            set_text(&ACTOR_TEXTS, &mut row.actor, "login", string(json));
            None
        }
        ("actor", Kind::Object) => store_entity(&ACTOR_TEXTS, json, &mut row.actor, scanner),
        ("repo", Kind::Object) => store_entity(&REPO_TEXTS, json, &mut row.repo, scanner),
        ("org", Kind::Object) => store_entity(&ORG_TEXTS, json, &mut row.org, scanner),
        _ => Some(Cow::Borrowed(json)),
    }
}

/// Stores the fields of the object `json` in `entity`; an object of those that have no place there is given back.
pub(crate) fn store_entity<'a, const N: usize>(
    names: &[&str; N],
    json: &'a str,
    entity: &mut Entity<'a, N>,
    scanner: &mut Scanner,
) -> Option<Cow<'a, str>> {
    let fields = Fields::of(json, scanner)?;
    let mut rest = Rest::default();
    for (key, json) in fields.iter() {
        let text_column = names.iter().position(|name| *name == key);
        match (key, text_column, kind(json)) {
            ("id", _, Kind::Null) | (_, Some(_), Kind::Null) => {}
            ("id", _, Kind::Number) if integer(json).is_some() => entity.id = integer(json),
            (_, Some(column), Kind::String) => entity.texts[column] = string(json),
            _ => rest.put(key, json),
        }
    }
    rest.finish().map(Cow::Owned)
}

fn is_timeline(fields: &Fields<'_>) -> bool {
    fields.has("actor_attributes")
        || fields.has("repository")
        || fields.get("actor").is_some_and(|json| kind(json) == Kind::String)
}

/// Fills what `actor`, `repo` and `org` left open from `actor_attributes` and `repository`.
fn fill_from_timeline<'a>(row: &mut EventRow<'a>, fields: &Fields<'a>, scanner: &mut Scanner) {
    if let Some(attributes) = fields.get("actor_attributes").and_then(|json| Fields::of(json, scanner)) {
        for name in ["login", "gravatar_id"] {
            set_text(&ACTOR_TEXTS, &mut row.actor, name, attributes.get(name).and_then(string));
        }
    }
    let Some(repository) = fields.get("repository").and_then(|json| Fields::of(json, scanner)) else { return };
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

/// `owner/name` of a Timeline repository; its name alone if it has no owner.
fn full_name<'a>(repository: &Fields<'a>) -> Option<Cow<'a, str>> {
    let name = repository.get("name").and_then(string)?;
    if name.contains('/') {
        return Some(name);
    }
    match repository.get("owner").and_then(string) {
        Some(owner) if !owner.is_empty() => Some(Cow::Owned(format!("{owner}/{name}"))),
        _ => Some(name),
    }
}

/// Stores `text` under `name`, unless there is one already.
fn set_text<'a, const N: usize>(names: &[&str; N], entity: &mut Entity<'a, N>, name: &str, text: Option<Cow<'a, str>>) {
    for (known, slot) in names.iter().zip(&mut entity.texts) {
        if *known == name && slot.is_none() {
            slot.clone_from(&text);
        }
    }
}

/// A JSON object under construction: what has no column.
#[derive(Default)]
struct Rest(String);

impl Rest {
    fn put(&mut self, key: &str, json: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(&serde_json::Value::from(key).to_string());
        self.0.push(':');
        self.0.push_str(json);
    }

    /// The object, if it has a field.
    fn finish(mut self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        self.0.push('}');
        Some(self.0)
    }
}
