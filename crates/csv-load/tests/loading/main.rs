//! What becomes of files, from bytes to items, without a table.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

mod bad_files;
mod chunks;
mod dialects;
mod items;
mod support;
