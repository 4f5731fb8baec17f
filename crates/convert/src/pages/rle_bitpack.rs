//! Parquet's hybrid of run lengths and packed bits, for definition levels and dictionary indexes.

use super::varint::write_varint;

/// The shortest run that is written as a run length; shorter ones are packed.
const MIN_RUN: usize = 8;

/// The number of bits of the largest index below `count`.
#[expect(clippy::cast_possible_truncation, reason = "at most 64")]
pub(crate) fn bit_width(count: usize) -> u8 {
    (usize::BITS - count.saturating_sub(1).leading_zeros()) as u8
}

/// Appends `values` to `output`. Each value has at most `width` bits.
pub(crate) fn rle_bitpack(values: &[u32], width: u8, output: &mut Vec<u8>) {
    let (mut packed_start, mut at) = (0, 0);
    while at < values.len() {
        let run = values[at..].iter().take_while(|value| **value == values[at]).count();
        // Values are packed in groups of eight; the last group is filled from the run.
        let borrowed = (packed_start..at).len().next_multiple_of(8) - (at - packed_start);
        if run >= borrowed + MIN_RUN {
            pack(&values[packed_start..at + borrowed], width, output);
            write_varint(((run - borrowed) as u64) << 1, output);
            output.extend_from_slice(&values[at].to_le_bytes()[..usize::from(width.div_ceil(8))]);
            packed_start = at + run;
        }
        at += run;
    }
    pack(&values[packed_start..], width, output);
}

/// Packs values in groups of eight, the lowest bits first, and fills the last group with zeros.
#[expect(clippy::cast_possible_truncation, reason = "the lowest 32 bits")]
fn pack(values: &[u32], width: u8, output: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(8);
    write_varint((groups as u64) << 1 | 1, output);
    let end = output.len() + groups * usize::from(width);
    output.reserve(end + 4 - output.len());
    let (mut bits, mut held) = (0_u64, 0);
    for value in values {
        bits |= u64::from(*value) << held;
        held += u32::from(width);
        if held >= 32 {
            output.extend_from_slice(&(bits as u32).to_le_bytes());
            bits >>= 32;
            held -= 32;
        }
    }
    output.extend_from_slice(&(bits as u32).to_le_bytes());
    output.resize(end, 0);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::varint::read_varint;
    use super::*;

    /// Reads the encoding bit by bit, by its specification.
    fn read(mut bytes: &[u8], width: u8, count: usize) -> Vec<u32> {
        let mut values = Vec::new();
        while values.len() < count {
            let header = read_varint(&mut bytes);
            let runs = usize::try_from(header >> 1).unwrap();
            let bit = |at: usize| u32::from(bytes[at / 8] >> (at % 8) & 1);
            let width = usize::from(width);
            let number = |from: usize| (0..width).map(|at| bit(from + at) << at).sum::<u32>();
            let used = if header & 1 == 1 {
                let packed = runs * 8;
                values.extend((0..packed).map(|index| number(index * width)));
                packed * width / 8
            } else {
                values.extend(std::iter::repeat_n(number(0), runs));
                width.div_ceil(8)
            };
            bytes = &bytes[used..];
        }
        assert!(bytes.is_empty(), "bytes after the last value");
        assert!(values[count..].iter().all(|value| *value == 0), "the last group is filled with zeros");
        values.truncate(count);
        values
    }

    #[test]
    fn bit_width_fits_largest_index() {
        let cases = [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (256, 8), (257, 9), (65_537, 17)];
        assert!(cases.iter().all(|(count, width)| bit_width(*count) == *width));
    }

    proptest! {
        #[test]
        fn proptest_rle_bitpack_round_trips(
            runs in prop::collection::vec((any::<u32>(), prop_oneof![4 => 1_usize..4, 1 => 1_usize..40]), 0..60),
            width in 0_u8..=32,
        ) {
            let mask = if width == 0 { 0 } else { u32::MAX >> (32 - width) };
            let values: Vec<u32> =
                runs.iter().flat_map(|(value, length)| std::iter::repeat_n(value & mask, *length)).collect();
            let mut bytes = Vec::new();
            rle_bitpack(&values, width, &mut bytes);
            prop_assert_eq!(read(&bytes, width, values.len()), values);
        }
    }
}
