//! Limits that stop a gzip bomb.

use crate::error::PlanError;

/// The longest text: 64 GiB, some fifty times the largest known hour.
pub const MAX_UNCOMPRESSED_BYTES: u64 = 64 << 30;
/// The highest ratio of a text's length to its file's, beyond [`RATIO_FROM_BYTES`]. Hours have 4 to 8.
pub const MAX_RATIO: u64 = 50;
/// Text up to this length (256 MiB) may have any ratio.
pub const RATIO_FROM_BYTES: u64 = 256 << 20;
/// The longest text of a deflate block (1 GiB). Common compressors stay below 20 MiB. The ratio is checked after each
/// block, so this limit bounds a single block.
pub const MAX_BLOCK_BYTES: u64 = 1 << 30;

#[derive(Clone, Copy)]
pub(crate) struct InflateLimits {
    pub(crate) uncompressed_bytes: u64,
    pub(crate) block_bytes: u64,
    pub(crate) ratio: u64,
    pub(crate) ratio_from_bytes: u64,
}

/// Where a part of a member begins in the gzip file, and its deflate block in the text.
#[derive(Clone, Copy)]
pub(crate) struct BlockStart {
    pub(crate) compressed: u64,
    pub(crate) text: u64,
}

impl Default for InflateLimits {
    fn default() -> Self {
        Self {
            uncompressed_bytes: MAX_UNCOMPRESSED_BYTES,
            block_bytes: MAX_BLOCK_BYTES,
            ratio: MAX_RATIO,
            ratio_from_bytes: RATIO_FROM_BYTES,
        }
    }
}

impl InflateLimits {
    /// Checks the text up to `text_end`, which comes from the block at `start`.
    pub(crate) fn check_text(&self, start: BlockStart, text_end: u64) -> Result<(), PlanError> {
        let limit = if text_end > self.uncompressed_bytes {
            "more than 64 GiB"
        } else if text_end - start.text > self.block_bytes {
            "more than 1 GiB in one deflate block"
        } else {
            return Ok(());
        };
        Err(PlanError::TooLarge { offset: start.compressed, limit })
    }

    /// Checks the ratio at the end of the block at `start`. Between blocks it does not depend on how the bytes arrive.
    pub(crate) fn check_ratio(&self, start: BlockStart, compressed_end: u64, text_end: u64) -> Result<(), PlanError> {
        if text_end > self.ratio_from_bytes && text_end > compressed_end.saturating_mul(self.ratio) {
            let limit = "more than 256 MiB, and more than 50 times its own length";
            return Err(PlanError::TooLarge { offset: start.compressed, limit });
        }
        Ok(())
    }
}
