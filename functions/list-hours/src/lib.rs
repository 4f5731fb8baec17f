//! States `ListHours` and `Account` of `backfill`: lists the hours of a range to run, and the hours that stayed open.
//!
//! - **Input** ([`Input`]): the first and last hour, whether published hours are run again, and the name of the manifest, if one
//!   is requested.
//! - **Output** ([`Output`]): the number of hours to run, the address of the manifest, the number of hours per ledger status, and
//!   the first open hours.
//! - **Reads** the ledger items of the range.
//! - **Writes** the manifest, a JSON array of `{"hour": "2025-11-21-0"}`, oldest first.
//!
//! A second run is safe: it reads the current ledger and overwrites the manifest.

mod context;
mod error;
mod event;
mod handler;

pub use context::Context;
pub use error::ListHoursError;
pub use event::{HoursManifest, Input, Output, StatusCounts};
pub use handler::handle;
