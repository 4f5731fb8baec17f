//! State `CommitBookmark` of `process-hour`: records how a run of an hour ended.
//!
//! - **Input** ([`Input`]): the hour, the job, the execution, and the outcome: a publication or a failure.
//! - **Output** ([`Output`]): the status and verdict of the hour, and the bookmark of the job.
//! - **Reads** the ledger item and the lease of the hour, the job, the run's history item, the ledger from the bookmark to the
//!   first hour that is not settled, and the same hour of earlier days; after a refusal also the partition.
//! - **Writes** ledger, run history and bookmark in one transaction. Then it deletes objects and gives the lease back.
//! - **Fails** with the name of the recorded failure, so that the execution fails visibly. It returns a status instead for
//!   `SourceNotPublished`, and for an execution that was redriven after the failure (`retrying`). An hour that is not over is
//!   `InvalidInput`, and nothing is recorded.
//!
//! # The lease
//!
//! `register-partition` took the lease of the hour. It keeps the partition and the objects consistent with the ledger, so this
//! function commits a new version (`LeaseLost` otherwise) and deletes objects only as its holder. It deletes:
//!
//! - the objects of replaced versions, except the `KEEP_VERSIONS` newest ones;
//! - objects of versions that the ledger does not name, which failed attempts left behind. The next publication deletes
//!   them. After `HourWouldShrink` or `HourDoesNotBalance` of a published hour, this call deletes them under a lease for the
//!   published version, if the partition shows that version.
//!
//! # Why a second run is safe
//!
//! Every write is decided from a snapshot and has the condition that the snapshot is still current. If it is not, or if another
//! transaction is changing the same items, the function reads and decides again. A second run writes nothing for a recorded
//! run: the same publication leaves the ledger item unchanged, and the key of the history item depends on the execution.
//!
//! # Why no bookmark is left behind
//!
//! Say hours 5 and 6 are committed at the same time, with the bookmark at 4. Hour 5 moves it to 5, because it sees hour 6 as not
//! settled. Hour 6 does not move it, because it sees hour 5 as not settled. These transactions touch different items, so both
//! could succeed, and the bookmark would stay at 5 although hour 6 is settled. Therefore each transaction that settles an hour
//! or moves the bookmark also checks the item of the hour that stops the bookmark: it must be unchanged, or still absent. Here
//! hour 5 checks hour 6, and hour 6 checks hour 5. The second one fails its check, reads again, and moves the bookmark to 6.
//!
//! In general, settled hours stay settled. At the moment of the transaction, all hours before the stopping hour are settled and
//! the stopping hour is not, so the bookmark belongs directly before it. If the bookmark moves, it moves exactly there, under the
//! condition that it is where it was read. If it does not move, it was there already.
//!
//! A job without an item (an hour was processed by hand before the first ingest) has no bookmark. The first hour committed after
//! the item exists moves the bookmark past all settled hours.

mod cleanup;
mod context;
mod decision;
mod error;
mod event;
mod handler;
mod lease_guard;
mod metrics;
mod snapshot;

pub use context::Context;
pub use decision::CommitRules;
pub use error::CommitBookmarkError;
pub use event::{CommitStatus, Input, Output, RunOutcome};
pub use handler::handle;
