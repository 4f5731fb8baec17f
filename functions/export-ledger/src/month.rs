//! A month of the archive, which one object of the export holds.

use std::fmt;

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use pipeline::ArchiveHour;

/// A month in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Month {
    first_day: Date,
}

impl Month {
    /// Returns the month of an hour.
    pub(crate) fn of(hour: ArchiveHour) -> Self {
        Self { first_day: TimeZone::UTC.to_datetime(hour.start()).date().first_of_month() }
    }

    /// Returns the months from that of `from` to that of `to`, inclusive.
    pub(crate) fn between(from: ArchiveHour, to: ArchiveHour) -> impl Iterator<Item = Self> {
        let last = Self::of(to);
        std::iter::successors(Some(Self::of(from)), move |month| (*month < last).then(|| month.next()))
    }

    fn next(self) -> Self {
        Self { first_day: self.first_day.saturating_add(1.month()) }
    }

    /// Returns the first and last hour of the month that the archive can have.
    pub(crate) fn hours(self) -> (ArchiveHour, ArchiveHour) {
        let begin = |month: Self| TimeZone::UTC.to_timestamp(month.first_day.at(0, 0, 0, 0));
        let hour_at = |at| ArchiveHour::containing(at).unwrap_or(ArchiveHour::FIRST);
        let first = begin(self).map_or(ArchiveHour::FIRST, hour_at);
        let end = begin(self.next()).map_or(first, hour_at);
        (first, end.minus(1).unwrap_or(first))
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first_day.strftime("%Y-%m").to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn month_has_first_and_last_hour() {
        for (hour, name, first, last) in [
            ("2025-11-21-0", "2025-11", "2025-11-01-0", "2025-11-30-23"),
            ("2024-02-29-23", "2024-02", "2024-02-01-0", "2024-02-29-23"),
            ("2025-12-31-23", "2025-12", "2025-12-01-0", "2025-12-31-23"),
            ("2011-02-12-0", "2011-02", "2011-02-12-0", "2011-02-28-23"),
        ] {
            let month = Month::of(hour.parse().unwrap());
            assert_eq!(month.to_string(), name);
            assert_eq!(month.hours(), (first.parse().unwrap(), last.parse().unwrap()), "{hour}");
        }
    }

    #[test]
    fn months_between_hours_are_consecutive() {
        let between = |from: &str, to: &str| {
            let months = Month::between(from.parse().unwrap(), to.parse().unwrap());
            months.map(|month| month.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(between("2025-11-30-23", "2026-01-01-0"), ["2025-11", "2025-12", "2026-01"]);
        assert_eq!(between("2025-11-01-0", "2025-11-01-0"), ["2025-11"]);
    }
}
