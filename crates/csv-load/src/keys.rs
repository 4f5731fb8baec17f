//! All object keys of the upload bucket. No other module builds a key.

use crate::plan::LoadId;

/// Files under this prefix are loaded automatically.
pub const UPLOADS: &str = "raw/";

/// Files under this prefix are loaded on request.
pub const INCOMING: &str = "incoming/";

/// The prefix of all objects of a load.
pub fn prefix(load: LoadId) -> String {
    format!("loads/{load}/")
}

/// A [`crate::LoadPlan`] as JSON.
pub fn plan(load: LoadId) -> String {
    format!("loads/{load}/plan.json")
}

/// The chunks, the input of the Distributed Map: a JSON array of `{"chunk": 0}`.
pub fn manifest(load: LoadId) -> String {
    format!("loads/{load}/manifest.json")
}

/// The bits of superseded rows, chunk by chunk.
pub fn superseded(load: LoadId) -> String {
    format!("loads/{load}/superseded.bin")
}

/// The plan of a gzip file (crate `gzip-plan`).
pub fn gzip_plan(load: LoadId) -> String {
    format!("loads/{load}/gzip.json")
}

/// The windows of its access points.
pub fn gzip_windows(load: LoadId) -> String {
    format!("loads/{load}/gzip.windows")
}

/// The rejected rows, one JSON object per line.
pub fn quarantine(load: LoadId) -> String {
    format!("loads/{load}/quarantine.jsonl")
}

pub fn chunk_receipts_prefix(load: LoadId) -> String {
    format!("loads/{load}/chunks/")
}

pub fn chunk_receipt(load: LoadId, chunk: u32) -> String {
    format!("loads/{load}/chunks/{chunk:05}.json")
}

/// The last failure of a chunk.
pub fn chunk_failure(load: LoadId, chunk: u32) -> String {
    format!("loads/{load}/failures/{chunk:05}.json")
}

pub fn chunk_failures_prefix(load: LoadId) -> String {
    format!("loads/{load}/failures/")
}

/// The prefix of the notes of all calls that write items into a table.
pub fn writers_of_table(table: &str) -> String {
    format!("writing/{table}/")
}

/// The prefix of the notes of one load.
pub fn writers_of_load(table: &str, load: LoadId) -> String {
    format!("writing/{table}/{load}/")
}

/// The note of a call that writes items of a chunk. `until` is the latest end of the call in nanoseconds since 1970.
pub fn writer(table: &str, load: LoadId, chunk: u32, until: i128) -> String {
    format!("writing/{table}/{load}/{until}-{chunk:05}")
}

/// The latest end of the call that wrote the note, in nanoseconds since 1970.
pub fn writer_until(key: &str) -> Option<i128> {
    key.rsplit('/').next()?.split_once('-')?.0.parse().ok()
}

pub fn receipt(load: LoadId) -> String {
    format!("loads/{load}/receipt.json")
}

/// While this object exists, the load is being undone and no call continues it. Its content does not matter.
pub fn undoing(load: LoadId) -> String {
    format!("loads/{load}/undoing.json")
}

/// The progress in one segment of the table while the load is being undone.
pub fn undo_progress(load: LoadId, segment: u32, segments: u32) -> String {
    format!("loads/{load}/undo/{segment:05}-of-{segments:05}.json")
}

/// The receipt of a load that was undone.
pub fn undone(load: LoadId) -> String {
    format!("undone/{load}.json")
}
