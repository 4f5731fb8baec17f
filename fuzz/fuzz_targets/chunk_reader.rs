//! A chunk reader with a damaged range, window or plan returns the planned text or an error, and never panics.

#![no_main]

use std::io::{Read, Write};

use flate2::{Compression, write::GzEncoder};
use gzip_plan::{ChunkReader, PlanSettings, PlannedFile, Planner};
use libfuzzer_sys::fuzz_target;

fn planned(text: &[u8], records: u8) -> (Vec<u8>, PlannedFile) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    for part in text.chunks(1 + text.len() / 4) {
        encoder.write_all(part).and_then(|()| encoder.flush()).expect("writing to memory does not fail");
    }
    let file = encoder.finish().expect("writing to memory does not fail");
    let settings = PlanSettings { chunk_records: u32::from(records), max_chunk_bytes: 1 << 16 };
    let mut planner = Planner::new(settings);
    planner.push(&file).expect("a gzip file");
    (file, planner.finish().expect("a complete file"))
}

fuzz_target!(|input: &[u8]| {
    let [records, target, what, at, value, text @ ..] = input else { return };
    let (mut file, mut planned) = planned(text, *records);
    let number = usize::from(*target) % planned.plan.chunks.len().max(1);
    let Some(chunk) = planned.plan.chunks.get_mut(number) else { return };
    let expected = text[chunk.uncompressed_start as usize..chunk.uncompressed_end as usize].to_vec();
    let change = i64::from(*value as i8);
    let moved = |place: u64| place.wrapping_add_signed(change);
    match what % 9 {
        0 => chunk.compressed_start = moved(chunk.compressed_start),
        1 => chunk.uncompressed_start = moved(chunk.uncompressed_start),
        2 => chunk.uncompressed_end = moved(chunk.uncompressed_end),
        3 => chunk.access_point = chunk.access_point.wrapping_add_signed(change as i32),
        4 => planned.plan.access_points.iter_mut().for_each(|point| point.compressed_bit = moved(point.compressed_bit)),
        5 => planned.windows.iter_mut().skip(usize::from(*at)).take(1).for_each(|byte| *byte ^= value),
        6 => file.truncate(file.len().saturating_sub(usize::from(*value))),
        _ => {
            let place = usize::from(*at) % file.len();
            file[place] ^= value;
        }
    }
    let chunk = &planned.plan.chunks[number];
    let window = planned.plan.access_points.get(chunk.access_point as usize).and_then(|point| point.window);
    let window = window.map(|at| &planned.windows[at.offset as usize..at.offset as usize + at.length as usize]);
    let start = (chunk.compressed_start as usize).min(file.len());
    let range = &file[start..(chunk.compressed_end as usize).clamp(start, file.len())];
    let Ok(reader) = ChunkReader::new(range, &planned.plan, number as u32, window) else { return };
    let mut found = Vec::new();
    // No planned text is longer than this; a damaged plan may name a longer one.
    if reader.take(1 << 20).read_to_end(&mut found).is_ok() && found.len() < 1 << 20 {
        assert!(found == expected, "another text than the planned one");
    }
});
