//! The input of a function.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Path;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid input: {reason}{}", at(.field.as_ref()))]
pub struct InvalidInput {
    /// `None` if the event as a whole is invalid; `reason` then names the missing or unknown field.
    pub field: Option<String>,
    pub reason: String,
}

impl InvalidInput {
    pub fn new(field: &str, reason: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), reason: reason.into() }
    }
}

/// Parses an event. Input types should deny unknown fields.
pub fn parse<T: DeserializeOwned>(event: Value) -> Result<T, InvalidInput> {
    serde_path_to_error::deserialize(event)
        .map_err(|error| InvalidInput { field: field(error.path()), reason: error.inner().to_string() })
}

/// Parses an event from its text, which the result may borrow from. Only a failure spends time on finding the field.
pub fn parse_text<'a, T: Deserialize<'a>>(event: &'a str) -> Result<T, InvalidInput> {
    serde_json::from_str(event).map_err(|error| {
        let parsed = serde_path_to_error::deserialize::<_, T>(&mut serde_json::Deserializer::from_str(event));
        InvalidInput { field: parsed.err().and_then(|error| field(error.path())), reason: error.to_string() }
    })
}

/// Returns `None` for the root of the event.
fn field(path: &Path) -> Option<String> {
    let field = path.to_string();
    (field != ".").then_some(field)
}

fn at(field: Option<&String>) -> String {
    field.map(|field| format!(" (field `{field}`)")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only parsed")]
    struct Input {
        chunk: u32,
        source: Option<Source>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only parsed")]
    struct Source {
        url: String,
    }

    #[test]
    fn parse_invalid_event_names_field() {
        for (phrase, event, message) in [
            (
                "a negative number",
                json!({"chunk": -1}),
                "invalid input: invalid value: integer `-1`, expected u32 (field `chunk`)",
            ),
            (
                "a nested field",
                json!({"chunk": 1, "source": {"url": 5}}),
                "invalid input: invalid type: integer `5`, expected a string (field `source.url`)",
            ),
            ("a missing field", json!({}), "invalid input: missing field `chunk`"),
            (
                "an unknown field",
                json!({"chunk": 1, "chunks": 2}),
                "invalid input: unknown field `chunks`, expected `chunk` or `source` (field `chunks`)",
            ),
            ("not an object", json!([]), "invalid input: invalid length 0, expected struct Input with 2 elements"),
        ] {
            assert_eq!(parse::<Input>(event).unwrap_err().to_string(), message, "{phrase}");
        }
        assert_eq!(parse::<Input>(json!({"chunk": 3})).unwrap().chunk, 3);
    }

    #[test]
    fn parse_text_invalid_event_names_position() {
        assert_eq!(parse_text::<Input>(r#"{"chunk": 3}"#).unwrap().chunk, 3);
        for (event, message) in [
            (
                r#"{"chunk": 1, "source": {"url": 5}}"#,
                "invalid input: invalid type: integer `5`, expected a string at line 1 column 32 (field `source.url`)",
            ),
            (r#"{"chunk": 1} x"#, "invalid input: trailing characters at line 1 column 14"),
        ] {
            assert_eq!(parse_text::<Input>(event).unwrap_err().to_string(), message);
        }
    }
}
