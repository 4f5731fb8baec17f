//! Runs `ghactivity convert` as a process.
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "test data is small")]

mod identical;
mod memory;
mod real_files;
mod safety;
mod sources;
mod support;
mod terminal;
mod usage;
