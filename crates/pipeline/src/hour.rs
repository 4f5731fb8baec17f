//! One hour of GH Archive: the unit of work of the pipeline.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

const SECONDS_PER_HOUR: i64 = 3600;

/// An hour of the archive, written like its file name: `2025-11-21-0` (UTC, hour not padded).
///
/// A value is always a real hour, not before [`ArchiveHour::FIRST`]. Values are ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArchiveHour {
    hours_since_epoch: i64,
}

/// A text that is not an hour of the archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HourError {
    #[error("'{text}' is not an archive hour: expected YYYY-MM-DD-H with H from 0 to 23, for example 2025-11-21-0")]
    Malformed { text: String },
    #[error("'{text}' lies before the archive's first hour, 2011-02-12-0")]
    BeforeArchive { text: String },
}

impl ArchiveHour {
    /// The archive's first hour, `2011-02-12-0` (source: gharchive.org).
    pub const FIRST: Self = Self { hours_since_epoch: 360_408 };

    /// The hour that contains `instant`; `None` before the archive's first hour.
    pub fn containing(instant: Timestamp) -> Option<Self> {
        let hour = Self { hours_since_epoch: instant.as_second().div_euclid(SECONDS_PER_HOUR) };
        (hour >= Self::FIRST).then_some(hour)
    }

    pub fn start(self) -> Timestamp {
        Timestamp::from_second(self.hours_since_epoch * SECONDS_PER_HOUR).expect("a parsed hour is within jiff's range")
    }

    /// The first instant after the hour.
    pub fn end(self) -> Timestamp {
        self.plus(1).start()
    }

    #[must_use]
    pub fn plus(self, hours: u32) -> Self {
        Self { hours_since_epoch: self.hours_since_epoch + i64::from(hours) }
    }

    /// `None` before the archive's first hour.
    pub fn minus(self, hours: u32) -> Option<Self> {
        let earlier = Self { hours_since_epoch: self.hours_since_epoch - i64::from(hours) };
        (earlier >= Self::FIRST).then_some(earlier)
    }

    /// The number of hours from `earlier` to this one; negative if this one is before.
    pub fn hours_since(self, earlier: Self) -> i64 {
        self.hours_since_epoch - earlier.hours_since_epoch
    }

    /// The file name in the archive: `2025-11-21-0.json.gz`.
    pub fn file_name(self) -> String {
        format!("{self}.json.gz")
    }

    /// The sort key of the ledger: `2025-11-21T00`. It is padded, so text order is time order.
    pub fn ledger_key(self) -> String {
        let at = self.civil();
        format!("{}T{:02}", at.date(), at.hour())
    }

    pub fn from_ledger_key(text: &str) -> Result<Self, HourError> {
        match text.split_once('T') {
            Some((date, hour)) if hour.len() == 2 => format!("{date}-{hour}").parse(),
            _ => Err(HourError::Malformed { text: text.to_owned() }),
        }
    }

    /// The values of the partition keys `year`, `month`, `dayofmonth`, `hour`, zero-padded.
    pub fn partition_values(self) -> [String; 4] {
        let at = self.civil();
        [
            format!("{:04}", at.year()),
            format!("{:02}", at.month()),
            format!("{:02}", at.day()),
            format!("{:02}", at.hour()),
        ]
    }

    fn civil(self) -> DateTime {
        TimeZone::UTC.to_datetime(self.start())
    }
}

impl fmt::Display for ArchiveHour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.civil();
        write!(f, "{}-{}", at.date(), at.hour())
    }
}

impl FromStr for ArchiveHour {
    type Err = HourError;

    /// Accepts the archive's form, and also a zero-padded hour (`2025-11-21-09`), because people write it.
    fn from_str(text: &str) -> Result<Self, HourError> {
        let malformed = || HourError::Malformed { text: text.to_owned() };
        let (date, hour) = text.rsplit_once('-').ok_or_else(malformed)?;
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let mut parts = date.split('-');
        let lengths = [4, 2, 2];
        let well_formed =
            lengths.iter().all(|&length| parts.next().is_some_and(|part| part.len() == length && digits(part)));
        if !well_formed || parts.next().is_some() || !digits(hour) || hour.len() > 2 {
            return Err(malformed());
        }
        let date: Date = date.parse().map_err(|_| malformed())?;
        let hour: i8 = hour.parse().ok().filter(|hour| *hour < 24).ok_or_else(malformed)?;
        let start = TimeZone::UTC.to_timestamp(date.at(hour, 0, 0, 0)).map_err(|_| malformed())?;
        Self::containing(start).ok_or_else(|| HourError::BeforeArchive { text: text.to_owned() })
    }
}

impl TryFrom<String> for ArchiveHour {
    type Error = HourError;

    fn try_from(text: String) -> Result<Self, HourError> {
        text.parse()
    }
}

impl From<ArchiveHour> for String {
    fn from(hour: ArchiveHour) -> Self {
        hour.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(text: &str) -> ArchiveHour {
        text.parse().unwrap()
    }

    #[test]
    fn hour_of_any_spelling_displays_one_name() {
        for (phrase, text, name) in [
            ("as the archive writes it", "2025-11-21-0", "2025-11-21-0"),
            ("padded by a person", "2025-11-21-09", "2025-11-21-9"),
            ("two digits", "2025-11-21-23", "2025-11-21-23"),
            ("the archive's first hour", "2011-02-12-0", "2011-02-12-0"),
            ("a leap day", "2024-02-29-5", "2024-02-29-5"),
        ] {
            assert_eq!(hour(text).to_string(), name, "{phrase}");
        }
    }

    #[test]
    fn hour_of_other_text_is_an_error() {
        for (phrase, text) in [
            ("hour 24", "2025-11-21-24"),
            ("no hour", "2025-11-21"),
            ("a month too many", "2025-13-01-0"),
            ("a day that does not exist", "2025-02-30-0"),
            ("before the archive", "2011-02-11-23"),
            ("an unpadded month", "2025-1-01-0"),
            ("a sign", "2025-11-21--1"),
            ("a path", "../2025-11-21-0"),
            ("three digits", "2025-11-21-000"),
            ("nothing", ""),
        ] {
            assert!(text.parse::<ArchiveHour>().is_err(), "{phrase}");
        }
    }

    #[test]
    fn first_hour_is_the_one_of_the_site() {
        assert_eq!(ArchiveHour::FIRST.to_string(), "2011-02-12-0");
        assert_eq!(ArchiveHour::FIRST.minus(1), None);
    }

    #[test]
    fn hour_has_file_ledger_and_partition_names() {
        let at = hour("2025-11-21-0");
        assert_eq!(at.file_name(), "2025-11-21-0.json.gz");
        assert_eq!(at.ledger_key(), "2025-11-21T00");
        assert_eq!(ArchiveHour::from_ledger_key("2025-11-21T00"), Ok(at));
        assert_eq!(at.partition_values(), ["2025", "11", "21", "00"]);
        assert_eq!(at.plus(24).to_string(), "2025-11-22-0");
        assert_eq!(at.end(), "2025-11-21T01:00:00Z".parse().unwrap());
    }
}
