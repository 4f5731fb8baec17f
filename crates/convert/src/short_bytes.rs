//! Comparison of short byte strings.

/// Whether two byte strings, most of them short, are equal.
///
/// The library's comparison is a function call, and slower here: lengths vary, and most are below 32 bytes. Loops over
/// the bytes after the last whole word are slower too, so the last word overlaps the one before it.
#[inline(always)]
#[expect(clippy::inline_always, reason = "the hot loop of a conversion; measured against a plain `inline`")]
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if let (Some(a_end), Some(b_end)) = (a.last_chunk::<16>(), b.last_chunk::<16>()) {
        let (a_heads, b_heads) = (a.as_chunks::<16>().0, b.as_chunks::<16>().0);
        let heads_are = a_heads.iter().zip(b_heads).all(|(a, b)| u128::from_ne_bytes(*a) == u128::from_ne_bytes(*b));
        return heads_are && u128::from_ne_bytes(*a_end) == u128::from_ne_bytes(*b_end);
    }
    if let (Some(a_start), Some(b_start), Some(a_end), Some(b_end)) =
        (a.first_chunk::<8>(), b.first_chunk::<8>(), a.last_chunk::<8>(), b.last_chunk::<8>())
    {
        return (u64::from_ne_bytes(*a_start) ^ u64::from_ne_bytes(*b_start))
            | (u64::from_ne_bytes(*a_end) ^ u64::from_ne_bytes(*b_end))
            == 0;
    }
    if let (Some(a_start), Some(b_start), Some(a_end), Some(b_end)) =
        (a.first_chunk::<4>(), b.first_chunk::<4>(), a.last_chunk::<4>(), b.last_chunk::<4>())
    {
        return (u32::from_ne_bytes(*a_start) ^ u32::from_ne_bytes(*b_start))
            | (u32::from_ne_bytes(*a_end) ^ u32::from_ne_bytes(*b_end))
            == 0;
    }
    a.iter().zip(b).all(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn proptest_equal_matches_library(a in "[ab]{0,40}", cut in 0_usize..3, flip in 0_usize..41) {
            let mut b = a.clone().into_bytes();
            b.truncate(a.len().saturating_sub(cut));
            b.iter_mut().skip(flip).take(1).for_each(|byte| *byte ^= 1);
            proptest::prop_assert_eq!(equal(a.as_bytes(), &b), a.as_bytes() == b);
        }
    }
}
