//! Any bytes are planned or rejected. The result does not depend on pieces, and the chunks of a plan have the file's
//! text.

#![no_main]

use std::io::{Read, Write};

use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use gzip_plan::{ChunkReader, PlanError, PlanSettings, PlannedFile, Planner};
use libfuzzer_sys::fuzz_target;

fn plan(file: &[u8], settings: PlanSettings, piece: usize) -> Result<PlannedFile, PlanError> {
    let mut planner = Planner::new(settings);
    file.chunks(piece).try_for_each(|piece| planner.push(piece))?;
    planner.finish()
}

fn chunk(file: &[u8], planned: &PlannedFile, number: usize) -> Vec<u8> {
    let chunk = &planned.plan.chunks[number];
    let window = planned.plan.access_points[chunk.access_point as usize].window;
    let window = window.map(|at| &planned.windows[at.offset as usize..at.offset as usize + at.length as usize]);
    let range = &file[chunk.compressed_start as usize..chunk.compressed_end as usize];
    let mut text = Vec::new();
    let mut reader = ChunkReader::new(range, &planned.plan, number as u32, window).expect("the plan is valid");
    reader.read_to_end(&mut text).expect("its chunks inflate");
    text
}

/// A gzip file: the input itself, or the input as text that is compressed here in several members.
fn file(kind: u8, rest: &[u8]) -> Vec<u8> {
    if kind & 1 == 0 {
        return rest.to_vec();
    }
    let text: Vec<u8> = rest.iter().flat_map(|byte| [*byte].repeat(1 + usize::from(kind >> 5))).collect();
    let mut bytes = Vec::new();
    for member in text.chunks(1 + text.len() / (1 + usize::from(kind >> 1 & 3))) {
        let mut encoder = GzEncoder::new(&mut bytes, Compression::new(u32::from(kind >> 3 & 3) * 3));
        for block in member.chunks(1 + member.len() / 3) {
            encoder.write_all(block).and_then(|()| encoder.flush()).expect("writing to memory does not fail");
        }
        encoder.finish().expect("writing to memory does not fail");
    }
    bytes
}

fuzz_target!(|input: &[u8]| {
    let [records, bytes, piece, kind, rest @ ..] = input else { return };
    let settings = PlanSettings { chunk_records: u32::from(*records), max_chunk_bytes: u64::from(*bytes) * 16 };
    let file = file(*kind, rest);
    let whole = plan(&file, settings, file.len().max(1));
    assert!(whole == plan(&file, settings, 1 + usize::from(*piece)), "the pieces change the result");
    let Ok(planned) = whole else { return };
    let mut text = Vec::new();
    let inflated = MultiGzDecoder::new(&file[..file.len() - planned.plan.trailing_zero_bytes as usize]).read_to_end(&mut text);
    assert!(inflated.is_ok(), "a planned file cannot be inflated");
    let chunks: Vec<u8> = (0..planned.plan.chunks.len()).flat_map(|number| chunk(&file, &planned, number)).collect();
    assert!(chunks == text, "the chunks are not the text");
});
