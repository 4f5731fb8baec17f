//! State `RegisterPartition` of `process-hour`: makes a version of an hour visible, or refuses it.
//!
//! - **Input** ([`Input`]): the hour, the execution, and the converted version with its source; or `roll_back_to`: `previous` or
//!   a version that was visible before.
//! - **Output** ([`Output`]): the hour and its publication, which the next state commits.
//! - **Reads** the ledger item, the plan, all receipts, the list of the version's objects, and the Glue table.
//! - **Writes** the lease of the hour, then one Glue partition whose location is the folder of the version. An existing partition
//!   is moved by one update, so readers see either the old or the new version.
//! - **Fails** with `PartitionConflict`, which the state machine retries, while a run of another version has the lease.
//! - **Refuses** an hour
//!   - without a plan (`PlanNotFound`),
//!   - whose receipts do not add up to its plan (`HourDoesNotBalance`),
//!   - with a missing receipt, or other objects than the receipts name (`ObjectMissing`),
//!   - that another run published in another version meanwhile (`VersionOvertaken`),
//!   - with fewer rows than the version it would replace (`HourWouldShrink`), except with `force` or a rollback,
//!   - whose rollback version was never visible or is incomplete (`VersionNotKept`).
//!
//! A second run is safe: it reads the same documents, finds the partition in place, and returns the same output.
//!
//! # Why readers see what the ledger says
//!
//! Glue has no conditional update. A run that was suspended could move the partition back to a version whose objects are
//! deleted. Therefore three steps happen under one lease of the hour ([`pipeline::lease`]): moving the partition, writing the
//! ledger, and deleting the replaced version. This function takes the lease and `commit-bookmark` gives it back. While a version
//! has the lease, no other version becomes visible. All checks are made under the lease, so their results stay valid.

mod context;
mod error;
mod event;
mod handler;

pub use context::Context;
pub use error::RegisterPartitionError;
pub use event::{Input, Output};
pub use handler::handle;
