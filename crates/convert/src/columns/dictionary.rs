//! The dictionaries of a row group: each distinct value once, and an index that represents it in the rows.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

use crate::short_bytes::equal;

/// Represents null in the rows.
pub(crate) const NULL: u32 = u32::MAX;

/// Distinct texts (or any bytes) in the order of their first occurrence.
#[derive(Default)]
pub(crate) struct TextDictionary {
    /// A dictionary page: each text after its length in 4 bytes.
    encoded: Vec<u8>,
    /// Where each text begins in `encoded`, after its length.
    starts: Vec<u32>,
    /// The index and the start of each text; the start saves a lookup in `starts`.
    indexes: HashTable<(u32, u32)>,
    hasher: RandomState,
}

impl TextDictionary {
    /// The index of `text`, which is added if it is new.
    pub(crate) fn index_of(&mut self, text: &[u8]) -> u32 {
        let Self { encoded, starts, indexes, hasher } = self;
        let hash = hasher.hash_one(text);
        if let Some((index, _)) = indexes.find(hash, |(_, start)| equal(text_at(encoded, *start), text)) {
            return *index;
        }
        let (index, start) = append(encoded, starts, [text]);
        indexes.insert_unique(hash, (index, start), |(_, start)| hasher.hash_one(text_at(encoded, *start)));
        index
    }

    /// Adds the concatenation of `parts` and returns its index. The caller knows that the text is new;
    /// [`Self::index_of`] does not find it.
    pub(crate) fn push(&mut self, parts: [&[u8]; 3]) -> u32 {
        append(&mut self.encoded, &mut self.starts, parts).0
    }

    /// The index of `text`, which often has the index `last`.
    #[inline]
    pub(crate) fn last_or_index_of(&mut self, last: Option<u32>, text: &[u8]) -> u32 {
        match last {
            Some(last) if equal(self.get(last), text) => last,
            _ => self.index_of(text),
        }
    }

    /// The text at `index`.
    pub(crate) fn get(&self, index: u32) -> &[u8] {
        text_at(&self.encoded, self.starts[index as usize])
    }

    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The dictionary page.
    pub(crate) fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    pub(crate) fn clear(&mut self) {
        self.encoded.clear();
        self.starts.clear();
        self.indexes.clear();
    }

    /// The approximate memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        const PER_TEXT: usize = 16;
        self.encoded.len() + self.starts.len() * PER_TEXT
    }
}

/// Appends the concatenation of `parts`. Returns its index and where it starts.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a row group is closed long before its texts reach 4 GiB")]
fn append<const N: usize>(encoded: &mut Vec<u8>, starts: &mut Vec<u32>, parts: [&[u8]; N]) -> (u32, u32) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    encoded.extend_from_slice(&(length as u32).to_le_bytes());
    let (index, start) = (starts.len() as u32, encoded.len() as u32);
    for part in parts {
        encoded.extend_from_slice(part);
    }
    starts.push(start);
    (index, start)
}

fn text_at(encoded: &[u8], start: u32) -> &[u8] {
    let start = start as usize;
    let length = encoded[start - 4..start].first_chunk().map_or(0, |length| u32::from_le_bytes(*length));
    &encoded[start..start + length as usize]
}

/// Distinct integers in the order of their first occurrence.
#[derive(Default)]
pub(crate) struct IntegerDictionary {
    values: Vec<i64>,
    indexes: HashTable<u32>,
    hasher: RandomState,
}

impl IntegerDictionary {
    /// The index of `value`, which is added if it is new.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a row group has at most GROUP_ROWS rows, with a few values each"
    )]
    pub(crate) fn index_of(&mut self, value: i64) -> u32 {
        let Self { values, indexes, hasher } = self;
        let hash = hasher.hash_one(value);
        if let Some(index) = indexes.find(hash, |index| values[*index as usize] == value) {
            return *index;
        }
        let index = values.len() as u32;
        values.push(value);
        indexes.insert_unique(hash, index, |index| hasher.hash_one(values[*index as usize]));
        index
    }

    /// The index of `value`, which often has the index `last`.
    pub(crate) fn last_or_index_of(&mut self, last: Option<u32>, value: i64) -> u32 {
        match last {
            Some(last) if self.get(last) == value => last,
            _ => self.index_of(value),
        }
    }

    /// The value at `index`.
    pub(crate) fn get(&self, index: u32) -> i64 {
        self.values[index as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// The dictionary page.
    pub(crate) fn encoded(&self) -> Vec<u8> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.indexes.clear();
    }

    /// The approximate memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        const PER_VALUE: usize = 16;
        self.values.len() * PER_VALUE
    }
}
