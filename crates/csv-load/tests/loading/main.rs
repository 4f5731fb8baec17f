//! Files from bytes to items, without a table.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]

mod bad_files;
mod chunks;
mod dialects;
mod items;
mod support;
