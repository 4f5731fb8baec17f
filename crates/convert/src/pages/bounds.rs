//! The least and the greatest value of pages and column chunks, for statistics and page indexes.

use std::cmp::Ordering;

use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

/// Texts in statistics are cut to this many bytes.
const MAX_BYTES: usize = 64;

/// The order of a column's values, and their type in statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueOrder {
    /// Bytes in lexicographic order.
    Text,
    /// Signed integers of 64 bits, the lowest byte first.
    Integer,
    /// One byte: false (0) before true (1).
    Bool,
}

/// The least and the greatest value, in their encoded form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) min: Vec<u8>,
    pub(crate) max: Vec<u8>,
}

impl ValueOrder {
    fn compare(self, a: &[u8], b: &[u8]) -> Ordering {
        match self {
            Self::Text | Self::Bool => a.cmp(b),
            Self::Integer => integer(a).cmp(&integer(b)),
        }
    }

    /// The bounds of the values; `None` if there are no values.
    pub(crate) fn bounds<'a>(self, mut values: impl Iterator<Item = &'a [u8]>) -> Option<Bounds> {
        let first = values.next()?;
        let (mut min, mut max) = (first, first);
        for value in values {
            if self.compare(value, min).is_lt() {
                min = value;
            } else if self.compare(value, max).is_gt() {
                max = value;
            }
        }
        Some(Bounds { min: min.to_vec(), max: max.to_vec() })
    }

    /// The statistics of a column chunk.
    pub(crate) fn statistics(self, bounds: Option<&Bounds>, nulls: u64) -> Statistics {
        let nulls = Some(nulls);
        match self {
            Self::Text => {
                let min = bounds.map(|bounds| ByteArray::from(cut(&bounds.min).to_vec()));
                let max = bounds.map(|bounds| ByteArray::from(upper_bound(&bounds.max)));
                let exact = |is: fn(&Bounds) -> &Vec<u8>| bounds.is_some_and(|bounds| is(bounds).len() <= MAX_BYTES);
                let (min_is_exact, max_is_exact) = (exact(|bounds| &bounds.min), exact(|bounds| &bounds.max));
                let statistics = ValueStatistics::new(min, max, None, nulls, false);
                Statistics::ByteArray(statistics.with_min_is_exact(min_is_exact).with_max_is_exact(max_is_exact))
            }
            Self::Integer => {
                let (min, max) = (bounds.map(|bounds| integer(&bounds.min)), bounds.map(|bounds| integer(&bounds.max)));
                let statistics = ValueStatistics::new(min, max, None, nulls, false);
                Statistics::Int64(statistics.with_backwards_compatible_min_max(true))
            }
            Self::Bool => {
                let (min, max) = (bounds.map(|bounds| bounds.min == [1]), bounds.map(|bounds| bounds.max == [1]));
                let statistics = ValueStatistics::new(min, max, None, nulls, false);
                Statistics::Boolean(statistics.with_backwards_compatible_min_max(true))
            }
        }
    }
}

impl Bounds {
    /// Extends these bounds to include `other`.
    pub(crate) fn extend(&mut self, other: &Self, order: ValueOrder) {
        if order.compare(&other.min, &self.min).is_lt() {
            self.min.clone_from(&other.min);
        }
        if order.compare(&other.max, &self.max).is_gt() {
            self.max.clone_from(&other.max);
        }
    }

    /// The bounds for a page index. They may be shortened, so they need not be values of the page.
    pub(crate) fn for_index(self, order: ValueOrder) -> (Vec<u8>, Vec<u8>) {
        match order {
            ValueOrder::Text => (cut(&self.min).to_vec(), upper_bound(&self.max)),
            ValueOrder::Integer | ValueOrder::Bool => (self.min, self.max),
        }
    }
}

fn integer(bytes: &[u8]) -> i64 {
    bytes.first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes))
}

/// The first bytes of `text`, up to the end of a character: a lower bound.
fn cut(text: &[u8]) -> &[u8] {
    if text.len() <= MAX_BYTES {
        return text;
    }
    let is_start = |at: &usize| text[*at] & 0xc0 != 0x80;
    let end = (0..=MAX_BYTES).rfind(is_start).unwrap_or(0);
    &text[..end]
}

/// A short upper bound of `text`; all of `text` if there is none.
fn upper_bound(text: &[u8]) -> Vec<u8> {
    let mut bound = cut(text).to_vec();
    if bound.len() == text.len() {
        return bound;
    }
    // Increment the last ASCII character below U+007F, and drop the bytes after it.
    match bound.iter().rposition(|byte| *byte < 0x7f) {
        Some(last) => {
            bound[last] += 1;
            bound.truncate(last + 1);
            bound
        }
        None => text.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bounds_integers_compare_by_value() {
        let values = [-1_i64, 256, 3, -256].map(i64::to_le_bytes);
        let bounds = ValueOrder::Integer.bounds(values.iter().map(|value| &value[..])).unwrap();
        assert_eq!((integer(&bounds.min), integer(&bounds.max)), (-256, 256));
        assert_eq!(ValueOrder::Integer.bounds([].into_iter()), None);
    }

    proptest! {
        #[test]
        fn proptest_cut_texts_are_bounds(text in "[a~\u{7f}é😀]{0,90}") {
            let (low, high) = (cut(text.as_bytes()), upper_bound(text.as_bytes()));
            prop_assert!(low <= text.as_bytes() && text.as_bytes() <= &high[..]);
            prop_assert!(std::str::from_utf8(low).is_ok() && std::str::from_utf8(&high).is_ok());
            prop_assert!(low.len() <= MAX_BYTES);
            prop_assert!(high.len() <= MAX_BYTES || high == text.as_bytes());
        }
    }
}
