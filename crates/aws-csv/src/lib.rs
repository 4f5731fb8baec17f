//! CSV loads in DynamoDB and S3: the items of the target table, the load history, and the notes of calls that write.

mod items;
mod loads;
mod writers;

pub use items::{Deletion, Items, KeyPage, MAX_PUTS, PutBatch};
pub use loads::{FailedLoadItem, LoadItem, Loads, read_plan};
pub use writers::{WriterNote, wait_for_writers};
