//! State `Fetch` of `process-hour`: brings an hour into the bucket and plans how to convert it in parallel.
//!
//! Input: an hour, and whether its bytes come from the source or are in the bucket already. Output: the version that the
//! plan leads to, how many chunks it has, and where the bytes came from.
//!
//! One streaming pass: bytes go from the source to the landing object unchanged, and on the way through the digests and
//! the planner. Memory is bounded whatever the hour's length: some parts of an upload, some pieces of the body, and what
//! the planner holds. An upload is completed only when every checksum fits and the plan is made, so that nothing of a bad
//! file ever lands.
//!
//! Side effects: the landing object (not with `"source":"landing"`), then the windows of the access points, then the
//! plan. All three depend on the source's bytes and the options alone, so a second run writes the same again.

pub mod context;
pub mod error;
pub mod event;
pub mod handler;

mod body;
mod checksums;
mod digests;
mod facts;
mod pass;
mod upstream;
