//! The rules of loading a CSV file into a DynamoDB table: what a record is, which rows become items, which of several rows
//! with one id stays, and how a load is accounted for.
//!
//! Invariant: this crate knows no AWS, clock or network. What becomes of a row follows from the file's bytes and the
//! [`LoadRules`] alone, never from how the bytes arrive, how the file is cut into chunks or which chunk runs first.
//!
//! # How the last row of the file wins without a condition on any write
//!
//! `BatchWriteItem` takes no conditions, and a conditional write costs a call for each row. So the question which of several
//! rows with an equal id stays is not left to the table. [`CsvPlanner`] reads the whole file once, judges every row as the
//! loader will ([`LoadRules::judge`]), and sorts a 128-bit hash of each fitting row's id outside of memory ([`DuplicateIdFinder`]): of
//! the rows with one id all but the last are *superseded*, and the plan has a bit for each of them. A chunk is loaded
//! without its superseded rows, so within a load **no id is written by two rows**. From that follows all the rest:
//!
//! - the order in which chunks, calls and retries take effect does not matter, and neither does a late call of a chunk that
//!   was killed: whatever it writes is what its successor writes;
//! - no batch has a key twice, which `BatchWriteItem` would refuse;
//! - a chunk's counts are a function of the file, so its receipt is the same however often it runs, and must be equal to what
//!   the plan foresaw;
//! - only `on_existing` `skip` and `fail` need conditions, which are on the load's own id: an item of this very load may be
//!   written again.

use std::time::Duration;

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

pub use delimiter::Delimiter;
pub use file::{CsvFileError, FilePlan, MAX_CHUNK_BYTES, plan_file};
pub use head::{HEAD_BYTES, HeadError};
pub use header::HeaderError;
pub use id::row_id;
pub use item::{ItemWriter, LOAD_ATTRIBUTES, LoadAttributes};
pub use plan::{LoadId, LoadPlan};
pub use planner::{CsvPlanError, CsvPlanner, PlannedCsv, PlannerSettings, QuarantinedRow};
pub use records::{CsvRecord, CsvRecordReader, MAX_RECORD_BYTES, RecordError, RecordPosition};
pub use rules::{EmptyCells, ItemSize, LoadOptions, LoadRules, OnExisting, RowRejectReason};
pub use superseded::{DuplicateIdFinder, SupersededRows, is_set};
pub use types::ColumnType;

/// Whoever writes items of a load looks so often whether it is being undone ([`keys::undoing`]).
pub const UNDOING_SEEN_WITHIN: Duration = Duration::from_secs(2);
/// A call that writes items is over after so long, whatever becomes of it: the time limit of `load-csv-chunk`.
pub const CALL_ENDS_WITHIN: Duration = Duration::from_secs(90);
