//! State `ConvertChunk` of `process-hour`, one of many at a time: turns one chunk of an hour into rows.
//!
//! Input: an hour, the version that its plan leads to, and the number of a chunk. Output: the chunk's counts.
//!
//! Only the chunk's own bytes of the landing object are read, and only if the object is still the one that was planned.
//! They are inflated, parsed and encoded while they arrive; in memory lie a row group and the finished objects, which the
//! plan's cap on a chunk's bytes bounds. (A line longer than that cap is a chunk of its own, and a file without line feeds
//! one such line: its objects are then as long as the file makes them.)
//!
//! Side effects: the Parquet object if there is a row, the quarantine object if there is a bad record, and last of all the
//! receipt, which says that the chunk is done. Names and bytes depend on the input alone, so a second run, or two at once,
//! write the same again.

pub mod context;
pub mod error;
pub mod event;
pub mod handler;
