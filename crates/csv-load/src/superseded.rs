//! Finds the rows whose id occurs again later, in bounded memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;

use twox_hash::XxHash3_128;

/// This many rows (32 MiB) are sorted in memory and then written to the temporary file.
const RUN_ROWS: usize = 1 << 20;
const ENTRY_BYTES: usize = 24;
/// The part of each sorted run that is in memory during the merge: about 64 KiB.
const RUN_BUFFER_ENTRIES: usize = 2730;

/// The hash of an id; the row number and the row's write units.
type HashedRow = (u128, u64);
/// The low bits of the second part are the write units: an item of 400 KB has 400.
const UNIT_BITS: u32 = 9;

/// Finds the rows whose id occurs again later. It writes sorted runs of hashes to a temporary file and merges them.
///
/// It needs 32 MiB of memory, 64 KiB for each million rows, and one bit for each row. The temporary file has 24 bytes for
/// each row. Ids are distinguished by 128 bits of XXH3; the `seed` must be a secret, so that no file can provoke collisions.
pub struct DuplicateIdFinder {
    seed: u64,
    run_rows: usize,
    entries: Vec<HashedRow>,
    file: Option<BufWriter<File>>,
    /// The number of entries of each run.
    runs: Vec<u64>,
    found: SupersededRows,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct SupersededRows {
    /// One bit for each row; row 0 is the lowest bit of the first byte. Ends with the last superseded row.
    pub bits: Vec<u8>,
    /// The sum over the superseded rows.
    pub write_units: u64,
}

impl DuplicateIdFinder {
    pub fn new(seed: u64) -> Self {
        Self::with_runs_of(RUN_ROWS, seed)
    }

    fn with_runs_of(run_rows: usize, seed: u64) -> Self {
        Self { seed, run_rows, entries: Vec::new(), file: None, runs: Vec::new(), found: SupersededRows::default() }
    }

    /// Adds a row. Rows come in order. `identity` is equal for rows with the same id.
    ///
    /// # Errors
    /// The temporary file cannot be written.
    pub fn add(&mut self, row: u64, write_units: u64, identity: &[u8]) -> io::Result<()> {
        debug_assert!(write_units < 1 << UNIT_BITS, "{write_units}");
        let row = row << UNIT_BITS | write_units;
        self.entries.push((XxHash3_128::oneshot_with_seed(self.seed, identity), row));
        if self.entries.len() >= self.run_rows { self.spill() } else { Ok(()) }
    }

    /// # Errors
    /// The temporary file cannot be written or read.
    pub fn finish(mut self) -> io::Result<SupersededRows> {
        if self.file.is_none() {
            self.sort();
            return Ok(self.found);
        }
        self.spill()?;
        let file = self.file.take().expect("the file exists here").into_inner()?;
        let mut start = 0;
        let mut runs = Vec::with_capacity(self.runs.len());
        for entries in &self.runs {
            runs.push(SortedRun { next: start, end: start + entries, buffer: Vec::new(), at: 0 });
            start += entries;
        }
        self.merge(&file, runs)?;
        Ok(self.found)
    }

    fn merge(&mut self, file: &File, mut runs: Vec<SortedRun>) -> io::Result<()> {
        let mut heads = BinaryHeap::with_capacity(runs.len());
        for (index, run) in runs.iter_mut().enumerate() {
            heads.extend(run.next(file)?.map(|entry| Reverse((entry, index))));
        }
        let mut before: Option<HashedRow> = None;
        while let Some(Reverse((entry, index))) = heads.pop() {
            if let Some(before) = before.filter(|before| before.0 == entry.0) {
                self.found.take(before.1);
            }
            before = Some(entry);
            heads.extend(runs[index].next(file)?.map(|entry| Reverse((entry, index))));
        }
        Ok(())
    }

    /// Sorts the entries in memory and keeps the last row of each id.
    fn sort(&mut self) {
        self.entries.sort_unstable();
        for pair in self.entries.windows(2) {
            if pair[0].0 == pair[1].0 {
                self.found.take(pair[0].1);
            }
        }
        self.entries.reverse();
        self.entries.dedup_by_key(|(hash, _)| *hash);
        self.entries.reverse();
    }

    fn spill(&mut self) -> io::Result<()> {
        self.sort();
        if self.file.is_none() {
            self.file = Some(BufWriter::with_capacity(1 << 20, tempfile::tempfile()?));
        }
        let file = self.file.as_mut().expect("the file was created above");
        for (hash, row) in &self.entries {
            file.write_all(&hash.to_le_bytes())?;
            file.write_all(&row.to_le_bytes())?;
        }
        self.runs.push(self.entries.len() as u64);
        self.entries.clear();
        Ok(())
    }
}

impl SupersededRows {
    /// `row` is the second part of an entry.
    fn take(&mut self, row: u64) {
        set(&mut self.bits, row >> UNIT_BITS);
        self.write_units += row & ((1 << UNIT_BITS) - 1);
    }
}

/// A reader of one sorted run in the temporary file.
struct SortedRun {
    /// The entry after the buffered ones, and the end of the run.
    next: u64,
    end: u64,
    buffer: Vec<u8>,
    /// The byte offset of the next entry in the buffer.
    at: usize,
}

impl SortedRun {
    fn next(&mut self, file: &File) -> io::Result<Option<HashedRow>> {
        if self.at == self.buffer.len() {
            let entries = (self.end - self.next).min(RUN_BUFFER_ENTRIES as u64);
            if entries == 0 {
                return Ok(None);
            }
            let entries_in_buffer = usize::try_from(entries).expect("at most RUN_BUFFER_ENTRIES");
            self.buffer.resize(entries_in_buffer * ENTRY_BYTES, 0);
            file.read_exact_at(&mut self.buffer, self.next * ENTRY_BYTES as u64)?;
            (self.next, self.at) = (self.next + entries, 0);
        }
        let (hash, row) = self.buffer[self.at..self.at + ENTRY_BYTES].split_at(16);
        self.at += ENTRY_BYTES;
        let entry = (
            u128::from_le_bytes(hash.try_into().expect("16 bytes")),
            u64::from_le_bytes(row.try_into().expect("8 bytes")),
        );
        Ok(Some(entry))
    }
}

pub(crate) fn set(bits: &mut Vec<u8>, row: u64) {
    let byte = byte_of(row);
    if bits.len() <= byte {
        bits.resize(byte + 1, 0);
    }
    bits[byte] |= 1 << (row % 8);
}

/// Whether the bit of a row is set.
pub fn is_set(bits: &[u8], row: u64) -> bool {
    bits.get(byte_of(row)).is_some_and(|byte| byte & (1 << (row % 8)) != 0)
}

fn byte_of(row: u64) -> usize {
    usize::try_from(row / 8).expect("the bits of all rows fit into memory")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn proptest_last_row_of_an_id_is_kept(ids in proptest::collection::vec(0_u8..40, 0..300), run_rows in 1_usize..50) {
            let mut found = DuplicateIdFinder::with_runs_of(run_rows, 7);
            let mut last = HashMap::new();
            for (row, id) in ids.iter().enumerate() {
                found.add(row as u64, row as u64 + 1, &[*id]).unwrap();
                last.insert(*id, row);
            }
            let SupersededRows { bits, write_units } = found.finish().unwrap();
            let mut expected = 0;
            for (row, id) in ids.iter().enumerate() {
                prop_assert_eq!(is_set(&bits, row as u64), last[id] != row, "row {} of {:?}", row, ids);
                expected += if last[id] == row { 0 } else { row as u64 + 1 };
            }
            prop_assert_eq!(write_units, expected);
        }
    }
}
