//! Encodes the pages and column chunks of a Parquet file.
//!
//! The Parquet crate's column writers take values one by one and look each up in a dictionary. Here most values already
//! are dictionary indexes, so they only have to be packed. `benches/pages.rs` compares both. The crate still writes
//! everything around the pages: their headers, the indexes and the footer.

mod bounds;
mod chunk;
mod delta_pack;
mod page;
mod rle_bitpack;
mod varint;

pub(crate) use bounds::{Bounds, ValueOrder};
pub(crate) use chunk::{ChunkPages, EncodedChunk};
pub(crate) use delta_pack::delta_pack;
pub(crate) use page::{DataPage, EncodedPage, PageCodec};
pub(crate) use rle_bitpack::bit_width;

/// The maximum rows of a row group and of a page. With more rows, dictionaries outgrow the processor's caches, and
/// readers do not benefit.
pub(crate) const GROUP_ROWS: usize = 20_000;
