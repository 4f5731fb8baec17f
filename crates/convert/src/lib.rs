//! Converts a chunk's text to a Parquet file and a quarantine file.
//!
//! Invariant: this crate uses no AWS, clock or network, and its output depends only on the text and the [`ChunkSpec`].
//! How the text arrives in reads makes no difference, nor does the chunk that was converted before. The caller inflates
//! the text.
//!
//! The modules in the order of a record's path:
//!
//! 1. `records` splits the text into records and recognizes canonical events (`canonical_event`, `canonical_entity`).
//! 2. `decode` checks any other record and finds its fields; `shape` turns each of the three historic shapes into one
//!    `row`.
//! 3. `columns` collects the rows of a row group, `pages` encodes them, and `parquet_file` assembles the file.
//! 4. `quarantine` stores rejected records unchanged; `reject` lists the reasons.
//!
//! `chunk` connects these steps. `proof` reads the files back and computes independently which rows they must hold.

#[doc(hidden)]
pub mod bench_stages;
mod canonical_entity;
mod canonical_event;
mod chunk;
mod columns;
mod compression;
mod decode;
mod error;
mod integer;
mod json_error;
mod pages;
mod parquet_file;
pub mod proof;
mod quarantine;
mod records;
mod reject;
mod row;
mod shape;
mod short_bytes;
mod timestamp;
mod type_counts;

pub use chunk::{ChunkConverter, ChunkSpec, ConvertedChunk, convert_chunk};
pub use columns::schema;
pub use compression::Compression;
pub use error::{ConvertError, ConvertOutput};
