//! The receipts of chunks and loads: each row is counted once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::chunk::CsvChunk;
use crate::keys;
use crate::plan::{CsvSource, LoadId, LoadPlan};
use crate::rules::LoadOptions;
use crate::types::ColumnType;

/// The counts of rows. They balance if `read = written + duplicate + rejected + skipped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowCounts {
    pub read: u64,
    /// Rows that were written as items.
    pub written: u64,
    /// Valid rows whose id occurs again later in the file.
    pub duplicate: u64,
    /// Rows that are not valid.
    pub rejected: u64,
    /// Rows that were not written because an item of another load has their id.
    pub skipped: u64,
}

impl RowCounts {
    /// Whether each row is counted exactly once.
    pub fn is_balanced(&self) -> bool {
        self.read == self.written + self.duplicate + self.rejected + self.skipped
    }

    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.written += other.written;
        self.duplicate += other.duplicate;
        self.rejected += other.rejected;
        self.skipped += other.skipped;
    }
}

/// The result of loading a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadChunkReceipt {
    pub load_id: LoadId,
    /// From 0.
    pub chunk: u32,
    /// The number of its first row in the file, from 0.
    pub first_row: u64,
    pub counts: RowCounts,
    pub write_units: u64,
}

impl LoadChunkReceipt {
    /// Whether the receipt belongs to `chunk`, has the planned counts, and balances.
    pub fn is_of(&self, load_id: LoadId, chunk: &CsvChunk) -> bool {
        let RowCounts { read, duplicate, rejected, .. } = self.counts;
        let found = (self.load_id, self.first_row, read, duplicate, rejected);
        found == (load_id, chunk.first_row, chunk.rows, chunk.superseded, chunk.rejected) && self.counts.is_balanced()
    }
}

/// The note of a failed chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChunkFailure {
    pub chunk: u32,
    /// The last failure.
    pub failure: LoadFailure,
    /// The execution that called the function.
    pub execution_arn: Option<String>,
    pub noted_at: Timestamp,
}

/// The error of a chunk or a load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadFailure {
    /// The error name of the state machine.
    pub name: String,
    /// With all causes.
    pub message: String,
}

impl LoadFailure {
    /// Whether the state machine retries the error.
    pub fn is_retried(&self) -> bool {
        error_catalog::is_transient(&self.name)
    }
}

/// The receipts of a load do not balance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadBalanceError {
    /// The chunk was not loaded completely.
    #[error("load {load_id} has no receipt of chunk {chunk}")]
    Missing { load_id: LoadId, chunk: u32 },
    /// The counts are not those of the plan.
    #[error("the receipt of chunk {chunk} of load {load_id} is not as planned: from row {first_row} {counts:?}")]
    Chunk { load_id: LoadId, chunk: u32, first_row: u64, counts: RowCounts },
}

/// Adds up the receipts of a load. Each receipt must balance, and must have the planned rows, duplicates and rejected rows.
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

/// The result of a load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadReceipt {
    pub load_id: LoadId,
    pub table: String,
    /// The id that DynamoDB gave the table when it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_id: Option<String>,
    pub source: CsvSource,
    pub options: LoadOptions,
    /// The given or inferred types of all columns that are not text.
    #[serde(default)]
    pub types: BTreeMap<String, ColumnType>,
    pub counts: RowCounts,
    pub write_units: u64,
    pub chunks: Vec<LoadChunkReceipt>,
    /// The key of the rejected rows; absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<String>,
    /// The number of items that the undo deleted; absent unless the load was undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<u64>,
    /// The number of items that the undo found, but did not delete itself: a killed call, a call whose reply was lost, or
    /// another program deleted them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gone: u64,
    /// The time when the load was planned. Every item has it.
    pub ingestion_timestamp: Timestamp,
    /// The time when the load was complete, or undone.
    pub completed_at: Timestamp,
    /// The execution that completed or undid the load.
    pub execution_arn: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl LoadReceipt {
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
