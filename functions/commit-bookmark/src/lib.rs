//! State `CommitBookmark`: records how a run ended.
//!
//! - **Input** ([`Input`]): the hour, the job, the execution, and the outcome: a publication or a failure.
//! - **Output** ([`Output`]): the hour's status and verdict, and the job's bookmark.
//! - **Reads** the hour's ledger item and lease (and, after a refusal, its partition), the job's item, the run's history item, the ledger from the bookmark to the first hour
//!   that is not settled, and the same hour of the days before.
//! - **Writes** ledger, run history and bookmark in one transaction; then deletes the objects of replaced versions beyond the
//!   `KEEP_VERSIONS` newest ones, and gives the hour's lease back. Both only as the holder of the lease that `register-partition` took: it is
//!   what keeps the partition and the objects as the ledger says they are. Objects of no version that the ledger knows, which
//!   failed attempts have left behind, go too: with the next publication, and after a refusal (`HourWouldShrink`,
//!   `HourDoesNotBalance`) of a published hour at once, under a lease of its published version, if that is what readers see. A version that becomes the hour's is committed
//!   under it alone (`LeaseLost` otherwise, and the state machine makes the hour again).
//! - **Fails** on purpose: after a failure was recorded, the function returns an error with the failure's own name, so that
//!   the execution fails visibly. Not so for `SourceNotPublished`, which is an answer, nor in an execution that was redriven
//!   since the failure: the status is then `retrying`, and the execution goes back to work. Nor for an hour that is not over:
//!   that is `InvalidInput`, and nothing is recorded.
//!
//! # Why a second run is safe
//!
//! All that is written is decided from what was read, under the condition that it is still so. If it is not, or another
//! transaction is at work on the same items, the function reads again and decides again. A run that is already recorded
//! writes nothing: the same publication leaves the ledger's item as it is, and the history's key is made of the execution.
//!
//! # Why no bookmark is left behind
//!
//! Say hours 5 and 6 are committed at once, with the bookmark at 4. Hour 5 moves it to 5, as it sees hour 6 not settled.
//! Hour 6 does not move it, as it sees hour 5 not settled. These two transactions touch different items, so both could
//! succeed: the bookmark would stand at 5 with 6 settled. Therefore each transaction that settles an hour or moves the
//! bookmark also checks the item of the hour that stops the bookmark: it must still be as it was seen, or still be absent.
//! Here hour 5 checks that 6 is as before, and hour 6 that 5 is. Whichever comes second fails that check, reads again, and
//! moves the bookmark to 6.
//!
//! In general: settled hours stay settled, so at the moment of the transaction all hours up to the one before the stop are
//! settled, and the stop is not. The bookmark cannot be further than that, and is not nearer either: if it moves, it moves
//! exactly there, under the condition that it stands where it was read; if it does not, it stood there already.
//!
//! A job that has no item yet (an hour processed by hand before the first ingest) has no bookmark to move: its hours are in
//! the ledger, and the first hour committed after the job's item exists takes the bookmark past all of them.

mod cleanup;
mod context;
mod decision;
mod error;
mod event;
mod handler;
mod measures;
mod seen;
mod turn;

pub use context::Context;
pub use decision::Rules;
pub use error::CommitBookmarkError;
pub use event::{Input, Outcome, Output, Status};
pub use handler::handle;
