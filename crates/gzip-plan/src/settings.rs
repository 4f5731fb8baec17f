//! How a file is divided into chunks.

/// When a chunk ends.
#[derive(Clone, Copy, Debug)]
pub struct PlanSettings {
    /// After this many lines that are not blank; 0 counts as 1.
    pub chunk_records: u32,
    /// Before the line with which its text would be longer than this. A longer line is a chunk by itself.
    pub max_chunk_bytes: u64,
}
