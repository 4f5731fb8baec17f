//! Parses `created_at` in each form that the archive has used.

use jiff::civil::Date;

/// Caches the last `created_at`: successive records often have the same one.
#[derive(Default)]
pub(crate) struct TimestampCache {
    text: Vec<u8>,
    /// The instant of `text`; `None` before the first one.
    micros: Option<i64>,
}

impl TimestampCache {
    /// The instant in microseconds since 1970, UTC; `None` if [`parse`] rejects the text.
    pub(crate) fn parse(&mut self, text: &[u8]) -> Option<i64> {
        if self.micros.is_none() || text != self.text {
            self.micros = Some(parse(std::str::from_utf8(text).ok()?).ok()?);
            text.clone_into(&mut self.text);
        }
        self.micros
    }
}

/// The instant in microseconds since 1970, UTC, or the reason why `text` is not an instant.
///
/// Forms: `2015-01-01T00:00:06Z`; an offset instead of the `Z` (`-07:00`); a fraction of a second, whose digits after
/// the sixth are cut off; and `2012/03/10 22:36:55 -0800`. Rejected: an instant without an offset, a leap second, and a
/// date that does not exist.
pub(crate) fn parse(text: &str) -> Result<i64, &'static str> {
    let mut rest = TimestampCursor(text.as_bytes());
    let year = rest.digits(4)?;
    let slashes = rest.skip(b'/');
    let date_separator = if slashes { b'/' } else { b'-' };
    if !slashes {
        rest.expect(b'-')?;
    }
    let month = rest.digits(2)?;
    rest.expect(date_separator)?;
    let day = rest.digits(2)?;
    rest.expect(if slashes { b' ' } else { b'T' })?;
    let seconds_of_day = rest.time()?;
    let micros = if rest.skip(b'.') { rest.fraction()? } else { 0 };
    if slashes {
        rest.expect(b' ')?;
    }
    let offset = rest.offset()?;
    if !rest.0.is_empty() {
        return Err("text after the offset");
    }
    let seconds = days_since_1970(year, month, day)? * 86_400 + seconds_of_day - offset;
    Ok(seconds * 1_000_000 + micros)
}

/// The bytes that are still to be parsed.
struct TimestampCursor<'a>(&'a [u8]);

impl TimestampCursor<'_> {
    /// Exactly `count` digits, as a number.
    fn digits(&mut self, count: usize) -> Result<i64, &'static str> {
        let (digits, rest) = self.0.split_at_checked(count).ok_or("too short")?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err("a letter stands for a digit");
        }
        self.0 = rest;
        Ok(digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
    }

    fn skip(&mut self, byte: u8) -> bool {
        let found = self.0.first() == Some(&byte);
        if found {
            self.0 = &self.0[1..];
        }
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), &'static str> {
        if self.skip(byte) { Ok(()) } else { Err("not of a known form") }
    }

    /// `HH:MM:SS`, as seconds since midnight.
    fn time(&mut self) -> Result<i64, &'static str> {
        let hour = self.digits(2)?;
        self.expect(b':')?;
        let minute = self.digits(2)?;
        self.expect(b':')?;
        let second = self.digits(2)?;
        match (hour, minute, second) {
            (0..=23, 0..=59, 0..=59) => Ok(hour * 3600 + minute * 60 + second),
            (0..=23, 0..=59, 60) => Err("a leap second"),
            _ => Err("no such time of day"),
        }
    }

    /// The digits after the point, as microseconds.
    fn fraction(&mut self) -> Result<i64, &'static str> {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err("a fraction without digits");
        }
        let kept = count.min(6);
        let scale = (kept..6).fold(1, |scale, _| scale * 10);
        let micros = self.digits(kept)? * scale;
        self.0 = &self.0[count.saturating_sub(6)..];
        Ok(micros)
    }

    /// `Z`, `+HH:MM` or `+HHMM`, as seconds east of UTC.
    fn offset(&mut self) -> Result<i64, &'static str> {
        if self.skip(b'Z') {
            return Ok(0);
        }
        let sign = match (self.skip(b'+'), self.skip(b'-')) {
            (true, false) => 1,
            (false, true) => -1,
            _ => return Err("no offset from UTC"),
        };
        let hours = self.digits(2)?;
        self.skip(b':');
        let minutes = self.digits(2)?;
        if hours > 23 || minutes > 59 {
            return Err("no such offset from UTC");
        }
        Ok(sign * (hours * 3600 + minutes * 60))
    }
}

fn days_since_1970(year: i64, month: i64, day: i64) -> Result<i64, &'static str> {
    const FEW_DIGITS: &str = "a year has four digits, month and day have two";
    let year = i16::try_from(year).expect(FEW_DIGITS);
    let [month, day] = [month, day].map(|number| i8::try_from(number).expect(FEW_DIGITS));
    let date = Date::new(year, month, day).map_err(|_| "no such date")?;
    let since = date - Date::constant(1970, 1, 1);
    Ok(i64::from(since.get_days()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_known_forms_returns_instant() {
        for (phrase, text, micros) in [
            ("the epoch", "1970-01-01T00:00:00Z", 0),
            ("as today", "2015-01-01T00:00:06Z", 1_420_070_406_000_000),
            ("with an offset", "2012-06-14T15:01:42-07:00", 1_339_711_302_000_000),
            ("with an offset to the east", "2012-06-15T03:31:42+05:30", 1_339_711_302_000_000),
            ("as of March 2012", "2012/03/10 22:36:55 -0800", 1_331_447_815_000_000),
            ("with a fraction", "2015-02-01T00:00:00.00001Z", 1_422_748_800_000_010),
            ("with milliseconds", "2015-02-01T00:00:00.125Z", 1_422_748_800_125_000),
            ("with nanoseconds, which are cut off", "2015-02-01T00:00:00.000001999Z", 1_422_748_800_000_001),
            ("on a leap day", "2016-02-29T00:00:00Z", 1_456_704_000_000_000),
            ("before 1970", "1969-12-31T23:59:59.5Z", -500_000),
        ] {
            assert_eq!(parse(text), Ok(micros), "{phrase}");
        }
    }

    #[test]
    fn parse_other_forms_is_rejected() {
        for (phrase, text) in [
            ("nothing", ""),
            ("a leap second", "2016-12-31T23:59:60Z"),
            ("a day that does not exist", "2015-02-29T00:00:00Z"),
            ("month 13", "2015-13-01T00:00:00Z"),
            ("day 0", "2015-01-00T00:00:00Z"),
            ("hour 24", "2015-01-01T24:00:00Z"),
            ("no offset", "2015-01-01T00:00:00"),
            ("no offset after slashes", "2012/03/10 22:36:55"),
            ("mixed separators", "2012/03-10 22:36:55 -0800"),
            ("a date alone", "2015-01-01"),
            ("text behind", "2015-01-01T00:00:00Z "),
            ("text before", " 2015-01-01T00:00:00Z"),
            ("both signs", "2015-01-01T00:00:00+-01:00"),
            ("an offset of a day", "2015-01-01T00:00:00+24:00"),
            ("a fraction without digits", "2015-01-01T00:00:00.Z"),
            ("a negative year", "-015-01-01T00:00:00Z"),
            ("a number of seconds", "1420070406"),
            ("digits of another script", "٢٠١٥-01-01T00:00:00Z"),
        ] {
            assert!(parse(text).is_err(), "{phrase}");
        }
    }

    proptest::proptest! {
        #[test]
        fn proptest_parse_agrees_with_jiff(micros in -62_000_000_000_000_000_i64..250_000_000_000_000_000, hours in -12_i8..=14) {
            let instant = jiff::Timestamp::from_microsecond(micros).unwrap();
            let offset = jiff::tz::Offset::from_hours(hours).unwrap();
            proptest::prop_assert_eq!(parse(&instant.to_string()), Ok(micros));
            proptest::prop_assert_eq!(parse(&instant.display_with_offset(offset).to_string()), Ok(micros));
        }

        #[test]
        fn proptest_parse_never_panics(text in ".*", form in "[0-9:TZ/ +.-]{0,40}") {
            let _ = parse(&text);
            let _ = parse(&form);
        }
    }
}
