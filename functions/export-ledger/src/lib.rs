//! The ledger beside the data: one Parquet object a month, which Athena reads as the table `archive_hours`.
//!
//! - **Input** ([`Input`]): changes of the ledger, as its stream hands them out; or a range of hours, to write all months of
//!   it anew.
//! - **Output** ([`Output`]): the months that were written, and their hours.
//! - **Reads** the ledger's items of those months, and the tag of the month's object.
//! - **Writes** `ledger/ghactivity/<year>-<month>.parquet`.
//! - **Fails** with `ExportConflict` if others write the same month again and again. The stream then hands the changes out
//!   once more.
//!
//! # Why what was written last is what was read last
//!
//! Two calls for the same month may overlap, and the one that read the ledger first may write last. Therefore an object is
//! written under the condition that it is still the one whose tag was read before the ledger was: whoever writes has read
//! the ledger after the write before it. A call that finds the object changed reads again.
//!
//! A second run is safe: it writes what the ledger says then.

mod context;
mod error;
mod event;
mod handler;
mod month;
mod table;

pub use context::Context;
pub use error::ExportError;
pub use event::{Input, Output};
pub use handler::handle;
