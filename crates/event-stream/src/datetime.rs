//! Days, and how times are spelled.

use jiff::civil::Date;

pub(crate) const DAY_MS: i64 = 86_400_000;

/// The date of the days since 1970, of the years 0 to 9999.
pub(crate) fn date(day: i64) -> Date {
    let date = jiff::Span::new().try_days(day).and_then(|days| Date::constant(1970, 1, 1).checked_add(days));
    date.expect("an event's time was checked")
}

/// Spells times as ISO 8601 in UTC with milliseconds, `2025-11-21T00:00:00.250Z`. The date is worked out once for times of
/// one day that follow each other, as those of an object do.
#[derive(Clone, Debug)]
pub(crate) struct Datetimes {
    day: Option<i64>,
    text: [u8; 24],
}

impl Datetimes {
    pub(crate) fn new() -> Self {
        Self { day: None, text: *b"0000-00-00T00:00:00.000Z" }
    }

    /// Spells the milliseconds since 1970, of the years 0 to 9999.
    pub(crate) fn spell(&mut self, ms: i64) -> &str {
        let (day, of_day) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS) as u32);
        if self.day != Some(day) {
            let date = date(day);
            self.write(0, 4, date.year().unsigned_abs().into());
            self.write(5, 2, date.month().unsigned_abs().into());
            self.write(8, 2, date.day().unsigned_abs().into());
            self.day = Some(day);
        }
        self.write(11, 2, of_day / 3_600_000);
        self.write(14, 2, of_day / 60_000 % 60);
        self.write(17, 2, of_day / 1000 % 60);
        self.write(20, 3, of_day % 1000);
        std::str::from_utf8(&self.text).expect("digits are ASCII")
    }

    #[inline]
    fn write(&mut self, at: usize, digits: usize, mut value: u32) {
        for byte in self.text[at..at + digits].iter_mut().rev() {
            *byte = b'0' + (value % 10) as u8;
            value /= 10;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datetime_is_what_the_calendar_says() {
        let mut datetimes = Datetimes::new();
        let mut ms = crate::event::EARLIEST_MS;
        while ms < 253_402_200_000_000 {
            let expected = format!("{:.3}", jiff::Timestamp::from_millisecond(ms).unwrap());
            assert_eq!(datetimes.spell(ms), expected);
            assert_eq!(datetimes.spell(ms + 1)[..10], expected[..10], "the date is known");
            // Half a day and something: every day is met, and every second of one.
            ms += 43_217_019;
        }
    }
}
