//! The types of columns, and the texts that are valid for them.

use serde::{Deserialize, Serialize};

/// The type of a column, with DynamoDB's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColumnType {
    /// Text.
    #[default]
    S,
    /// A number of at most 38 digits.
    N,
    /// `true`, `false`, `yes`, `no`, `1`, `0`, in any case.
    BOOL,
}

/// Whether DynamoDB accepts the text as a number: at most 38 significant digits, magnitude from 1E-130 to below 1E+126.
pub(crate) fn is_number(text: &[u8]) -> bool {
    Decimal::parse(text).is_some_and(|number| number.fits())
}

pub(crate) fn boolean(text: &[u8]) -> Option<bool> {
    let is = |word: &&str| text.eq_ignore_ascii_case(word.as_bytes());
    if ["true", "yes", "1"].iter().any(is) {
        Some(true)
    } else if ["false", "no", "0"].iter().any(is) {
        Some(false)
    } else {
        None
    }
}

/// The types that fit all cells of a column so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypeInference {
    has_cells: bool,
    numbers: bool,
    booleans: bool,
}

impl TypeInference {
    /// The state before the first cell.
    pub(crate) const START: Self = Self { has_cells: false, numbers: true, booleans: true };

    /// Adds a cell that is not empty.
    #[inline]
    pub(crate) fn add(&mut self, cell: &[u8]) {
        self.has_cells = true;
        self.numbers = self.numbers && is_plain_number(cell);
        self.booleans = self.booleans && (cell.eq_ignore_ascii_case(b"true") || cell.eq_ignore_ascii_case(b"false"));
    }

    pub(crate) fn column_type(self) -> ColumnType {
        match self {
            Self { has_cells: true, numbers: true, .. } => ColumnType::N,
            Self { has_cells: true, booleans: true, .. } => ColumnType::BOOL,
            _ => ColumnType::S,
        }
    }
}

/// Whether DynamoDB returns the number as it was written: it has no leading zeros (postal codes), no plus sign (telephone
/// numbers), no exponent and no trailing zeros in its fraction.
fn is_plain_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let leading_zero = digits.len() > 1 && digits[0] == b'0' && digits[1] != b'.';
    let plain = digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let padded = digits.contains(&b'.') && digits.ends_with(b"0");
    plain
        && !leading_zero
        && !padded
        && digits.first().is_some_and(u8::is_ascii_digit)
        && text != b"-0"
        && is_number(text)
}

/// The properties of a decimal number that decide whether DynamoDB accepts it.
struct Decimal {
    /// The number of significant digits, without leading and trailing zeros.
    significant: usize,
    /// The power of ten of the first significant digit.
    magnitude: i64,
}

impl Decimal {
    fn parse(text: &[u8]) -> Option<Self> {
        let text = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
        let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (&text[..at], Self::exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
        let (whole, fraction) = (&mantissa[..point], mantissa.get(point + 1..).unwrap_or(b""));
        if whole.len() + fraction.len() == 0 || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
            return None;
        }
        let digits = || whole.iter().chain(fraction).enumerate().filter(|(_, digit)| **digit != b'0');
        let (Some((first, _)), Some((last, _))) = (digits().next(), digits().last()) else {
            return Some(Self { significant: 0, magnitude: 0 });
        };
        let digits_to_point = i64::try_from(whole.len()).ok()? - i64::try_from(first).ok()?;
        Some(Self { significant: last - first + 1, magnitude: digits_to_point - 1 + exponent })
    }

    fn exponent(text: &[u8]) -> Option<i64> {
        let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
        let is_exponent = (1..=4).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
        if is_exponent { std::str::from_utf8(text).ok()?.parse().ok() } else { None }
    }

    fn fits(&self) -> bool {
        self.significant == 0 || (self.significant <= 38 && (-130..=125).contains(&self.magnitude))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_number_accepts_what_dynamodb_accepts() {
        let nines = "9".repeat(38);
        for good in ["0", "-0", "1", "-1.5", "+7", ".5", "5.", "007", "1e3", "1E-130", "9.9E125", "0e9999", &nines] {
            assert!(is_number(good.as_bytes()), "{good}");
        }
        let zeros = format!("0.{}1", "0".repeat(100));
        assert!(is_number(zeros.as_bytes()), "leading zeros do not count");
        let too_many = "9".repeat(39);
        for bad in [
            "", "-", ".", "1,5", "1.2.3", "0x10", "1e", "e5", " 1", "1 ", "NaN", "inf", "1E126", "1E-131", "1e99999",
            &too_many,
        ] {
            assert!(!is_number(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn column_type_follows_from_all_cells() {
        for (phrase, cells, expected) in [
            ("whole numbers", &["1", "-20", "0"][..], ColumnType::N),
            ("fractions", &["1.5", "0.25"], ColumnType::N),
            ("postal codes", &["01234", "99999"], ColumnType::S),
            ("telephone numbers", &["+49301234"], ColumnType::S),
            ("prices with zeros at the end", &["1.50"], ColumnType::S),
            ("an exponent", &["1e5"], ColumnType::S),
            ("booleans", &["true", "FALSE"], ColumnType::BOOL),
            ("one word among numbers", &["1", "2", "n/a"], ColumnType::S),
            ("zeros and ones are numbers", &["0", "1"], ColumnType::N),
            ("no cells", &[], ColumnType::S),
        ] {
            let mut inferred = TypeInference::START;
            for cell in cells {
                inferred.add(cell.as_bytes());
            }
            assert_eq!(inferred.column_type(), expected, "{phrase}");
        }
    }

    #[test]
    fn boolean_has_several_spellings() {
        assert_eq!(["TRUE", "Yes", "1"].map(|text| boolean(text.as_bytes())), [Some(true); 3]);
        assert_eq!(["False", "NO", "0"].map(|text| boolean(text.as_bytes())), [Some(false); 3]);
        assert_eq!(["", "2", "ja", " true"].map(|text| boolean(text.as_bytes())), [None; 4]);
    }
}
