//! ASCII digits.

use wide::u8x16;

/// The number of ASCII digits at the start of `bytes`.
#[inline]
pub fn leading_digits(bytes: &[u8; 16]) -> u32 {
    let values = u8x16::new(*bytes) ^ u8x16::splat(b'0');
    values.min(u8x16::splat(9)).simd_eq(values).to_bitmask().trailing_ones()
}

/// Splits `text` after its leading ASCII digits: their number, and the bytes after them.
#[inline]
pub(crate) fn split_digits(text: &[u8]) -> (usize, &[u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits, &text[digits..])
}
