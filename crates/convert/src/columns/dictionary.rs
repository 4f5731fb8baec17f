//! Dictionaries of a row group: each value once, with a number that stands for it in the rows.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

use crate::usual::equal;

/// Stands for null in rows.
pub(crate) const NULL: u32 = u32::MAX;

/// Different texts (or any bytes), numbered in the order in which they came.
#[derive(Default)]
pub(crate) struct Texts {
    /// Each text after its length in 4 bytes: a dictionary page.
    encoded: Vec<u8>,
    /// Where each text begins, after its length.
    starts: Vec<u32>,
    /// Numbers, each beside its text's start: one step less to the text.
    numbers: HashTable<(u32, u32)>,
    hasher: RandomState,
}

impl Texts {
    /// The number of `text`, and whether it is new.
    pub(crate) fn number(&mut self, text: &[u8]) -> (u32, bool) {
        let Self { encoded, starts, numbers, hasher } = self;
        let hash = hasher.hash_one(text);
        if let Some((number, _)) = numbers.find(hash, |(_, start)| equal(text_at(encoded, *start), text)) {
            return (*number, false);
        }
        let (number, start) = append(encoded, starts, [text]);
        numbers.insert_unique(hash, (number, start), |(_, start)| hasher.hash_one(text_at(encoded, *start)));
        (number, true)
    }

    /// Adds the text of these parts, which is known to be new, and will be for ever to [`Self::number`]; answers its number.
    pub(crate) fn push(&mut self, parts: [&[u8]; 3]) -> u32 {
        append(&mut self.encoded, &mut self.starts, parts).0
    }

    /// The number of `text`, which is often the `last` one.
    #[inline]
    pub(crate) fn again_or_number(&mut self, last: Option<u32>, text: &[u8]) -> u32 {
        match last {
            Some(last) if equal(self.get(last), text) => last,
            _ => self.number(text).0,
        }
    }

    /// The text that `number` stands for.
    pub(crate) fn get(&self, number: u32) -> &[u8] {
        text_at(&self.encoded, self.starts[number as usize])
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// All of them as a dictionary page.
    pub(crate) fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.encoded.clear();
        self.starts.clear();
        self.numbers.clear();
    }

    /// About the bytes held.
    pub(crate) fn bytes(&self) -> usize {
        const PER_TEXT: usize = 16;
        self.encoded.len() + self.starts.len() * PER_TEXT
    }
}

/// Adds the text of these parts; answers its number and where it starts.
#[inline]
fn append<const N: usize>(encoded: &mut Vec<u8>, starts: &mut Vec<u32>, parts: [&[u8]; N]) -> (u32, u32) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    encoded.extend_from_slice(&(length as u32).to_le_bytes());
    // A row group is closed long before its texts come near 4 GiB.
    let (number, start) = (starts.len() as u32, encoded.len() as u32);
    parts.iter().for_each(|part| encoded.extend_from_slice(part));
    starts.push(start);
    (number, start)
}

fn text_at(encoded: &[u8], start: u32) -> &[u8] {
    let start = start as usize;
    let length = encoded[start - 4..start].first_chunk().map_or(0, |length| u32::from_le_bytes(*length));
    &encoded[start..start + length as usize]
}

/// Different numbers, numbered in the order in which they came.
#[derive(Default)]
pub(crate) struct Numbers {
    values: Vec<i64>,
    numbers: HashTable<u32>,
    hasher: RandomState,
}

impl Numbers {
    /// The number of `value`.
    pub(crate) fn number(&mut self, value: i64) -> u32 {
        let Self { values, numbers, hasher } = self;
        let hash = hasher.hash_one(value);
        if let Some(number) = numbers.find(hash, |number| values[*number as usize] == value) {
            return *number;
        }
        let number = values.len() as u32;
        values.push(value);
        numbers.insert_unique(hash, number, |number| hasher.hash_one(values[*number as usize]));
        number
    }

    /// The number of `value`, which is often the `last` one.
    pub(crate) fn again_or_number(&mut self, last: Option<u32>, value: i64) -> u32 {
        match last {
            Some(last) if self.get(last) == value => last,
            _ => self.number(value),
        }
    }

    /// The value that `number` stands for.
    pub(crate) fn get(&self, number: u32) -> i64 {
        self.values[number as usize]
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// All of them as a dictionary page.
    pub(crate) fn encoded(&self) -> Vec<u8> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.numbers.clear();
    }

    /// About the bytes held.
    pub(crate) fn bytes(&self) -> usize {
        const PER_NUMBER: usize = 16;
        self.values.len() * PER_NUMBER
    }
}
