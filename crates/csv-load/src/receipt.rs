//! What a load was: every row is accounted for, by chunk and in all.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::keys;
use crate::plan::{CsvChunk, CsvSource, LoadId, LoadPlan};
use crate::rules::LoadOptions;
use crate::types::ColumnType;

/// What became of rows: `read = written + duplicate + rejected + skipped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowCounts {
    /// Rows.
    pub read: u64,
    /// Rows that are items now.
    pub written: u64,
    /// Rows whose id a later row of the file has.
    pub duplicate: u64,
    /// Rows that do not fit.
    pub rejected: u64,
    /// Rows whose id an item of another load had.
    pub skipped: u64,
}

impl RowCounts {
    /// Whether every row is accounted for once.
    pub fn balance(&self) -> bool {
        self.read == self.written + self.duplicate + self.rejected + self.skipped
    }

    /// Adds other rows.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.written += other.written;
        self.duplicate += other.duplicate;
        self.rejected += other.rejected;
        self.skipped += other.skipped;
    }
}

/// What a chunk was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadChunkReceipt {
    /// The load.
    pub load_id: LoadId,
    /// The chunk's number.
    pub chunk: u32,
    /// Number of its first row in the file, from 0.
    pub first_row: u64,
    /// Its rows.
    pub counts: RowCounts,
    /// Write units of its items.
    pub write_units: u64,
}

impl LoadChunkReceipt {
    /// Whether it is that of a chunk of a load: of the same rows, and all of them accounted for.
    pub fn is_of(&self, load_id: LoadId, chunk: &CsvChunk) -> bool {
        let RowCounts { read, duplicate, rejected, .. } = self.counts;
        let found = (self.load_id, self.first_row, read, duplicate, rejected);
        found == (load_id, chunk.first_row, chunk.rows, chunk.superseded, chunk.rejected) && self.counts.balance()
    }
}

/// The note of a chunk that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChunkFailure {
    /// The chunk's number.
    pub chunk: u32,
    /// Why it failed, the last time that it did.
    pub failure: LoadFailure,
    /// The execution that it was run for.
    pub execution_arn: Option<String>,
    /// When it failed.
    pub noted_at: Timestamp,
}

/// Why a chunk or a load failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadFailure {
    /// The error's stable name.
    pub name: String,
    /// Its message, with all causes.
    pub message: String,
}

impl LoadFailure {
    /// Whether the state machine tries again what failed like this.
    pub fn is_tried_again(&self) -> bool {
        ["AwsThrottled", "AwsTimeout", "AwsUnavailable"].contains(&self.name.as_str())
    }
}

/// A load does not add up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadBalanceError {
    /// A chunk was not loaded to its end.
    #[error("load {load_id} has no receipt of chunk {chunk}")]
    Missing {
        /// The load.
        load_id: LoadId,
        /// The chunk.
        chunk: u32,
    },
    /// A receipt is not that of its chunk.
    #[error("the receipt of chunk {chunk} of load {load_id} is not as planned: from row {first_row} {counts:?}")]
    Chunk {
        /// The load.
        load_id: LoadId,
        /// The chunk.
        chunk: u32,
        /// What the receipt says.
        first_row: u64,
        /// What the receipt says.
        counts: RowCounts,
    },
}

/// Adds up a load. Each chunk must balance, and have the rows, duplicates and rejected rows that the plan found on its own.
///
/// # Errors
/// If it does not add up.
pub fn total(plan: &LoadPlan, receipts: &[LoadChunkReceipt]) -> Result<RowCounts, LoadBalanceError> {
    let load_id = plan.load_id;
    let receipts: BTreeMap<u32, &LoadChunkReceipt> = receipts.iter().map(|receipt| (receipt.chunk, receipt)).collect();
    let mut total = RowCounts::default();
    for (planned, chunk) in plan.chunks.iter().zip(0..) {
        let Some(receipt) = receipts.get(&chunk) else { return Err(LoadBalanceError::Missing { load_id, chunk }) };
        if !receipt.is_of(load_id, planned) {
            let LoadChunkReceipt { first_row, counts, .. } = **receipt;
            return Err(LoadBalanceError::Chunk { load_id, chunk, first_row, counts });
        }
        total.add(&receipt.counts);
    }
    Ok(total)
}

/// The receipt of a load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadReceipt {
    /// The load.
    pub load_id: LoadId,
    /// The table.
    pub table: String,
    /// The table's own id, which DynamoDB gives to each that is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_id: Option<String>,
    /// The file.
    pub source: CsvSource,
    /// What its owner wanted.
    pub options: LoadOptions,
    /// Types of the columns that are no text, given or inferred.
    #[serde(default)]
    pub types: BTreeMap<String, ColumnType>,
    /// All rows.
    pub counts: RowCounts,
    /// Write units of all items.
    pub write_units: u64,
    /// The chunks.
    pub chunks: Vec<LoadChunkReceipt>,
    /// Where rows that do not fit are listed, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<String>,
    /// Items that were deleted, if the load was undone: those that are known to have been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<u64>,
    /// Items of it that were found and were gone before they could be deleted: by a call that was killed or whose answer was
    /// lost, or by somebody else.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gone: u64,
    /// When the load was planned; every item has it.
    pub ingestion_timestamp: Timestamp,
    /// When it was complete, or undone.
    pub completed_at: Timestamp,
    /// The execution that completed or undid it.
    pub execution_arn: String,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl LoadReceipt {
    /// The receipt of a load whose chunks add up to these counts.
    pub fn new(
        plan: LoadPlan,
        counts: RowCounts,
        chunks: Vec<LoadChunkReceipt>,
        completed_at: Timestamp,
        execution_arn: String,
    ) -> Self {
        let LoadPlan { load_id, table, table_id, source, options, rules, ingestion_timestamp, .. } = plan;
        let write_units = chunks.iter().map(|chunk| chunk.write_units).sum();
        let quarantine = (counts.rejected > 0).then(|| keys::quarantine(load_id));
        Self {
            load_id,
            table,
            table_id,
            source,
            options,
            types: rules.typed().collect(),
            counts,
            write_units,
            chunks,
            quarantine,
            undone: None,
            gone: 0,
            ingestion_timestamp,
            completed_at,
            execution_arn,
        }
    }
}
