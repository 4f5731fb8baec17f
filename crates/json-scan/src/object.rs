//! What a scan finds.

use std::ops::Range;

use thiserror::Error;

/// Offsets within an object are stored in 32 bits.
pub(crate) const MAX_TEXT_BYTES: usize = u32::MAX as usize;

/// An object that is valid by JSON's grammar.
#[derive(Clone, Debug, Default)]
pub struct ScannedObject {
    /// The top-level fields, in the order of the text; a key may occur more than once.
    pub fields: Vec<FieldSpan>,
    /// Whether `serde_json` accepts the object, provided that it is UTF-8: no number out of range, no lone surrogate,
    /// at most 127 levels of nesting.
    pub acceptable: bool,
}

/// The position of a field, as offsets from the object's opening brace.
#[derive(Clone, Debug)]
pub struct FieldSpan {
    // 32 bits each: an object may have millions of fields.
    key: Range<u32>,
    value: Range<u32>,
}

impl FieldSpan {
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a scanned text is at most MAX_TEXT_BYTES long")]
    pub(crate) fn new(key: Range<usize>, value: Range<usize>) -> Self {
        let narrow = |range: Range<usize>| range.start as u32..range.end as u32;
        Self { key: narrow(key), value: narrow(value) }
    }

    /// The bytes between the quotes of the key; escapes are not decoded.
    #[inline]
    pub fn key(&self) -> Range<usize> {
        self.key.start as usize..self.key.end as usize
    }

    /// The bytes of the value, without white space around it.
    #[inline]
    pub fn value(&self) -> Range<usize> {
        self.value.start as usize..self.value.end as usize
    }
}

/// The bytes at the given offset are not a whole object by JSON's grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a JSON object")]
pub struct NotAnObject;
