//! Makes gzip files, plans them, and reads their chunks.

use std::io::{Read, Write};

use flate2::{Compression, GzBuilder, read::MultiGzDecoder};
use gzip_plan::{ChunkReader, PlanError, PlanSettings, PlannedFile, Planner};

pub(crate) const WHOLE: PlanSettings = PlanSettings { chunk_records: u32::MAX, max_chunk_bytes: u64::MAX };

pub(crate) fn chunks_of(chunk_records: u32) -> PlanSettings {
    PlanSettings { chunk_records, ..WHOLE }
}

/// A gzip file of one member.
pub(crate) fn gzip(text: &[u8], level: u32) -> Vec<u8> {
    gzip_flushed(&[text], level)
}

/// A gzip file of one member, with a sync flush after each part but the last.
pub(crate) fn gzip_flushed(parts: &[&[u8]], level: u32) -> Vec<u8> {
    let builder = GzBuilder::new().filename("2015-01-01-1.json").mtime(1_420_075_503);
    let mut encoder = builder.write(Vec::new(), Compression::new(level));
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            encoder.flush().unwrap();
        }
        encoder.write_all(part).unwrap();
    }
    encoder.finish().unwrap()
}

pub(crate) fn gunzip(file: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    MultiGzDecoder::new(file).read_to_end(&mut text).unwrap();
    text
}

pub(crate) fn plan(file: &[u8], settings: PlanSettings) -> Result<PlannedFile, PlanError> {
    plan_pushed(file, settings, &[usize::MAX])
}

/// Plans a file that is pushed in pieces of these lengths, in a cycle.
pub(crate) fn plan_pushed(file: &[u8], settings: PlanSettings, pieces: &[usize]) -> Result<PlannedFile, PlanError> {
    let mut planner = Planner::new(settings);
    let mut rest = file;
    for piece in pieces.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (next, after) = rest.split_at(rest.len().min(*piece));
        planner.push(next)?;
        rest = after;
    }
    planner.finish()
}

/// Reads one chunk from its range of the file and its window.
pub(crate) fn read_chunk(file: &[u8], planned: &PlannedFile, chunk: usize) -> std::io::Result<Vec<u8>> {
    let range = &planned.plan.chunks[chunk];
    let compressed = &file[range.compressed_start as usize..range.compressed_end as usize];
    let mut reader = ChunkReader::new(compressed, &planned.plan, chunk as u32, window(planned, chunk))?;
    let mut text = Vec::new();
    reader.read_to_end(&mut text)?;
    Ok(text)
}

pub(crate) fn window(planned: &PlannedFile, chunk: usize) -> Option<&[u8]> {
    let point = &planned.plan.access_points[planned.plan.chunks[chunk].access_point as usize];
    let window = point.window?;
    Some(&planned.windows[window.offset as usize..][..window.length as usize])
}

/// The text of all chunks, each read separately.
pub(crate) fn read_all(file: &[u8], planned: &PlannedFile) -> Vec<u8> {
    (0..planned.plan.chunks.len()).flat_map(|chunk| read_chunk(file, planned, chunk).unwrap()).collect()
}
