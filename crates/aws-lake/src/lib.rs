//! The lake's tables in DynamoDB and its partitions in Glue.
//!
//! Tables: the ledger of hours with their leases, the jobs, and the run history; [`LakeTables::commit`] changes all three in
//! one transaction. Every read is strongly consistent, because each write has a condition on what was read.

mod commit;
mod jobs;
mod leases;
mod ledger;
mod partitions;
mod runs;

pub use commit::{BookmarkMove, Commit, CommitError, LakeTables, LedgerPut, RunPut};
pub use jobs::Jobs;
pub use leases::{LeaseError, LeaseHolder, LeaseSnapshot, Leases};
pub use ledger::{HourMark, Ledger};
pub use partitions::{PartitionError, Partitions, glue_client};
pub use runs::Runs;
