//! States `ListHours` and `Account` of `backfill`: which hours of a range are to be run, and which are left open.
//!
//! - **Input** ([`Input`]): the first and the last hour, whether published hours are run again, and the name of the manifest
//!   if one is wanted.
//! - **Output** ([`Output`]): how many hours are to be run, where the manifest lists them, what the ledger says of all hours
//!   of the range, and the first of those that are not accounted for.
//! - **Reads** the ledger's items of the range.
//! - **Writes** the manifest, a JSON array of `{"hour": "2025-11-21-0"}`, oldest first, and nothing else.
//!
//! A second run is safe: it answers by what the ledger says then.

mod context;
mod error;
mod event;
mod handler;

pub use context::Context;
pub use error::ListHoursError;
pub use event::{Input, Manifest, Output, Statuses};
pub use handler::handle;
