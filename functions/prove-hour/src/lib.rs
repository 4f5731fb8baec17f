//! States `ProveHour` and `AddUp` of `prove`: checks that the visible rows of an hour equal its landing bytes.
//!
//! - **Input** ([`Input`]): the name of the proof and an hour, or the number of hours whose reports are added up.
//! - **Output** ([`Output`]): whether the hour has no findings, or the sums.
//! - **Reads** the ledger item, the partition, the landing object and its plan, and all Parquet and quarantine objects of the
//!   hour; or the reports of all hours.
//! - **Writes** `reports/ghactivity/prove/<name>/<hour>.json` ([`ProofReport`]).
//!
//! The expected rows of a published hour are recomputed from the landing bytes (`convert::proof`) and compared one by one with
//! the rows of the objects that the partition shows. Bad records are compared with the quarantine, and ledger, catalog and
//! bucket with each other. The rows cannot be recomputed if the landing bytes were deleted (retention), or belong to another
//! version for a reason in the ledger (a rollback, a refused file). The report then names the reason, and the remaining checks
//! are made.
//!
//! A second run is safe: it checks again and overwrites the report. An hour that a run is changing may have findings.

mod context;
mod error;
mod event;
mod handler;
mod hour;
mod inflate;
mod report;
mod row_differences;
mod sums;

pub use context::Context;
pub use error::ProveHourError;
pub use event::{Input, Output};
pub use handler::handle;
pub use report::{FindingKind, Fingerprints, ProofFinding, ProofReport};
