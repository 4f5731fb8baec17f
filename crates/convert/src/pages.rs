//! Pages and column chunks of a Parquet file, from values that are already encoded or nearly so.
//!
//! The Parquet crate's own column writers take values one by one, and look each up in a dictionary. Here most values come
//! as numbers of dictionary entries, so that all that is left to do is to pack those. The crate still writes all that is
//! around pages: their headers, the footer, and the indexes.

mod bounds;
mod chunk;
mod deltas;
mod hybrid;

pub(crate) use bounds::{Bounds, Order};
pub(crate) use chunk::{ChunkPages, Codec, Encoded, EncodedPage, Page};
pub(crate) use deltas::differences;
pub(crate) use hybrid::{bit_width, hybrid};

/// A row group holds at most so many rows, and so does a page. Beyond, dictionaries outgrow the processor's caches, and
/// readers gain nothing.
pub(crate) const GROUP_ROWS: usize = 20_000;
