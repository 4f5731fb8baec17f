//! Parquet's `DELTA_BINARY_PACKED` encoding of integers, for sequences with similar steps.

use super::varint::write_varint;

const BLOCK: usize = 128;
const MINIBLOCKS: usize = 4;
const MINIBLOCK: usize = BLOCK / MINIBLOCKS;

/// Appends `numbers` to `output`: the first one, and the differences between successive ones.
#[expect(clippy::cast_possible_truncation, reason = "a width is at most 64 bits")]
pub(crate) fn delta_pack(numbers: &[i64], output: &mut Vec<u8>) {
    write_varint(BLOCK as u64, output);
    write_varint(MINIBLOCKS as u64, output);
    write_varint(numbers.len() as u64, output);
    write_varint(zigzag(numbers.first().copied().unwrap_or(0)), output);
    let differences: Vec<i64> = numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    for block in differences.chunks(BLOCK) {
        let least = block.iter().copied().min().unwrap_or(0);
        write_varint(zigzag(least), output);
        let excess: Vec<u64> = block.iter().map(|difference| difference.wrapping_sub(least).cast_unsigned()).collect();
        let width = |miniblock: &[u64]| 64 - miniblock.iter().fold(0, |all, excess| all | excess).leading_zeros();
        let mut widths = [0; MINIBLOCKS];
        for (width_of, miniblock) in widths.iter_mut().zip(excess.chunks(MINIBLOCK)) {
            *width_of = width(miniblock) as u8;
        }
        output.extend_from_slice(&widths);
        for (width, miniblock) in widths.iter().zip(excess.chunks(MINIBLOCK)) {
            pack(miniblock, u32::from(*width), output);
        }
    }
}

/// Packs the lowest `width` bits of each number, the lowest bits first, and fills the miniblock with zeros.
#[expect(clippy::cast_possible_truncation, reason = "the lowest byte of `bits`")]
fn pack(miniblock: &[u64], width: u32, output: &mut Vec<u8>) {
    let (mut bits, mut held) = (0_u128, 0);
    for at in 0..MINIBLOCK {
        bits |= u128::from(miniblock.get(at).copied().unwrap_or(0)) << held;
        held += width;
        while held >= 8 {
            output.push(bits as u8);
            bits >>= 8;
            held -= 8;
        }
    }
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::varint::read_varint;
    use super::*;

    /// The second example of the format's specification.
    #[test]
    fn delta_pack_example_matches_specification() {
        let mut bytes = Vec::new();
        delta_pack(&[7, 5, 3, 1, 2, 3, 4, 5], &mut bytes);
        let header = [128, 1, 4, 8, 14, 3, 2, 0, 0, 0];
        assert_eq!(bytes[..header.len()], header);
        assert_eq!(bytes[header.len()..], [0b1100_0000, 0b0011_1111, 0, 0, 0, 0, 0, 0]);
    }

    fn read_zigzag(bytes: &mut &[u8]) -> i64 {
        let number = read_varint(bytes);
        (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
    }

    fn read(mut bytes: &[u8]) -> Vec<i64> {
        let bytes = &mut bytes;
        assert_eq!((read_varint(bytes), read_varint(bytes)), (128, 4));
        let count = usize::try_from(read_varint(bytes)).unwrap();
        let mut numbers = vec![read_zigzag(bytes)];
        while numbers.len() < count {
            let least = read_zigzag(bytes);
            let widths = bytes[..4].to_vec();
            *bytes = &bytes[4..];
            for width in widths.into_iter().map(usize::from) {
                if numbers.len() >= count {
                    continue;
                }
                for index in 0..32 {
                    let bit = |at: usize| u64::from(bytes[at / 8] >> (at % 8) & 1);
                    let excess: u64 = (0..width).map(|at| bit(index * width + at) << at).sum();
                    let last = numbers[numbers.len() - 1];
                    numbers.push(last.wrapping_add(least).wrapping_add(excess.cast_signed()));
                }
                *bytes = &bytes[width * 4..];
            }
        }
        numbers.truncate(count);
        numbers
    }

    proptest! {
        #[test]
        fn proptest_delta_pack_round_trips(
            numbers in prop::collection::vec(prop_oneof![4 => 0_i64..1000, 1 => any::<i64>()], 1..400),
        ) {
            let mut bytes = Vec::new();
            delta_pack(&numbers, &mut bytes);
            prop_assert_eq!(read(&bytes), numbers);
        }
    }
}
