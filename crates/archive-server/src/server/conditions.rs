//! The conditions and the range of a request (RFC 9110, sections 13 and 14).

use std::ops::Range;

use axum::http::{HeaderMap, HeaderName, header};

/// The content of the response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ContentSelection {
    /// The whole file, with status 200.
    All,
    /// Part of the file, with status 206.
    Part(Range<u64>),
    /// The range starts after the end: 416.
    Unsatisfiable,
    /// The client has this version: 304.
    NotModified,
    /// The client requires another version: 412.
    PreconditionFailed,
}

/// Selects the content by the headers of a GET or HEAD request.
pub(crate) fn select(headers: &HeaderMap, etag: &str, last_modified: &str, length: u64) -> ContentSelection {
    if text(headers, header::IF_MATCH).is_some_and(|tags| !names(tags, etag, false)) {
        return ContentSelection::PreconditionFailed;
    }
    if text(headers, header::IF_NONE_MATCH).is_some_and(|tags| names(tags, etag, true)) {
        return ContentSelection::NotModified;
    }
    let unchanged = text(headers, header::IF_RANGE).is_none_or(|known| known == etag || known == last_modified);
    match text(headers, header::RANGE) {
        Some(range) if unchanged => part(range, length),
        _ => ContentSelection::All,
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

fn names(tags: &str, etag: &str, weak: bool) -> bool {
    let same = |tag: &str| tag == "*" || tag == etag || (weak && tag.strip_prefix("W/") == Some(etag));
    tags.split(',').map(str::trim).any(same)
}

/// Malformed ranges and ranges with several parts are ignored, as the RFC allows.
fn part(range: &str, length: u64) -> ContentSelection {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return ContentSelection::All;
    };
    match (first.parse::<u64>(), last.parse::<u64>()) {
        (Err(_), Ok(suffix)) if first.is_empty() => match suffix.min(length) {
            0 => ContentSelection::Unsatisfiable,
            suffix => ContentSelection::Part(length - suffix..length),
        },
        (Ok(first), Ok(last)) if last < first => ContentSelection::All,
        (Ok(first), _) if first >= length => ContentSelection::Unsatisfiable,
        (Ok(first), Ok(last)) => ContentSelection::Part(first..last.saturating_add(1).min(length)),
        (Ok(first), Err(_)) if last.is_empty() => ContentSelection::Part(first..length),
        _ => ContentSelection::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETAG: &str = "\"abc\"";
    const DATE: &str = "Fri, 01 Jul 2016 20:27:13 GMT";

    fn decide(pairs: &[(HeaderName, &str)]) -> ContentSelection {
        let headers = pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        select(&headers, ETAG, DATE, 100)
    }

    #[test]
    fn select_follows_the_rfc_for_ranges() {
        for (phrase, range, expected) in [
            ("from and to", "bytes=0-9", ContentSelection::Part(0..10)),
            ("one byte", "bytes=99-99", ContentSelection::Part(99..100)),
            ("open end", "bytes=90-", ContentSelection::Part(90..100)),
            ("the last bytes", "bytes=-10", ContentSelection::Part(90..100)),
            ("more last bytes than the file has", "bytes=-1000", ContentSelection::Part(0..100)),
            ("an end after the end", "bytes=50-1000", ContentSelection::Part(50..100)),
            ("the largest end", "bytes=50-18446744073709551615", ContentSelection::Part(50..100)),
            ("a start after the end", "bytes=100-", ContentSelection::Unsatisfiable),
            ("no last bytes", "bytes=-0", ContentSelection::Unsatisfiable),
            ("backwards", "bytes=9-0", ContentSelection::All),
            ("several parts", "bytes=0-1,5-6", ContentSelection::All),
            ("another unit", "lines=0-9", ContentSelection::All),
            ("nonsense", "bytes=a-b", ContentSelection::All),
            ("nothing", "bytes=-", ContentSelection::All),
        ] {
            assert_eq!(decide(&[(header::RANGE, range)]), expected, "{phrase}");
        }
    }

    #[test]
    fn conditions_take_precedence_over_range() {
        let range = (header::RANGE, "bytes=0-9");
        for (phrase, condition, expected) in [
            ("the required version", (header::IF_MATCH, ETAG), ContentSelection::Part(0..10)),
            ("any version", (header::IF_MATCH, "*"), ContentSelection::Part(0..10)),
            ("one of several", (header::IF_MATCH, "\"x\", \"abc\""), ContentSelection::Part(0..10)),
            ("another required version", (header::IF_MATCH, "\"x\""), ContentSelection::PreconditionFailed),
            (
                "a weak tag never matches strongly",
                (header::IF_MATCH, "W/\"abc\""),
                ContentSelection::PreconditionFailed,
            ),
            ("the version known", (header::IF_NONE_MATCH, ETAG), ContentSelection::NotModified),
            ("known weakly", (header::IF_NONE_MATCH, "W/\"abc\""), ContentSelection::NotModified),
            ("another version known", (header::IF_NONE_MATCH, "\"x\""), ContentSelection::Part(0..10)),
            ("the part of this version", (header::IF_RANGE, ETAG), ContentSelection::Part(0..10)),
            ("the part of this date", (header::IF_RANGE, DATE), ContentSelection::Part(0..10)),
            ("the part of another version", (header::IF_RANGE, "\"x\""), ContentSelection::All),
        ] {
            assert_eq!(decide(&[range.clone(), condition]), expected, "{phrase}");
        }
    }
}
