//! States `FindLoad` and `UndoSegment` of `csv-undo`: the items of a load are deleted again.
//!
//! - **Input** ([`Input`]): the load, and for `UndoSegment` a segment of its table and where an earlier call stopped.
//! - **Output** ([`Output`]): for `FindLoad` the table and its segments; for `UndoSegment` how many items were deleted, and
//!   where to go on.
//! - **Reads** the load's plan, and a segment of its table.
//! - **Writes**, for `FindLoad`, a note that the load is being undone, which ends chunks of it that still run, and waits until
//!   they have ended.
//!   For `UndoSegment`, how far it is: what was deleted is counted once, however often a call is made again.
//! - **Deletes** items that have the load's id, and no others: each on that condition, as another load may write one while the
//!   table is read.
//!
//! A second run is safe: it finds what is left. What the load's rows took the place of does not come back.

mod context;
mod deleting;
mod error;
mod event;
mod handler;
mod progress;

pub use context::Context;
pub use error::UndoCsvLoadError;
pub use event::{Input, Output, Segment};
pub use handler::handle;
