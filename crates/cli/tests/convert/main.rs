//! Runs `ghactivity convert` as a process.
#![allow(clippy::unwrap_used)] // Allowed in tests, and these helpers serve nothing else.

mod identical;
mod memory;
mod real_files;
mod safety;
mod sources;
mod support;
mod terminal;
mod usage;
