//! What becomes of files, from bytes to items, without a table.

mod bad_files;
mod chunks;
mod dialects;
mod items;
mod support;
