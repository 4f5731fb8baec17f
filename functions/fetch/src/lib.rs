//! State `Fetch` of `process-hour`: writes an hour to the bucket and plans its parallel conversion.
//!
//! - **Input** ([`Input`]): an hour, and whether its bytes come from the source or from the landing object.
//! - **Output** ([`Output`]): the version that the plan leads to, the number of chunks, and the source of the bytes.
//! - **Reads** the source, or the landing object.
//! - **Writes** the landing object (not with `"source":"landing"`), then the windows of the access points, then the plan. A
//!   landing object that is replaced is copied first.
//!
//! One streaming pass sends the bytes unchanged to the landing object and through the digests and the planner. Memory is bounded
//! for every length: some parts of the upload, some pieces of the body, and the planner's state. The upload is completed only
//! after all checksums match and the plan exists, so an invalid file never lands.
//!
//! A second run is safe: all objects depend only on the bytes of the source and the options, so it writes the same objects.

mod body;
mod checksums;
mod context;
mod digests;
mod error;
mod event;
mod handler;
mod pass;
mod provenance;
mod upstream;

pub use context::{Context, FetchLimits, http_client};
pub use error::FetchError;
pub use event::{BytesFrom, Input, Output};
pub use handler::handle;
