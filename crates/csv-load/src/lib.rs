//! The rules for loading a CSV file into a DynamoDB table: how records are read, which rows become items, which of several
//! rows with the same id is stored, and how a load is counted.
//!
//! Invariant: this crate uses no AWS client, clock or network. The result for a row depends on the file's bytes and the
//! [`LoadRules`] alone. It does not depend on the read buffers, the chunk size or the order of chunks.
//!
//! # The last row of the file wins, without conditional writes
//!
//! `BatchWriteItem` has no conditions, and a conditional write costs one call per row. Therefore the planner decides which of
//! several rows with the same id is stored. [`CsvPlanner`] reads the whole file once and judges each row like the loader
//! ([`LoadRules::judge`]). [`DuplicateIdFinder`] sorts a 128-bit hash of each valid row's id on disk. All rows with the same
//! id except the last are *superseded*, and the plan has a bit for each row. A chunk is loaded without its superseded rows,
//! so within a load **no id is written by two rows**. It follows that:
//!
//! - The order of chunks, calls and retries does not matter. A late call of a killed chunk writes the same items as its
//!   successor.
//! - No batch has a key twice, which `BatchWriteItem` would refuse.
//! - The counts of a chunk depend on the file alone. Its receipt is the same after every run, and equals the plan.
//! - Only `on_existing` `skip` and `fail` need conditions. The condition names the load's id, so a load can write its own
//!   items again.

use std::time::Duration;

mod attributes;
mod chunk;
mod delimiter;
mod file;
mod head;
mod header;
mod id;
mod item;
pub mod keys;
pub mod plan;
mod planner;
pub mod receipt;
mod records;
mod rules;
mod superseded;
mod types;

pub use attributes::{LOAD_ATTRIBUTES, LoadAttributes};
pub use chunk::{CsvChunk, MAX_CHUNKS};
pub use delimiter::Delimiter;
pub use file::{CsvFileError, FilePlan, MAX_CHUNK_BYTES, plan_file};
pub use head::{HEAD_BYTES, HeadError};
pub use header::HeaderError;
pub use id::row_id;
pub use item::ItemWriter;
pub use plan::{LoadId, LoadPlan};
pub use planner::{CsvPlanError, CsvPlanner, PlannedCsv, PlannerSettings, QuarantinedRow};
pub use records::{CsvRecord, CsvRecordReader, MAX_RECORD_BYTES, RecordError, RecordPosition};
pub use rules::{EmptyCells, ItemSize, LoadOptions, LoadRules, OnExisting, RowRejectReason};
pub use superseded::{DuplicateIdFinder, SupersededRows, is_set};
pub use types::ColumnType;

/// A call that writes items checks at this interval whether the load is being undone ([`keys::undoing`]).
pub const UNDOING_SEEN_WITHIN: Duration = Duration::from_secs(2);
/// The longest duration of a call that writes items: the time limit of `load-csv-chunk`.
pub const CALL_ENDS_WITHIN: Duration = Duration::from_secs(90);
