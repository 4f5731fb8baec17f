//! Pages and column chunks of a Parquet file, from values that are already encoded or nearly so.
//!
//! The Parquet crate's own column writers take values one by one, and look each up in a dictionary. Here most values come
//! as numbers of dictionary entries, so that all that is left to do is to pack those. The crate still writes all that is
//! around pages: their headers, the footer, and the indexes.

mod bounds;
mod chunk;
mod hybrid;

pub(crate) use bounds::{Bounds, Order};
pub(crate) use chunk::{ChunkPages, Codec, Encoded, Page};
pub(crate) use hybrid::{bit_width, hybrid};

/// A page holds at most so many rows.
pub(crate) const PAGE_ROWS: usize = 20_000;
