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

/// The prefix of those.
pub fn chunk_failures_prefix(load: LoadId) -> String {
    format!("loads/{load}/failures/")
}

/// The prefix of the notes of calls that write items into a table, of all loads.
pub fn writers_of_table(table: &str) -> String {
    format!("writing/{table}/")
}

/// The prefix of those of one load.
pub fn writers_of_load(table: &str, load: LoadId) -> String {
    format!("writing/{table}/{load}/")
}

/// The note of a call that writes items of a chunk. Its name says until when that may be: nanoseconds since 1970.
pub fn writer(table: &str, load: LoadId, chunk: u32, until: i128) -> String {
    format!("writing/{table}/{load}/{until}-{chunk:05}")
}

/// Until when the call may write that has this note.
pub fn writer_until(key: &str) -> Option<i128> {
    key.rsplit('/').next()?.split_once('-')?.0.parse().ok()
}

/// The load's receipt.
pub fn receipt(load: LoadId) -> String {
    format!("loads/{load}/receipt.json")
}

/// Says that the load is being undone, so that nobody goes on with it: an object without content that matters.
pub fn undoing(load: LoadId) -> String {
    format!("loads/{load}/undoing.json")
}

/// How far a segment of the table is gone through while the load is being undone.
pub fn undo_progress(load: LoadId, segment: u32, segments: u32) -> String {
    format!("loads/{load}/undo/{segment:05}-of-{segments:05}.json")
}

/// What is left of a load that was undone.
pub fn undone(load: LoadId) -> String {
    format!("undone/{load}.json")
}
