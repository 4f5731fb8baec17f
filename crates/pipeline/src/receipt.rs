//! What became of each chunk, what that adds up to, and whether it balances.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plan::HourPlan;
use crate::{ArchiveHour, Version};

/// Counts of one chunk or one hour. They balance if `records = rows + duplicates + quarantined`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordCounts {
    /// Stretches that end in a line feed, and the last one if it does not; blank ones included.
    pub lines: u64,
    /// Lines of white space (or NUL) alone.
    pub blank_lines: u64,
    /// JSON values, and stretches up to a line feed that are none.
    pub records: u64,
    /// Records stored as a row.
    pub rows: u64,
    /// Records on a line that is equal to an earlier one.
    pub duplicates: u64,
    /// Records put into quarantine.
    pub quarantined: u64,
}

impl RecordCounts {
    /// Whether every record is accounted for exactly once.
    pub fn balance(&self) -> bool {
        self.records == self.rows + self.duplicates + self.quarantined
    }

    /// Adds those of another stretch.
    pub fn add(&mut self, other: &Self) {
        self.lines += other.lines;
        self.blank_lines += other.blank_lines;
        self.records += other.records;
        self.rows += other.rows;
        self.duplicates += other.duplicates;
        self.quarantined += other.quarantined;
    }
}

/// An object that a chunk was written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredObject {
    /// Its key.
    pub key: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// What a chunk became. Depends on the landing bytes and the options alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChunkReceipt {
    /// The hour.
    pub hour: ArchiveHour,
    /// The version.
    pub version: Version,
    /// The chunk's number, from 0.
    pub chunk: u32,
    /// Its counts.
    pub counts: RecordCounts,
    /// Rows by event type.
    pub types: BTreeMap<String, u64>,
    /// Its rows; absent if it has none.
    pub parquet: Option<StoredObject>,
    /// Its bad records; absent if it has none.
    pub quarantine: Option<StoredObject>,
}

/// What an hour became: the sum of its chunks' receipts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HourTotals {
    /// The sums.
    pub counts: RecordCounts,
    /// How many chunks there are.
    pub chunks: u32,
    /// Bytes of all Parquet objects.
    pub parquet_bytes: u64,
    /// Rows by event type: the [`MAX_TYPES`] most frequent ones, all others together under [`OTHER_TYPES`].
    pub types: BTreeMap<String, u64>,
}

/// How many event types are counted by name (GH Archive has known 22): an hour of garbage types must fit a ledger item.
pub const MAX_TYPES: usize = 64;

/// Longest name of an event type that is counted by name, in bytes (the longest known has 29): what is longer is garbage.
pub const MAX_TYPE_NAME_BYTES: usize = 64;

/// The name under which event types beyond [`MAX_TYPES`] or [`MAX_TYPE_NAME_BYTES`] are counted together.
pub const OTHER_TYPES: &str = "(other)";

/// Why an hour does not balance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BalanceError {
    /// The receipts are not those of the plan's chunks, in order.
    #[error("hour {hour}: receipt {found} stands where that of chunk {expected} was expected")]
    WrongChunk {
        /// The hour.
        hour: ArchiveHour,
        /// The chunk of the plan.
        expected: u32,
        /// What the receipt says it is.
        found: String,
    },
    /// A chunk or the plan has no counterpart.
    #[error("hour {hour}: the plan has {planned} chunks, but there are {receipts} receipts")]
    MissingReceipt {
        /// The hour.
        hour: ArchiveHour,
        /// Chunks of the plan.
        planned: usize,
        /// Receipts found.
        receipts: usize,
    },
    /// A chunk lost or invented a record.
    #[error(
        "hour {hour} chunk {chunk}: {records} records, but {rows} rows + {duplicates} duplicates + {quarantined} quarantined",
        records = counts.records, rows = counts.rows, duplicates = counts.duplicates, quarantined = counts.quarantined
    )]
    Records {
        /// The hour.
        hour: ArchiveHour,
        /// The chunk.
        chunk: u32,
        /// Its counts.
        counts: RecordCounts,
    },
    /// A chunk saw other lines than the plan.
    #[error(
        "hour {hour} chunk {chunk}: {found} lines, of them {found_blank} blank, but the plan has {planned} and {planned_blank}"
    )]
    Lines {
        /// The hour.
        hour: ArchiveHour,
        /// The chunk.
        chunk: u32,
        /// Lines of the receipt.
        found: u64,
        /// Blank lines of the receipt.
        found_blank: u64,
        /// Lines of the plan.
        planned: u64,
        /// Blank lines of the plan.
        planned_blank: u64,
    },
}

/// Adds up the receipts of an hour, one per chunk of `plan` and in its order, and checks that all of it balances.
pub fn total(plan: &HourPlan, receipts: &[ChunkReceipt]) -> Result<HourTotals, BalanceError> {
    let hour = plan.hour;
    if receipts.len() != plan.gzip.chunks.len() {
        return Err(BalanceError::MissingReceipt { hour, planned: plan.gzip.chunks.len(), receipts: receipts.len() });
    }
    let mut totals = HourTotals { chunks: receipts.len() as u32, ..HourTotals::default() };
    let mut types: BTreeMap<String, u64> = BTreeMap::new();
    for (chunk, (planned, receipt)) in (0..).zip(plan.gzip.chunks.iter().zip(receipts)) {
        if (receipt.hour, receipt.version, receipt.chunk) != (hour, plan.version, chunk) {
            let found = format!("{} version {} chunk {}", receipt.hour, receipt.version, receipt.chunk);
            return Err(BalanceError::WrongChunk { hour, expected: chunk, found });
        }
        let counts = receipt.counts;
        if !counts.balance() {
            return Err(BalanceError::Records { hour, chunk, counts });
        }
        if (counts.lines, counts.blank_lines) != (planned.lines, planned.blank_lines) {
            return Err(BalanceError::Lines {
                hour,
                chunk,
                found: counts.lines,
                found_blank: counts.blank_lines,
                planned: planned.lines,
                planned_blank: planned.blank_lines,
            });
        }
        totals.counts.add(&counts);
        totals.parquet_bytes += receipt.parquet.as_ref().map_or(0, |object| object.bytes);
        for (name, rows) in &receipt.types {
            *types.entry(name.clone()).or_default() += rows;
        }
    }
    totals.types = most_frequent(types);
    Ok(totals)
}

fn most_frequent(types: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    if types.len() <= MAX_TYPES {
        return types;
    }
    let mut by_rows: Vec<_> = types.into_iter().collect();
    by_rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let others: u64 = by_rows.split_off(MAX_TYPES).into_iter().map(|(_, rows)| rows).sum();
    let mut kept: BTreeMap<_, _> = by_rows.into_iter().collect();
    *kept.entry(OTHER_TYPES.to_owned()).or_default() += others;
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Landing;
    use crate::version::OutputOptions;

    /// A plan of chunks with so many lines, each with one blank line.
    fn plan(lines: &[u64]) -> HourPlan {
        let chunk = |&lines: &u64| gzip_plan::Chunk {
            access_point: 0,
            compressed_start: 0,
            compressed_end: 0,
            uncompressed_start: 0,
            uncompressed_end: 0,
            first_line: 1,
            lines,
            blank_lines: 1,
            duplicate_lines: Vec::new(),
            xxh3: String::new(),
        };
        HourPlan {
            hour: ArchiveHour::FIRST,
            version: "0123456789ab".parse().unwrap(),
            options: OutputOptions::default(),
            landing: Landing { etag: String::new(), bytes: 0, md5: String::new(), sha256: String::new() },
            gzip: gzip_plan::GzipPlan { chunks: lines.iter().map(chunk).collect(), ..gzip_plan::GzipPlan::default() },
        }
    }

    /// What fits that: one record a line that is not blank, of them one a duplicate and one in quarantine.
    fn receipt(chunk: u32, lines: u64) -> ChunkReceipt {
        let counts =
            RecordCounts { lines, blank_lines: 1, records: lines - 1, rows: lines - 3, duplicates: 1, quarantined: 1 };
        let parquet = Some(StoredObject { key: format!("part-{chunk}"), bytes: 100 });
        let types = BTreeMap::from([("PushEvent".to_owned(), lines - 4), ("WatchEvent".to_owned(), 1)]);
        let (hour, version) = (ArchiveHour::FIRST, "0123456789ab".parse().unwrap());
        ChunkReceipt { hour, version, chunk, counts, types, parquet, quarantine: None }
    }

    #[test]
    fn receipts_of_all_chunks_add_up() {
        let totals = total(&plan(&[10, 20]), &[receipt(0, 10), receipt(1, 20)]).unwrap();
        let counts = RecordCounts { lines: 30, blank_lines: 2, records: 28, rows: 24, duplicates: 2, quarantined: 2 };
        assert_eq!((totals.counts, totals.chunks, totals.parquet_bytes), (counts, 2, 200));
        assert_eq!(totals.types, BTreeMap::from([("PushEvent".to_owned(), 22), ("WatchEvent".to_owned(), 2)]));
        assert_eq!(total(&plan(&[]), &[]), Ok(HourTotals::default()), "an hour of no chunk");
    }

    #[test]
    fn what_does_not_balance_is_named() {
        let with = |change: fn(&mut ChunkReceipt)| {
            let mut changed = receipt(1, 20);
            change(&mut changed);
            vec![receipt(0, 10), changed]
        };
        for (phrase, receipts, message) in [
            ("a receipt too few", vec![receipt(0, 10)], "the plan has 2 chunks, but there are 1 receipts"),
            ("two receipts exchanged", vec![receipt(1, 20), receipt(0, 10)], "where that of chunk 0 was expected"),
            (
                "another version",
                with(|receipt| receipt.version = "ffffffffffff".parse().unwrap()),
                "version ffffffffffff",
            ),
            ("another hour", with(|receipt| receipt.hour = receipt.hour.plus(1)), "receipt 2011-02-12-1"),
            ("a lost record", with(|receipt| receipt.counts.rows -= 1), "chunk 1: 19 records, but 16 rows"),
            ("an invented row", with(|receipt| receipt.counts.rows += 1), "chunk 1: 19 records, but 18 rows"),
            ("a lost line", with(|receipt| receipt.counts.lines -= 1), "chunk 1: 19 lines, of them 1 blank"),
            ("a line gone blank", with(|receipt| receipt.counts.blank_lines += 1), "20 lines, of them 2 blank"),
        ] {
            let error = total(&plan(&[10, 20]), &receipts).unwrap_err().to_string();
            assert!(error.contains(message), "{phrase}: {error}");
        }
    }

    #[test]
    fn invented_types_are_counted_together() {
        let mut garbage = receipt(0, 10);
        garbage.types = (0..200_u64).map(|number| (format!("T{number:03}"), number + 1)).collect();
        let types = total(&plan(&[10]), &[garbage]).unwrap().types;
        assert_eq!(types.len(), MAX_TYPES + 1);
        assert_eq!(types["T199"], 200, "the most frequent ones keep their names");
        assert_eq!(types.values().sum::<u64>(), (1..=200).sum::<u64>(), "no row is lost");
    }
}
