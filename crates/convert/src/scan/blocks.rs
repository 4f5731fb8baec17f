//! What the bytes of a JSON text are, 64 at a time, as bit masks: bit `n` stands for byte `n`.

use wide::u8x16;

/// Bytes that are classified together.
pub(super) const BLOCK_BYTES: usize = 64;

/// The bytes of a block by what they may mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Classes {
    /// `"`
    pub(super) quotes: u64,
    /// `{`, `}`, `[`, `]`, `:` and `,`
    pub(super) operators: u64,
    /// Spaces and control characters.
    pub(super) low: u64,
    /// Whether there is a backslash or a control character; [`rare`] says where.
    pub(super) has_rare: bool,
    /// Whether there is a byte that is not ASCII.
    pub(super) has_high: bool,
}

/// What few blocks have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rare {
    /// `\`
    pub(super) backslashes: u64,
    /// Bytes below 0x20.
    pub(super) controls: u64,
    /// Tabs, line feeds and carriage returns.
    pub(super) blanks: u64,
}

/// Classifies a block with 16-byte vectors, which every x86-64 and arm64 processor has.
#[inline(always)]
pub(super) fn classify(block: &[u8; BLOCK_BYTES]) -> Classes {
    let mut classes = Classes::default();
    let mut rare = u8x16::splat(0);
    let mut high = u8x16::splat(0);
    for (part, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
        let bytes = u8x16::new(*bytes);
        let equal = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
        let at_most = |byte: u8| bytes.min(u8x16::splat(byte)).simd_eq(bytes);
        // `[` and `{`, and `]` and `}`, differ in this bit alone; no other byte becomes a brace by it.
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
    // The highest bits make the mask.
    classes.has_high = high.to_bitmask() != 0;
    classes
}

/// Where in a block the backslashes and control characters are.
#[cold]
#[inline(never)]
pub(super) fn rare(block: &[u8; BLOCK_BYTES]) -> Rare {
    let mut rare = Rare::default();
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

/// Of a mask of backslashes, those that begin an escape, and the bytes that are escaped (after simdjson).
///
/// `carried` says whether the block before ended in a backslash that escapes this one's first byte, and is updated.
#[inline(always)]
pub(super) fn escapes(backslashes: u64, carried: &mut bool) -> (u64, u64) {
    const ODD_BITS: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    let first = u64::from(*carried);
    if backslashes == 0 {
        *carried = false;
        return (0, first);
    }
    // A run of backslashes is escape and escaped in turns. Subtracting its first bit from the odd bits carries through
    // the run and leaves the turns, whichever parity the run begins with.
    let candidates = backslashes & !first;
    let turns = ((candidates << 1) | ODD_BITS).wrapping_sub(candidates) ^ ODD_BITS;
    let starts = turns & backslashes;
    *carried = starts >> 63 == 1;
    (starts, turns ^ (backslashes | first))
}

/// Bit `n` of the result is the parity of the bits up to `n`: between quotes, from the opening one on, it is set.
#[inline(always)]
pub(super) fn parity_so_far(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mask(block: &[u8; 64], is: impl Fn(u8) -> bool) -> u64 {
        block.iter().enumerate().map(|(at, byte)| u64::from(is(*byte)) << at).sum()
    }

    #[test]
    fn every_byte_is_in_its_classes_at_every_place() {
        for byte in 0..=255 {
            for at in 0..64 {
                let mut block = [b'x'; 64];
                block[at] = byte;
                let expected = Classes {
                    quotes: mask(&block, |byte| byte == b'"'),
                    operators: mask(&block, |byte| b"{}[]:,".contains(&byte)),
                    low: mask(&block, |byte| byte <= b' '),
                    has_rare: byte < 0x20 || byte == b'\\',
                    has_high: byte >= 0x80,
                };
                assert_eq!(classify(&block), expected, "byte {byte} at {at}");
                let expected = Rare {
                    backslashes: mask(&block, |byte| byte == b'\\'),
                    controls: mask(&block, |byte| byte < 0x20),
                    blanks: mask(&block, |byte| b"\t\n\r".contains(&byte)),
                };
                assert_eq!(rare(&block), expected, "byte {byte} at {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn proptest_escapes_take_turns(text in "[\\\\a]{256}") {
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
        fn proptest_parity(bits: u64) {
            let parity = parity_so_far(bits);
            for at in 0..64 {
                prop_assert_eq!(parity >> at & 1, u64::from((bits << (63 - at)).count_ones() % 2));
            }
        }
    }
}
