//! Runs `ghactivity convert` as a process.
#![allow(clippy::unwrap_used)] // Allowed in tests, and these helpers serve nothing else.
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "test data is small")]

mod identical;
mod memory;
mod real_files;
mod safety;
mod sources;
mod support;
mod terminal;
mod usage;
