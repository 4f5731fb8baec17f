//! States `ProveHour` and `AddUp` of `prove`: whether what readers see of an hour is what its landed bytes hold.
//!
//! - **Input** ([`Input`]): the name of the proof and an hour; or, to add its hours up, how many there must be.
//! - **Output** ([`Output`]): whether the hour is as it should be; or the sums.
//! - **Reads** the ledger's item, the partition, the landing object and its plan, all Parquet and quarantine objects of the
//!   hour; or the reports of all hours.
//! - **Writes** `reports/ghactivity/prove/<name>/<hour>.json` ([`Report`]) and nothing else.
//!
//! What a published hour's rows must be is worked out anew from the landed bytes (`convert::proof`) and held against the rows
//! of the objects that the partition shows, one by one; so are the bad records. Ledger, catalogue and bucket are held against
//! each other. Where the landed bytes are not there any more (retention), or are those of another version for a reason that
//! the ledger knows (a rollback, a refused file), the rows cannot be worked out: the report says so, and what is left is
//! checked.
//!
//! A second run is safe: it looks again. An hour that is at work meanwhile may look unfinished.

mod compare;
mod context;
mod error;
mod event;
mod handler;
mod hour;
mod inflate;
mod report;
mod sums;

pub use context::Context;
pub use error::ProveError;
pub use event::{Input, Output};
pub use handler::handle;
pub use report::{Finding, Fingerprints, Report, What};
