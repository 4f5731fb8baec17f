//! The receipts of converted chunks, their sum, and the check that it balances.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plan::HourPlan;
use crate::{ArchiveHour, Version};

/// The counts of a chunk or an hour. They balance if `records = rows + duplicates + quarantined`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordCounts {
    /// Lines, blank ones included. The last line may have no line feed.
    pub lines: u64,
    /// Lines of white space or NUL bytes alone.
    pub blank_lines: u64,
    /// JSON values, and pieces of a line that are not JSON.
    pub records: u64,
    /// Records that are stored as a row.
    pub rows: u64,
    /// Records on a line that equals an earlier one.
    pub duplicates: u64,
    /// Bad records.
    pub quarantined: u64,
}

impl RecordCounts {
    /// Whether each record is counted exactly once.
    pub fn is_balanced(&self) -> bool {
        self.records == self.rows + self.duplicates + self.quarantined
    }

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
pub struct ChunkObject {
    pub key: String,
    pub bytes: u64,
}

/// The result of converting a chunk. Depends on the landing bytes and the options alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChunkReceipt {
    pub hour: ArchiveHour,
    pub version: Version,
    /// From 0.
    pub chunk: u32,
    pub counts: RecordCounts,
    /// Rows by event type.
    pub types: BTreeMap<String, u64>,
    /// Absent if the chunk has no rows.
    pub parquet: Option<ChunkObject>,
    /// Absent if the chunk has no bad records.
    pub quarantine: Option<ChunkObject>,
}

/// The sum of the chunk receipts of an hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HourTotals {
    pub counts: RecordCounts,
    pub chunks: u32,
    /// The sum over all Parquet objects.
    pub parquet_bytes: u64,
    /// Rows by event type: the [`MAX_TYPES`] most frequent types, and all others together under [`OTHER_TYPES`].
    pub types: BTreeMap<String, u64>,
}

/// The largest number of event types that are counted by name, so that a ledger item has room even for an hour of invalid
/// types. GH Archive has had 22 types.
pub const MAX_TYPES: usize = 64;

/// The longest type name that is counted by name. The longest valid name has 29 bytes.
pub const MAX_TYPE_NAME_BYTES: usize = 64;

/// The name under which all other event types are counted.
pub const OTHER_TYPES: &str = "(other)";

/// The receipts of an hour do not balance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BalanceError {
    /// The receipts are not in the order of the plan's chunks.
    #[error("hour {hour}: expected the receipt of chunk {expected}, found {found}")]
    WrongChunk { hour: ArchiveHour, expected: u32, found: String },
    #[error("hour {hour}: the plan has {planned} chunks, but there are {receipts} receipts")]
    MissingReceipt { hour: ArchiveHour, planned: usize, receipts: usize },
    /// A chunk lost a record, or counted one twice.
    #[error(
        "hour {hour} chunk {chunk}: {records} records, but {rows} rows + {duplicates} duplicates + {quarantined} quarantined",
        records = counts.records, rows = counts.rows, duplicates = counts.duplicates, quarantined = counts.quarantined
    )]
    Records { hour: ArchiveHour, chunk: u32, counts: RecordCounts },
    /// A chunk has another number of lines than the plan.
    #[error(
        "hour {hour} chunk {chunk}: {found} lines, of them {found_blank} blank, but the plan has {planned} and {planned_blank}"
    )]
    Lines { hour: ArchiveHour, chunk: u32, found: u64, found_blank: u64, planned: u64, planned_blank: u64 },
}

/// Adds up the receipts of an hour and checks that they balance. There must be one receipt for each chunk of `plan`, in its
/// order.
pub fn total(plan: &HourPlan, receipts: &[ChunkReceipt]) -> Result<HourTotals, BalanceError> {
    let hour = plan.hour;
    if receipts.len() != plan.gzip.chunks.len() {
        return Err(BalanceError::MissingReceipt { hour, planned: plan.gzip.chunks.len(), receipts: receipts.len() });
    }
    let chunks = u32::try_from(receipts.len()).expect("a plan has at most MAX_CHUNKS chunks");
    let mut totals = HourTotals { chunks, ..HourTotals::default() };
    let mut types: BTreeMap<String, u64> = BTreeMap::new();
    for (chunk, (planned, receipt)) in (0..).zip(plan.gzip.chunks.iter().zip(receipts)) {
        if (receipt.hour, receipt.version, receipt.chunk) != (hour, plan.version, chunk) {
            let found = format!("{} version {} chunk {}", receipt.hour, receipt.version, receipt.chunk);
            return Err(BalanceError::WrongChunk { hour, expected: chunk, found });
        }
        let counts = receipt.counts;
        if !counts.is_balanced() {
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

    /// A plan with a chunk for each number of lines. One line of each chunk is blank.
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

    /// A receipt that fits the plan: one record per line that is not blank, one duplicate, one bad record.
    fn receipt(chunk: u32, lines: u64) -> ChunkReceipt {
        let counts =
            RecordCounts { lines, blank_lines: 1, records: lines - 1, rows: lines - 3, duplicates: 1, quarantined: 1 };
        let parquet = Some(ChunkObject { key: format!("part-{chunk}"), bytes: 100 });
        let types = BTreeMap::from([("PushEvent".to_owned(), lines - 4), ("WatchEvent".to_owned(), 1)]);
        let (hour, version) = (ArchiveHour::FIRST, "0123456789ab".parse().unwrap());
        ChunkReceipt { hour, version, chunk, counts, types, parquet, quarantine: None }
    }

    #[test]
    fn total_adds_up_all_chunks() {
        let totals = total(&plan(&[10, 20]), &[receipt(0, 10), receipt(1, 20)]).unwrap();
        let counts = RecordCounts { lines: 30, blank_lines: 2, records: 28, rows: 24, duplicates: 2, quarantined: 2 };
        assert_eq!((totals.counts, totals.chunks, totals.parquet_bytes), (counts, 2, 200));
        assert_eq!(totals.types, BTreeMap::from([("PushEvent".to_owned(), 22), ("WatchEvent".to_owned(), 2)]));
        assert_eq!(total(&plan(&[]), &[]), Ok(HourTotals::default()), "an hour without chunks");
    }

    #[test]
    fn total_of_unbalanced_receipts_is_an_error() {
        let with = |change: fn(&mut ChunkReceipt)| {
            let mut changed = receipt(1, 20);
            change(&mut changed);
            vec![receipt(0, 10), changed]
        };
        for (phrase, receipts, message) in [
            ("a missing receipt", vec![receipt(0, 10)], "the plan has 2 chunks, but there are 1 receipts"),
            ("two receipts exchanged", vec![receipt(1, 20), receipt(0, 10)], "expected the receipt of chunk 0"),
            (
                "another version",
                with(|receipt| receipt.version = "ffffffffffff".parse().unwrap()),
                "version ffffffffffff",
            ),
            ("another hour", with(|receipt| receipt.hour = receipt.hour.plus(1)), "found 2011-02-12-1"),
            ("a lost record", with(|receipt| receipt.counts.rows -= 1), "chunk 1: 19 records, but 16 rows"),
            ("an invented row", with(|receipt| receipt.counts.rows += 1), "chunk 1: 19 records, but 18 rows"),
            ("a lost line", with(|receipt| receipt.counts.lines -= 1), "chunk 1: 19 lines, of them 1 blank"),
            ("a line too many blank", with(|receipt| receipt.counts.blank_lines += 1), "20 lines, of them 2 blank"),
        ] {
            let error = total(&plan(&[10, 20]), &receipts).unwrap_err().to_string();
            assert!(error.contains(message), "{phrase}: {error}");
        }
    }

    #[test]
    fn total_counts_rare_types_together() {
        let mut garbage = receipt(0, 10);
        garbage.types = (0..200_u64).map(|number| (format!("T{number:03}"), number + 1)).collect();
        let types = total(&plan(&[10]), &[garbage]).unwrap().types;
        assert_eq!(types.len(), MAX_TYPES + 1);
        assert_eq!(types["T199"], 200, "the most frequent types keep their names");
        assert_eq!(types.values().sum::<u64>(), (1..=200).sum::<u64>(), "no row is lost");
    }
}
