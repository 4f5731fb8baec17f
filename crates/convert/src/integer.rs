//! Integers in ASCII digits.

use json_scan::leading_digits;

/// Longer ids are not canonical.
const MAX_DIGITS: usize = 18;

/// The integer at the start of `text` and its number of digits, if it is at least 1 and has neither a leading zero nor
/// more than 18 digits.
#[inline]
pub(crate) fn leading_integer(text: &[u8]) -> Option<(i64, usize)> {
    // Two multiplications for up to 15 digits: a loop over the digits is slower, because its length is hard to predict.
    if let Some(bytes) = text.first_chunk() {
        let digits = leading_digits(bytes);
        if (1..16).contains(&digits) && bytes[0] != b'0' {
            let values = u128::from_le_bytes(*bytes) ^ u128::from_le_bytes([b'0'; 16]);
            let shifted = values << (128 - 8 * digits);
            #[expect(clippy::cast_possible_truncation, reason = "the lower and the upper half")]
            let (high, low) = (eight_digits(shifted as u64), eight_digits((shifted >> 64) as u64));
            return Some(((high * 100_000_000 + low).cast_signed(), digits as usize));
        }
    }
    let digits = text.iter().take(MAX_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
    Some((positive_integer(&text[..digits])?, digits))
}

/// The number of eight digits, one in each byte, the first digit in the lowest byte.
#[inline]
fn eight_digits(digits: u64) -> u64 {
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours * 10_000 + (fours >> 32)) & 0xffff_ffff
}

/// The integer that `digits` spell, if it is at least 1 and has neither a leading zero nor more than 18 digits.
#[inline]
pub(crate) fn positive_integer(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > MAX_DIGITS || digits[0] == b'0' {
        return None;
    }
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn proptest_leading_integer_matches_slow_path(
            zeros in 0_usize..2, number in 0_u64.., cut in 0_u32..20, rest in "[:/aé-]{0,20}",
        ) {
            let digits = format!("{}{}", "0".repeat(zeros), number / 10_u64.pow(cut));
            let expected = positive_integer(digits.as_bytes()).map(|number| (number, digits.len()));
            let text = format!("{digits}{rest}");
            proptest::prop_assert_eq!(leading_integer(text.as_bytes()), expected, "{}", text);
        }
    }
}
