//! Indexing with 32-byte (AVX2) and 64-byte (AVX-512) vectors. The x86-64 baseline has neither, so they are detected.
//!
//! They save at least a tenth of a conversion's CPU time.
#![allow(unsafe_code)] // Calls of functions that need a processor feature; each states where it was detected.

use std::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm_clmulepi64_si128, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_set1_epi8,
    _mm256_cmpeq_epi8, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm512_add_epi32, _mm512_cmpeq_epi8_mask, _mm512_cmple_epu8_mask, _mm512_cvtepu8_epi32,
    _mm512_maskz_compress_epi8, _mm512_movepi8_mask, _mm512_or_si512, _mm512_set1_epi8, _mm512_set1_epi32,
    _mm512_shuffle_epi8,
};

use crate::blocks::{BLOCK_BYTES, BlockOps, ByteClasses, RareBytes, TokenSlots, find_rare, write_tokens};
use crate::index::{Refill, TokenIndex};

/// Each operator at the index of its lowest four bits. Braces stand for brackets too, which differ in one bit.
const OPERATORS: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b':', b'{', b',', b'}', 0, 0];

/// The function that fills an index fastest on this processor; `None` if it has no wider vectors than the baseline.
pub(crate) fn detect() -> Option<Refill> {
    if !has_avx2() {
        return None;
    }
    if has_avx512() {
        // SAFETY: the function contains only safe code, and needs a processor with these features, which were just
        // detected.
        return Some(|index, text| unsafe { refill_with_avx512(index, text) });
    }
    // SAFETY: as above.
    Some(|index, text| unsafe { refill_with_avx2(index, text) })
}

fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("pclmulqdq")
}

fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi2")
}

#[target_feature(enable = "avx2,bmi1,popcnt,pclmulqdq")]
fn refill_with_avx2(index: &mut TokenIndex, text: &[u8]) -> bool {
    let ops = BlockOps {
        classify: |block: &_| classify_with_avx2(block),
        find_rare,
        parity: |bits| parity(bits),
        write: write_tokens,
    };
    index.refill_with(text, &ops)
}

#[target_feature(enable = "avx2,bmi1,popcnt,pclmulqdq,avx512f,avx512bw,avx512vbmi2")]
fn refill_with_avx512(index: &mut TokenIndex, text: &[u8]) -> bool {
    let ops = BlockOps {
        classify: |block: &_| classify_with_avx512(block),
        find_rare: |block: &_| rare_with_avx512(block),
        parity: |bits| parity(bits),
        write: |tokens, base, slots: &mut _| write_with_avx512(tokens, base, slots),
    };
    index.refill_with(text, &ops)
}

/// [`crate::blocks::parity_so_far`], as a carry-less product with a number of ones.
#[inline]
#[target_feature(enable = "pclmulqdq")]
fn parity(bits: u64) -> u64 {
    _mm_cvtsi128_si64(_mm_clmulepi64_si128(_mm_cvtsi64_si128(bits.cast_signed()), _mm_set1_epi8(-1), 0)).cast_unsigned()
}

#[inline]
#[target_feature(enable = "avx2")]
fn classify_with_avx2(block: &[u8; BLOCK_BYTES]) -> ByteClasses {
    let mut classes = ByteClasses::default();
    let mut rare = _mm256_setzero_si256();
    let mut high = _mm256_setzero_si256();
    let operators: __m256i = bytemuck::cast([OPERATORS; 2]);
    for (part, bytes) in block.as_chunks::<32>().0.iter().enumerate() {
        let bytes: __m256i = bytemuck::cast(*bytes);
        let all = |byte: u8| _mm256_set1_epi8(byte.cast_signed());
        let equal = |byte: u8| _mm256_cmpeq_epi8(bytes, all(byte));
        let at_most = |byte: u8| _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, all(byte)), bytes);
        let mask = |found: __m256i| u64::from(_mm256_movemask_epi8(found).cast_unsigned()) << (32 * part);
        // Two control characters are classified as operators too. In a string they are flaws, and elsewhere the grammar
        // rejects them.
        let folded = _mm256_or_si256(bytes, all(0x20));
        classes.quotes |= mask(equal(b'"'));
        classes.operators |= mask(_mm256_cmpeq_epi8(folded, _mm256_shuffle_epi8(operators, bytes)));
        classes.low |= mask(at_most(b' '));
        rare = _mm256_or_si256(rare, _mm256_or_si256(equal(b'\\'), at_most(0x1f)));
        high = _mm256_or_si256(high, bytes);
    }
    classes.has_rare = _mm256_movemask_epi8(rare) != 0;
    classes.has_non_ascii = _mm256_movemask_epi8(high) != 0;
    classes
}

/// [`classify_with_avx2`], on the whole block at once.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn classify_with_avx512(block: &[u8; BLOCK_BYTES]) -> ByteClasses {
    let bytes: __m512i = bytemuck::cast(*block);
    let operators: __m512i = bytemuck::cast([OPERATORS; 4]);
    let all = |byte: u8| _mm512_set1_epi8(byte.cast_signed());
    let equal = |byte: u8| _mm512_cmpeq_epi8_mask(bytes, all(byte));
    let at_most = |byte: u8| _mm512_cmple_epu8_mask(bytes, all(byte));
    let folded = _mm512_or_si512(bytes, all(0x20));
    ByteClasses {
        quotes: equal(b'"'),
        operators: _mm512_cmpeq_epi8_mask(folded, _mm512_shuffle_epi8(operators, bytes)),
        low: at_most(b' '),
        has_rare: (equal(b'\\') | at_most(0x1f)) != 0,
        has_non_ascii: _mm512_movepi8_mask(bytes) != 0,
    }
}

/// [`find_rare`] with 64-byte vectors.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn rare_with_avx512(block: &[u8; BLOCK_BYTES]) -> RareBytes {
    let bytes: __m512i = bytemuck::cast(*block);
    let equal = |byte: u8| _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte.cast_signed()));
    RareBytes {
        backslashes: equal(b'\\'),
        controls: _mm512_cmple_epu8_mask(bytes, _mm512_set1_epi8(0x1f)),
        blanks: equal(b'\t') | equal(b'\n') | equal(b'\r'),
    }
}

/// [`write_tokens`] with 64-byte vectors.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
fn write_with_avx512(tokens: u64, base: u32, slots: &mut TokenSlots) {
    const PLACES: [u8; BLOCK_BYTES] = {
        let mut places = [0; BLOCK_BYTES];
        let mut place = 0;
        while place < BLOCK_BYTES {
            #[expect(clippy::cast_possible_truncation, reason = "a place is below BLOCK_BYTES")]
            let byte = place as u8;
            places[place] = byte;
            place += 1;
        }
        places
    };
    let places: [__m128i; 4] = bytemuck::cast(_mm512_maskz_compress_epi8(tokens, bytemuck::cast(PLACES)));
    let base = _mm512_set1_epi32(base.cast_signed());
    let count = tokens.count_ones() as usize;
    for (part, (slots, places)) in slots.as_chunks_mut::<16>().0.iter_mut().zip(places).enumerate() {
        if part > 0 && 16 * part >= count {
            break;
        }
        *slots = bytemuck::cast(_mm512_add_epi32(_mm512_cvtepu8_epi32(places), base));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::blocks;

    #[test]
    fn classify_with_wide_vectors_matches_portable() {
        for byte in 0..=255 {
            for at in 0..64 {
                let mut block = [b'x'; 64];
                block[at] = byte;
                let mut expected = blocks::classify(&block);
                if matches!(byte, 0x0c | 0x1a) {
                    expected.operators |= 1 << at;
                }
                if has_avx2() {
                    // SAFETY: AVX2 was just detected.
                    assert_eq!(unsafe { classify_with_avx2(&block) }, expected, "byte {byte} at {at}");
                }
                if has_avx512() {
                    // SAFETY: AVX-512 was just detected.
                    assert_eq!(unsafe { classify_with_avx512(&block) }, expected, "byte {byte} at {at}");
                    // SAFETY: as above.
                    assert_eq!(unsafe { rare_with_avx512(&block) }, find_rare(&block), "byte {byte} at {at}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn proptest_parity_matches_portable(bits: u64) {
            if has_avx2() {
                // SAFETY: carry-less products were just detected.
                prop_assert_eq!(unsafe { parity(bits) }, blocks::parity_so_far(bits));
            }
        }

        #[test]
        fn proptest_written_tokens_match_portable(a: u64, b: u64, dense: bool, base in 0_u32..4096) {
            let tokens = if dense { a | b } else { a & b };
            let (mut expected, mut slots) = ([0; 64], [0; 64]);
            write_tokens(tokens, base, &mut expected);
            let count = tokens.count_ones() as usize;
            let places: Vec<u32> = (0..64).filter(|bit| tokens >> bit & 1 == 1).map(|bit| base + bit).collect();
            prop_assert_eq!(&expected[..count], &places);
            if has_avx512() {
                // SAFETY: AVX-512 was just detected.
                unsafe { write_with_avx512(tokens, base, &mut slots) };
                prop_assert_eq!(&slots[..count], &places);
            }
        }
    }
}
