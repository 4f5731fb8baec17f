//! The hours that the archive never had, from `data/known-gaps.txt`.

use std::sync::LazyLock;

use crate::{ArchiveHour, hour::HourError};

const LIST: &str = include_str!("../data/known-gaps.txt");

static GAPS: LazyLock<Vec<Gap>> = LazyLock::new(|| parse(LIST).expect("a test parses the whole list"));

/// Whether `hour` is on the list: a 404 for it is final.
pub fn is_known(hour: ArchiveHour) -> bool {
    let at_or_before = GAPS.partition_point(|gap| gap.first <= hour);
    at_or_before > 0 && hour <= GAPS[at_or_before - 1].last
}

/// Consecutive hours, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gap {
    first: ArchiveHour,
    last: ArchiveHour,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum GapError {
    #[error("known gaps, line {line}: {source}")]
    Hour { line: usize, source: HourError },
    #[error("known gaps, line {line}: hours must be in order and must not overlap")]
    Order { line: usize },
}

/// Parses lines of one hour or one `first..last` range, in order. `#` begins a comment.
fn parse(list: &str) -> Result<Vec<Gap>, GapError> {
    let mut gaps: Vec<Gap> = Vec::new();
    for (line, text) in (1..).zip(list.lines()) {
        let text = text.split('#').next().unwrap_or_default().trim();
        if text.is_empty() {
            continue;
        }
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let hour = |text: &str| text.parse().map_err(|source| GapError::Hour { line, source });
        let gap = Gap { first: hour(first)?, last: hour(last)? };
        if gap.last < gap.first || gaps.last().is_some_and(|before| gap.first <= before.last) {
            return Err(GapError::Order { line });
        }
        gaps.push(gap);
    }
    Ok(gaps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_gaps_file_parses_every_line() {
        let gaps = parse(LIST).unwrap();
        let lines = LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
        assert_eq!(gaps.len(), lines);
        assert!(lines > 20);
    }

    #[test]
    fn is_known_excludes_neighbouring_hours() {
        for (phrase, hour, known) in [
            ("a single hour", "2016-10-21-18", true),
            ("the hour before it", "2016-10-21-17", false),
            ("the hour after it", "2016-10-21-19", false),
            ("the first hour of a range", "2018-10-21-23", true),
            ("the middle of a range, past midnight", "2018-10-22-0", true),
            ("the last hour of a range", "2018-10-22-1", true),
            ("the hour after a range", "2018-10-22-2", false),
            ("before every gap", "2011-02-12-0", false),
            ("after every gap", "2026-06-01-15", false),
            ("late at first and then published", "2018-07-17-23", false),
        ] {
            assert_eq!(is_known(hour.parse().unwrap()), known, "{phrase}");
        }
    }

    #[test]
    fn parse_of_bad_list_returns_its_line() {
        for (phrase, list, line) in [
            ("not an hour", "2016-10-21-18\nsoon", 2),
            ("half a range", "2016-10-21-18..", 1),
            ("a range backwards", "# a comment\n\n2016-10-21-18..2016-10-21-17", 3),
            ("out of order", "2016-10-21-18\n2016-10-21-18", 2),
        ] {
            let at = match parse(list) {
                Err(GapError::Hour { line, .. } | GapError::Order { line }) => Some(line),
                Ok(_) => None,
            };
            assert_eq!(at, Some(line), "{phrase}");
        }
    }
}
