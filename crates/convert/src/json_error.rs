//! The text of `serde_json`'s errors.

/// The message of `error`, with the byte of the record (from 1) as its position, instead of a line and a column.
pub(crate) fn describe(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match message.strip_suffix(&place) {
        Some(what) => format!("{what} at byte {} of the record", error.column()),
        None => message,
    }
}
