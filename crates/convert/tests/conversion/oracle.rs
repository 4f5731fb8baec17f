//! Computes the expected row with `serde_json::Value` and a scanner of brackets, without the crate's code.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

const ACTOR: [&str; 6] = ["id", "login", "display_login", "gravatar_id", "url", "avatar_url"];
const REPO: [&str; 3] = ["id", "name", "url"];
const ORG: [&str; 5] = ["id", "login", "gravatar_id", "url", "avatar_url"];

/// The row of the event on `line`, with `other` parsed (see [`with_other_parsed`]).
pub(crate) fn expected_row(line: &str, source_line: u64) -> Value {
    let Value::Object(mut event) = serde_json::from_str(line).unwrap() else { panic!("not an object: {line}") };
    let timeline = event.contains_key("actor_attributes")
        || event.contains_key("repository")
        || event.get("actor").is_some_and(Value::is_string);
    let (attributes, repository) = (event.get("actor_attributes").cloned(), event.get("repository").cloned());
    let created_at = micros(event.remove("created_at").unwrap().as_str().unwrap());
    let event_type = event.remove("type").unwrap();
    event.remove("payload");
    let id = fitting(&mut event, "id", |id| id.is_string() || id.is_number()).map(|id| match id {
        Value::String(text) => text,
        _ => source_text(line, "id").unwrap().to_owned(),
    });
    let public = fitting(&mut event, "public", Value::is_boolean);
    let login = fitting(&mut event, "actor", Value::is_string);
    let mut actor = entity(&mut event, "actor", &ACTOR);
    let mut repo = entity(&mut event, "repo", &REPO);
    let mut org = entity(&mut event, "org", &ORG);
    if timeline {
        set(&mut actor, "login", login);
        for name in ["login", "gravatar_id"] {
            set(&mut actor, name, attributes.as_ref().and_then(|it| it.get(name)).cloned());
        }
        timeline_repository(&mut repo, &mut org, &repository.unwrap_or_default());
    }
    json!({
        "id": id, "type": event_type, "actor": unless_empty(actor, &ACTOR), "repo": unless_empty(repo, &REPO),
        "org": unless_empty(org, &ORG), "public": public, "created_at": created_at,
        "payload": source_text(line, "payload").filter(|text| *text != "null"),
        "other": if event.is_empty() { Value::Null } else { event.into() }, "source_line": source_line,
    })
}

/// A stored row with the JSON text in `other` parsed, because its spelling may differ.
pub(crate) fn with_other_parsed(mut row: Value) -> Value {
    if let Value::String(text) = &row["other"] {
        row["other"] = serde_json::from_str(text).unwrap();
    }
    row
}

/// The text of the value of the last top-level field `name`, found by counting brackets.
pub(crate) fn source_text<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let bytes = line.as_bytes();
    let (mut depth, mut at, mut found) = (0, 0, None);
    let mut value_start: Option<(usize, String)> = None;
    let mut last_string = String::new();
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let start = at;
                at += 1;
                while bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                if depth == 1 && value_start.is_none() {
                    last_string = serde_json::from_str(&line[start..=at]).unwrap();
                }
            }
            b'{' | b'[' => depth += 1,
            b':' if depth == 1 && value_start.is_none() => {
                value_start = Some((at + 1, std::mem::take(&mut last_string)));
            }
            byte @ (b'}' | b']' | b',') => {
                if depth == 1
                    && let Some((start, key)) = value_start.take()
                    && key == name
                {
                    found = Some(line[start..at].trim_matches([' ', '\t', '\r']));
                }
                depth -= i32::from(byte != b',');
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn timeline_repository(repo: &mut Map<String, Value>, org: &mut Map<String, Value>, repository: &Value) {
    let text = |name: &str| repository.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    if repo.is_empty() {
        set(repo, "id", repository.get("id").filter(|id| id.is_i64()).cloned());
        set(repo, "url", repository.get("url").cloned());
        if let Some(name) = repository.get("name").and_then(Value::as_str) {
            let bare = name.contains('/') || text("owner").is_empty();
            let full = if bare { name.to_owned() } else { format!("{}/{name}", text("owner")) };
            set(repo, "name", Some(full.into()));
        }
    }
    if org.is_empty() && !text("organization").is_empty() {
        set(org, "login", Some(text("organization").into()));
    }
}

/// Removes the field if it fits or is null. Returns its value unless it is null.
fn fitting(object: &mut Map<String, Value>, name: &str, fits: impl Fn(&Value) -> bool) -> Option<Value> {
    let value = object.get(name)?;
    if value.is_null() || fits(value) { object.remove(name).filter(|value| !value.is_null()) } else { None }
}

/// Removes the known fields from the object `name`, and the object if it is empty then.
fn entity(event: &mut Map<String, Value>, name: &str, columns: &[&str]) -> Map<String, Value> {
    fitting(event, name, |_| false);
    let mut known = Map::new();
    if let Some(Value::Object(object)) = event.get_mut(name) {
        for column in columns {
            let fits = |value: &Value| if *column == "id" { value.is_i64() } else { value.is_string() };
            set(&mut known, column, fitting(object, column, fits));
        }
        if object.is_empty() {
            event.remove(name);
        }
    }
    known
}

fn set(entity: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    let fits = |value: &Value| if name == "id" { value.is_i64() } else { value.is_string() };
    if let Some(value) = value.filter(fits) {
        entity.entry(name).or_insert(value);
    }
}

fn unless_empty(entity: Map<String, Value>, columns: &[&str]) -> Value {
    if entity.is_empty() {
        return Value::Null;
    }
    let value = |name: &&str| (name.to_string(), entity.get(*name).cloned().unwrap_or_default());
    columns.iter().map(value).collect::<Map<_, _>>().into()
}

/// The microseconds of an instant, parsed by jiff. The slashes of March 2012 are replaced first.
pub(crate) fn micros(text: &str) -> i64 {
    let text = match text.split_once(' ') {
        Some((date, rest)) => format!("{}T{}", date.replace('/', "-"), rest.replace(' ', "")),
        None => text.to_owned(),
    };
    text.parse::<Timestamp>().unwrap().as_microsecond()
}
