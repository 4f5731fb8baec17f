//! State `RegisterPartition`: makes an hour visible to readers, or refuses to.
//!
//! - **Input** ([`Input`]): the hour, the version that its chunks were converted to, where its bytes came from.
//! - **Output** ([`Output`]): the hour and its publication, which the next state commits.
//! - **Reads** the plan, all receipts, the list of the version's folder, the hour's ledger item, the Glue table.
//! - **Writes** one Glue partition whose location is the version's folder: created, or an existing one pointed there by one
//!   update, so that readers see either the old version or the new one.
//! - **Refuses** an hour without a plan (`PlanNotFound`), whose receipts do not add up to its plan (`HourDoesNotBalance`),
//!   whose folder does not hold exactly the objects the receipts name (`ObjectMissing`), or which has fewer rows than the
//!   version it would replace (`HourWouldShrink`, unless forced).
//!
//! A second run is safe: it reads the same documents, finds the partition where it should be, and answers the same.

mod context;
mod error;
mod event;
mod handler;

pub use context::Context;
pub use error::RegisterError;
pub use event::{Input, Output};
pub use handler::handle;
