//! Classifying with 32-byte vectors, on processors that have them: x86-64 in general does not.
#![allow(unsafe_code)] // One call, which says why it is sound. On records of 3.5 KB it saves a tenth of a conversion's time.

use std::arch::x86_64::{
    __m256i, _mm256_cmpeq_epi8, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set_epi64x,
    _mm256_set1_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8,
};

use super::blocks::{BLOCK_BYTES, Classes};
use super::index::Index;

/// Does what [`Index::find_with`] does, if this processor can do it this way.
#[inline]
pub(super) fn find(index: &mut Index, text: &[u8]) -> Option<bool> {
    if !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("popcnt")) {
        return None;
    }
    // SAFETY: the function is safe code throughout; all that it asks for is a processor with these features, which were
    // just detected.
    Some(unsafe { find_with_avx2(index, text) })
}

#[target_feature(enable = "avx2,bmi1,popcnt")]
fn find_with_avx2(index: &mut Index, text: &[u8]) -> bool {
    index.find_with(text, |block| classify(block))
}

#[inline]
#[target_feature(enable = "avx2")]
fn classify(block: &[u8; BLOCK_BYTES]) -> Classes {
    let mut classes = Classes::default();
    let mut rare = _mm256_setzero_si256();
    // The operators at the places of their lowest four bits, `[` and `]` as the braces that they differ from in one bit.
    let operators = words([0, 0x0000_7d2c_7b3a_0000, 0, 0x0000_7d2c_7b3a_0000]);
    for (part, bytes) in block.as_chunks::<32>().0.iter().enumerate() {
        let bytes = load(bytes);
        let all = |byte: u8| _mm256_set1_epi8(byte as i8);
        let equal = |byte: u8| _mm256_cmpeq_epi8(bytes, all(byte));
        let at_most = |byte: u8| _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, all(byte)), bytes);
        let mask = |found: __m256i| u64::from(_mm256_movemask_epi8(found) as u32) << (32 * part);
        // Two control characters pass for operators too. That does no harm: where they are no flaw in a string, the grammar
        // has no use for them.
        let folded = _mm256_or_si256(bytes, all(0x20));
        classes.quotes |= mask(equal(b'"'));
        classes.operators |= mask(_mm256_cmpeq_epi8(folded, _mm256_shuffle_epi8(operators, bytes)));
        classes.low |= mask(at_most(b' '));
        rare = _mm256_or_si256(rare, _mm256_or_si256(equal(b'\\'), at_most(0x1f)));
    }
    classes.has_rare = _mm256_movemask_epi8(rare) != 0;
    classes
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; 32]) -> __m256i {
    let mut quarters = [0; 4];
    for (quarter, bytes) in quarters.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *quarter = i64::from_le_bytes(*bytes);
    }
    words(quarters)
}

/// A vector of these, the lowest one first.
#[inline]
#[target_feature(enable = "avx2")]
fn words(words: [i64; 4]) -> __m256i {
    _mm256_set_epi64x(words[3], words[2], words[1], words[0])
}

#[cfg(test)]
mod tests {
    use super::super::blocks;
    use super::*;

    #[test]
    fn bytes_are_classified_as_without_these_vectors() {
        if !is_x86_feature_detected!("avx2") {
            return;
        }
        for byte in 0..=255 {
            for at in 0..64 {
                let mut block = [b'x'; 64];
                block[at] = byte;
                let mut expected = blocks::classify(&block);
                if matches!(byte, 0x0c | 0x1a) {
                    expected.operators |= 1 << at;
                }
                // SAFETY: AVX2 was just detected.
                assert_eq!(unsafe { classify(&block) }, expected, "byte {byte} at {at}");
            }
        }
    }
}
