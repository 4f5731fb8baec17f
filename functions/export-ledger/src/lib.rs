//! Exports the ledger: one Parquet object per month, which Athena reads as the table `archive_hours`.
//!
//! The stream of the ledger table calls it; it is not a state of a state machine.
//!
//! - **Input** ([`Input`]): changes of the ledger from its stream, or a range of hours whose months are written.
//! - **Output** ([`Output`]): the written months and the number of their hours.
//! - **Reads** the ledger items of those months, and the ETag of each month's object.
//! - **Writes** `ledger/ghactivity/<year>-<month>.parquet`.
//! - **Fails** with `ExportConflict` if other calls keep writing the same month. The stream then delivers the changes again.
//!
//! A second run is safe: it writes the current content of the ledger.
//!
//! # Why the last write has the last read
//!
//! Two calls for the same month may overlap, and the one that read the ledger first may write last. Therefore a call reads the
//! object's ETag, then the ledger, and writes under the condition that the ETag is unchanged. So every writer has read the ledger
//! after the previous write. If the object changed, the call reads again.

mod context;
mod error;
mod event;
mod handler;
mod month;
mod table;

pub use context::Context;
pub use error::ExportLedgerError;
pub use event::{Input, Output};
pub use handler::handle;
