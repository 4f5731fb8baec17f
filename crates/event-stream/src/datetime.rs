//! Dates and times as text.

use jiff::civil::Date;

pub(crate) const DAY_MS: i64 = 86_400_000;

/// The date of a day since 1970, in the years 0 to 9999.
pub(crate) fn date(day: i64) -> Date {
    let date = jiff::Span::new().try_days(day).and_then(|days| Date::constant(1970, 1, 1).checked_add(days));
    date.expect("the time of a parsed event is in range")
}

/// Writes times as ISO 8601 in UTC with milliseconds: `2025-11-21T00:00:00.250Z`. The date is computed once for successive
/// times of one day, which the events of an object have.
#[derive(Clone, Debug)]
pub(crate) struct DatetimeWriter {
    day: Option<i64>,
    text: [u8; 24],
}

impl DatetimeWriter {
    pub(crate) fn new() -> Self {
        Self { day: None, text: *b"0000-00-00T00:00:00.000Z" }
    }

    /// `ms` is in milliseconds since 1970, in the years 0 to 9999.
    pub(crate) fn write(&mut self, ms: i64) -> &str {
        let day = ms.div_euclid(DAY_MS);
        let of_day = u32::try_from(ms.rem_euclid(DAY_MS)).expect("a day has 86,400,000 ms");
        if self.day != Some(day) {
            let date = date(day);
            self.put(0, 4, date.year().unsigned_abs().into());
            self.put(5, 2, date.month().unsigned_abs().into());
            self.put(8, 2, date.day().unsigned_abs().into());
            self.day = Some(day);
        }
        self.put(11, 2, of_day / 3_600_000);
        self.put(14, 2, of_day / 60_000 % 60);
        self.put(17, 2, of_day / 1000 % 60);
        self.put(20, 3, of_day % 1000);
        std::str::from_utf8(&self.text).expect("digits are ASCII")
    }

    #[inline]
    fn put(&mut self, at: usize, digits: usize, mut value: u32) {
        for byte in self.text[at..at + digits].iter_mut().rev() {
            *byte = b"0123456789"[value as usize % 10];
            value /= 10;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datetime_matches_the_calendar() {
        let mut datetimes = DatetimeWriter::new();
        let mut ms = crate::event::EARLIEST_MS;
        while ms < 253_402_200_000_000 {
            let expected = format!("{:.3}", jiff::Timestamp::from_millisecond(ms).unwrap());
            assert_eq!(datetimes.write(ms), expected);
            assert_eq!(datetimes.write(ms + 1)[..10], expected[..10], "the cached date is used");
            // A little more than half a day, so that every day and every second of a day occurs.
            ms += 43_217_019;
        }
    }
}
