//! States `FindLoad` and `UndoSegment` of `csv-undo`: deletes the items of a load.
//!
//! - **Input** ([`Input`]): the load, and for `UndoSegment` a segment of its table and the position where an earlier call
//!   stopped.
//! - **Output** ([`Output`]): for `FindLoad` the table and its segments; for `UndoSegment` the number of deleted items, and the
//!   position to continue from.
//! - **Reads** the plan of the load, and a segment of its table.
//! - **Writes**, for `FindLoad`, the undo note, which stops running chunks of the load; it then waits until they have ended. For
//!   `UndoSegment`, its progress, so that a deleted item counts once however often a call is repeated.
//! - **Deletes** items with the id of the load, each under that condition, because another load may write while the table is
//!   read.
//!
//! A second run is safe: it deletes the remaining items. Items that the load replaced are not restored.

mod context;
mod error;
mod event;
mod handler;
mod item_deleter;
mod progress;

pub use context::Context;
pub use error::UndoCsvLoadError;
pub use event::{Input, Output, TableSegment};
pub use handler::handle;
