//! Parses hours and ranges of hours from arguments of the command line.

use jiff::Timestamp;
use jiff::civil::Date;
use pipeline::ArchiveHour;

/// Parses an hour, or a day, which stands for its first hour.
///
/// # Errors
///
/// A text that is neither `YYYY-MM-DD-H` nor `YYYY-MM-DD`.
pub fn first_of(text: &str) -> Result<ArchiveHour, String> {
    hour_or_day(text, 0)
}

/// Parses an hour, or a day, which stands for its last hour.
///
/// # Errors
///
/// A text that is neither `YYYY-MM-DD-H` nor `YYYY-MM-DD`.
pub fn last_of(text: &str) -> Result<ArchiveHour, String> {
    hour_or_day(text, 23)
}

/// Parses an hour, a day, or two of them with `..` between. Returns the first and the last hour.
///
/// # Errors
///
/// A part that is neither an hour nor a day; a range that ends before it begins.
pub fn range(text: &str) -> Result<(ArchiveHour, ArchiveHour), String> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let (from, to) = (first_of(from)?, last_of(to)?);
    if from > to { Err(format!("{from} is later than {to}: swap them")) } else { Ok((from, to)) }
}

/// The hour that contains `now`.
pub fn current(now: Timestamp) -> ArchiveHour {
    ArchiveHour::containing(now).unwrap_or(ArchiveHour::FIRST)
}

fn hour_or_day(text: &str, of_day: u8) -> Result<ArchiveHour, String> {
    let hour = match text.parse::<Date>() {
        Ok(day) => format!("{day}-{of_day}").parse(),
        Err(_) => text.parse::<ArchiveHour>(),
    };
    hour.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn day_stands_for_its_24_hours() {
        for (text, first, last) in
            [("2025-11-21", "2025-11-21-0", "2025-11-21-23"), ("2025-11-21-7", "2025-11-21-7", "2025-11-21-7")]
        {
            assert_eq!(first_of(text).unwrap().to_string(), first);
            assert_eq!(last_of(text).unwrap().to_string(), last);
        }
        assert!(first_of("2025-11").is_err() && first_of("2025-11-21-24").is_err() && first_of("2025-11-31").is_err());
    }

    #[test]
    fn range_is_an_hour_a_day_or_two_of_them() {
        for (text, from, to) in [
            ("2025-11-21-3", "2025-11-21-3", "2025-11-21-3"),
            ("2025-11-21", "2025-11-21-0", "2025-11-21-23"),
            ("2025-11-01..2025-11-30-4", "2025-11-01-0", "2025-11-30-4"),
        ] {
            assert_eq!(range(text).unwrap(), (from.parse().unwrap(), to.parse().unwrap()), "{text}");
        }
        assert!(range("2025-11-02..2025-11-01").is_err() && range("..").is_err());
    }
}
