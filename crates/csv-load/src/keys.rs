//! Where everything of a load lies in the upload bucket. The only place that spells an object key.

use crate::plan::LoadId;

/// Files that are put here are loaded by themselves.
pub const UPLOADS: &str = "raw/";

/// Files that are put here are loaded when somebody asks for it.
pub const INCOMING: &str = "incoming/";

/// All of a load.
pub fn prefix(load: LoadId) -> String {
    format!("loads/{load}/")
}

/// The plan: a [`crate::LoadPlan`] as JSON.
pub fn plan(load: LoadId) -> String {
    format!("loads/{load}/plan.json")
}

/// The chunks, for the Distributed Map over them: a JSON array of `{"chunk": 0}`.
pub fn manifest(load: LoadId) -> String {
    format!("loads/{load}/manifest.json")
}

/// The bits of rows that are superseded, chunk by chunk.
pub fn superseded(load: LoadId) -> String {
    format!("loads/{load}/superseded.bin")
}

/// The plan of a gzip file, as the crate `gzip-plan` makes it.
pub fn gzip_plan(load: LoadId) -> String {
    format!("loads/{load}/gzip.json")
}

/// The windows of its access points.
pub fn gzip_windows(load: LoadId) -> String {
    format!("loads/{load}/gzip.windows")
}

/// The rows that do not fit, a JSON object a line.
pub fn quarantine(load: LoadId) -> String {
    format!("loads/{load}/quarantine.jsonl")
}

/// The prefix of the chunks' receipts.
pub fn chunk_receipts_prefix(load: LoadId) -> String {
    format!("loads/{load}/chunks/")
}

/// A chunk's receipt.
pub fn chunk_receipt(load: LoadId, chunk: u32) -> String {
    format!("loads/{load}/chunks/{chunk:05}.json")
}

/// Why a chunk failed, the last time that it did.
pub fn chunk_failure(load: LoadId, chunk: u32) -> String {
    format!("loads/{load}/failures/{chunk:05}.json")
}

/// The load's receipt.
pub fn receipt(load: LoadId) -> String {
    format!("loads/{load}/receipt.json")
}

/// Says that the load is being undone, so that nobody goes on with it: an object without content that matters.
pub fn undoing(load: LoadId) -> String {
    format!("loads/{load}/undoing.json")
}

/// What is left of a load that was undone.
pub fn undone(load: LoadId) -> String {
    format!("undone/{load}.json")
}
