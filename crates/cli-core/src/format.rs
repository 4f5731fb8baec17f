//! Formats numbers, times and errors for people.

use std::error::Error;

use indicatif::HumanCount;

/// Longest [`one_line`], in characters: a few lines of a terminal.
const MAX_LINE_CHARS: usize = 600;

/// An error and its causes in one line, without repeating a cause that the text before it ends with.
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

/// The text without line feeds, at most [`MAX_LINE_CHARS`] long.
pub fn one_line(text: &str) -> String {
    truncated(&text.split_whitespace().collect::<Vec<_>>().join(" "), MAX_LINE_CHARS)
}

/// The first `max_chars` characters, with `…` where some are cut off.
pub fn truncated(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// The text with U+FFFD for control characters, which a terminal would execute.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// `12 s`, `34 min`, `5.6 h`.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 100.0 => format!("{s:.0} s"),
        s if s < 6000.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// A count for each second, rounded down: `12,345`.
pub fn per_second(count: u64, seconds: f64) -> String {
    HumanCount(whole(count as f64 / seconds.max(0.001))).to_string()
}

/// `12,345`.
pub fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// `1 hour`, `2 hours`.
pub fn plural(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", HumanCount(count), if count == 1 { "" } else { "s" })
}

/// The number without its fraction; 0 for a negative one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from f64 saturates, as this function promises"
)]
pub fn whole(number: f64) -> u64 {
    number as u64
}

/// Seconds rounded to milliseconds, for JSON results.
pub fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read x")]
    struct Outer(#[source] io::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("outer: {0}")]
    struct Repeating(#[source] io::Error);

    #[test]
    fn error_chain_names_each_cause_once() {
        let cause = || io::Error::other("it is gone");
        assert_eq!(error_chain(&Outer(cause())), "cannot read x: it is gone");
        assert_eq!(error_chain(&Repeating(cause())), "outer: it is gone");
    }

    #[test]
    fn durations_and_rates_have_units() {
        assert_eq!([12.0, 150.0, 7200.0].map(duration), ["12 s", "2 min", "2.0 h"]);
        assert_eq!((per_second(30_000, 2.0), per_second(5, 0.0)), ("15,000".to_owned(), "5,000".to_owned()));
        assert_eq!([plural(1, "hour"), plural(1200, "hour")], ["1 hour", "1,200 hours"]);
    }

    #[test]
    fn long_and_unprintable_texts_are_cleaned() {
        assert_eq!(one_line("a\n  b\tc "), "a b c");
        assert_eq!(one_line(&"x".repeat(601)).chars().count(), 601);
        assert_eq!(printable("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
    }
}
