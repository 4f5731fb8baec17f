//! The bytes of a block of 64, classified as bit masks: bit `n` stands for byte `n`.
#![expect(clippy::inline_always, reason = "the vector operations must be compiled into their caller's target features")]

use wide::u8x16;

/// The number of bytes that are classified together.
pub(crate) const BLOCK_BYTES: usize = 64;

/// Room for the tokens of a block. They are written several at a time, so slots after the last token may be
/// overwritten.
pub(crate) type TokenSlots = [u32; BLOCK_BYTES];

/// The operations on a block. Those of this module use 16-byte vectors, which every x86-64 and arm64 processor has:
/// [`classify`], [`find_rare`], [`parity_so_far`] and [`write_tokens`].
pub(crate) struct BlockOps<C, R, P, W> {
    pub(crate) classify: C,
    pub(crate) find_rare: R,
    pub(crate) parity: P,
    pub(crate) write: W,
}

/// The bytes of a block by their possible meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ByteClasses {
    /// `"`
    pub(crate) quotes: u64,
    /// `{`, `}`, `[`, `]`, `:` and `,`
    pub(crate) operators: u64,
    /// Spaces and control characters.
    pub(crate) low: u64,
    /// Whether there is a backslash or a control character; [`find_rare`] returns their positions.
    pub(crate) has_rare: bool,
    pub(crate) has_non_ascii: bool,
}

/// Bytes that few blocks have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RareBytes {
    /// `\`
    pub(crate) backslashes: u64,
    /// Bytes below 0x20.
    pub(crate) controls: u64,
    /// Tabs, line feeds and carriage returns.
    pub(crate) blanks: u64,
}

/// Classifies the bytes of a block.
#[inline(always)]
pub(crate) fn classify(block: &[u8; BLOCK_BYTES]) -> ByteClasses {
    let mut classes = ByteClasses::default();
    let mut rare = u8x16::splat(0);
    let mut high = u8x16::splat(0);
    for (part, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
        let bytes = u8x16::new(*bytes);
        let equal = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
        let at_most = |byte: u8| bytes.min(u8x16::splat(byte)).simd_eq(bytes);
        // This bit is the only difference between `[` and `{`, and between `]` and `}`. It turns no other byte into a
        // brace.
        let folded = bytes | u8x16::splat(0x20);
        let braces = folded.simd_eq(u8x16::splat(b'{')) | folded.simd_eq(u8x16::splat(b'}'));
        let mask = |found: u8x16| u64::from(found.to_bitmask()) << (16 * part);
        classes.quotes |= mask(equal(b'"'));
        classes.operators |= mask(braces | equal(b':') | equal(b','));
        classes.low |= mask(at_most(b' '));
        rare = rare | equal(b'\\') | at_most(0x1f);
        high |= bytes;
    }
    classes.has_rare = rare.to_bitmask() != 0;
    // The mask consists of each byte's highest bit.
    classes.has_non_ascii = high.to_bitmask() != 0;
    classes
}

/// Finds the backslashes and control characters of a block.
#[cold]
#[inline(never)]
pub(crate) fn find_rare(block: &[u8; BLOCK_BYTES]) -> RareBytes {
    let mut rare = RareBytes::default();
    for (part, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
        let bytes = u8x16::new(*bytes);
        let equal = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
        let mask = |found: u8x16| u64::from(found.to_bitmask()) << (16 * part);
        rare.backslashes |= mask(equal(b'\\'));
        rare.controls |= mask(bytes.min(u8x16::splat(0x1f)).simd_eq(bytes));
        rare.blanks |= mask(equal(b'\t') | equal(b'\n') | equal(b'\r'));
    }
    rare
}

/// Splits a mask of backslashes: those that begin an escape, and the bytes that are escaped. The method is simdjson's.
///
/// `carried`: whether the previous block ended with a backslash that escapes this block's first byte. It is updated.
#[inline(always)]
pub(crate) fn escapes(backslashes: u64, carried: &mut bool) -> (u64, u64) {
    const ODD_BITS: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    let first = u64::from(*carried);
    if backslashes == 0 {
        *carried = false;
        return (0, first);
    }
    // In a run of backslashes, every other one is escaped. The subtraction of the run's first bit from the odd bits
    // carries through the run and leaves that pattern, whether the run begins at an even or an odd position.
    let candidates = backslashes & !first;
    let turns = ((candidates << 1) | ODD_BITS).wrapping_sub(candidates) ^ ODD_BITS;
    let starts = turns & backslashes;
    *carried = starts >> 63 == 1;
    (starts, turns ^ (backslashes | first))
}

/// Bit `n` of the result is the parity of the bits up to `n`. For a mask of quotes, it is set from each opening quote
/// up to the byte before the closing one.
#[inline(always)]
pub(crate) fn parity_so_far(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// Writes `base` plus the index of each set bit to `slots`.
#[inline(always)]
pub(crate) fn write_tokens(mut tokens: u64, base: u32, slots: &mut TokenSlots) {
    // The processor can hardly predict the number of set bits, but it can predict whether there are at least 8, 16 and so on.
    for slots in slots.as_chunks_mut::<8>().0 {
        if tokens == 0 {
            break;
        }
        for slot in slots {
            *slot = base + tokens.trailing_zeros();
            tokens &= tokens.wrapping_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mask(block: &[u8; 64], is: impl Fn(u8) -> bool) -> u64 {
        block.iter().enumerate().map(|(at, byte)| u64::from(is(*byte)) << at).sum()
    }

    #[test]
    fn classify_every_byte_at_every_place_matches() {
        for byte in 0..=255 {
            for at in 0..64 {
                let mut block = [b'x'; 64];
                block[at] = byte;
                let expected = ByteClasses {
                    quotes: mask(&block, |byte| byte == b'"'),
                    operators: mask(&block, |byte| b"{}[]:,".contains(&byte)),
                    low: mask(&block, |byte| byte <= b' '),
                    has_rare: byte < 0x20 || byte == b'\\',
                    has_non_ascii: byte >= 0x80,
                };
                assert_eq!(classify(&block), expected, "byte {byte} at {at}");
                let expected = RareBytes {
                    backslashes: mask(&block, |byte| byte == b'\\'),
                    controls: mask(&block, |byte| byte < 0x20),
                    blanks: mask(&block, |byte| b"\t\n\r".contains(&byte)),
                };
                assert_eq!(find_rare(&block), expected, "byte {byte} at {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn proptest_escapes_in_runs_alternate(text in "[\\\\a]{256}") {
            let (mut carried, mut escaped_next) = (false, false);
            for block in text.as_bytes().as_chunks::<64>().0 {
                let (starts, escaped) = escapes(mask(block, |byte| byte == b'\\'), &mut carried);
                for (at, byte) in block.iter().enumerate() {
                    prop_assert_eq!(escaped >> at & 1 == 1, escaped_next);
                    escaped_next = *byte == b'\\' && !escaped_next;
                    prop_assert_eq!(starts >> at & 1 == 1, escaped_next);
                }
            }
        }

        #[test]
        fn proptest_parity_counts_bits_so_far(bits: u64) {
            let parity = parity_so_far(bits);
            for at in 0..64 {
                prop_assert_eq!(parity >> at & 1, u64::from((bits << (63 - at)).count_ones() % 2));
            }
        }
    }
}
