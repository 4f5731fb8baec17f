//! State `RegisterPartition`: makes an hour visible to readers, or refuses to.
//!
//! - **Input** ([`Input`]): the hour, the version that its chunks were converted to, where its bytes came from, the execution;
//!   or, in place of version and source, `roll_back_to`: `previous`, or a version that readers saw before.
//! - **Output** ([`Output`]): the hour and its publication, which the next state commits.
//! - **Reads** the hour's ledger item, the plan, all receipts, the list of the version's folder, the Glue table.
//! - **Writes** the hour's lease, then one Glue partition whose location is the version's folder: created, or an existing one
//!   pointed there by one update, so that readers see either the old version or the new one.
//! - **Waits** (`PartitionConflict`, which the state machine tries again) while a run of another version has the lease.
//! - **Refuses** an hour without a plan (`PlanNotFound`), whose receipts do not add up to its plan (`HourDoesNotBalance`),
//!   without a receipt or whose folder does not hold exactly the objects the receipts name (`ObjectMissing`), that another
//!   run published in another version meanwhile (`VersionOvertaken`), or that has fewer rows than the version it would
//!   replace (`HourWouldShrink`, unless forced or rolled back to); a rollback to a version that readers never saw or that is
//!   not whole any more (`VersionNotKept`).
//!
//! A second run is safe: it reads the same documents, finds the partition where it should be, and answers the same.
//!
//! # Why readers see what the ledger says
//!
//! Glue has no conditional update: a run that was stopped for a while could move the partition back to a version whose
//! objects are gone. Therefore the partition is moved, the ledger written and the replaced version deleted under one lease
//! of the hour ([`pipeline::lease`]), which this function takes and `commit-bookmark` gives back. While a version has it, no
//! other version is made visible; and every check here is made under it, so that what was checked stays so.

mod context;
mod error;
mod event;
mod handler;

pub use context::Context;
pub use error::RegisterError;
pub use event::{Input, Output};
pub use handler::handle;
