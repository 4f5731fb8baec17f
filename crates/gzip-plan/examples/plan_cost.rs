//! Compares the time of planning with that of inflating: `cargo run --release -p gzip-plan --example plan_cost -- FILE
//! [CHUNK_RECORDS]`.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use gzip_plan::{PlanSettings, Planner};

/// Bytes pushed at a time, like the pieces of an HTTP body.
const PIECE_BYTES: usize = 64 * 1024;
const ROUNDS: usize = 15;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = std::fs::read(arguments.next().ok_or("name a gzip file")?)?;
    let chunk_records = arguments.next().map_or(Ok(10_000), |records| records.parse())?;
    let settings = PlanSettings { chunk_records, max_chunk_bytes: 256 << 20 };
    let (mut inflating, mut planning) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        inflating.push(timed(|| inflate(&file))?);
        planning.push(timed(|| plan(&file, settings))?);
    }
    for (name, of) in [("quickest", 0), ("median", ROUNDS / 2)] {
        let (inflating, planning) = (ranked(&mut inflating, of), ranked(&mut planning, of));
        let ratio = planning.as_secs_f64() / inflating.as_secs_f64();
        println!("{name} of {ROUNDS} rounds: inflate {inflating:.1?}, plan {planning:.1?}: {ratio:.2} times");
    }
    Ok(())
}

type CostResult = Result<(), Box<dyn std::error::Error>>;

/// Inflates with zlib-rs, which verifies gzip's checksum.
fn inflate(file: &[u8]) -> CostResult {
    const GZIP_WINDOW_BITS: u8 = 16 + 15;
    let mut inflate = zlib_rs::Inflate::new(true, GZIP_WINDOW_BITS);
    let mut output = vec![0; 256 * 1024];
    let mut taken = 0;
    loop {
        let piece = &file[taken..file.len().min(taken + PIECE_BYTES)];
        let before = inflate.total_in();
        let status = inflate
            .decompress(piece, &mut output, zlib_rs::InflateFlush::NoFlush)
            .map_err(|error| format!("{error:?}"))?;
        taken += usize::try_from(inflate.total_in() - before)?;
        black_box(&output);
        if status == zlib_rs::Status::StreamEnd {
            return Ok(());
        }
    }
}

fn plan(file: &[u8], settings: PlanSettings) -> CostResult {
    let mut planner = Planner::new(settings);
    for piece in file.chunks(PIECE_BYTES) {
        planner.push(piece)?;
    }
    black_box(planner.finish()?);
    Ok(())
}

fn timed(work: impl Fn() -> CostResult) -> Result<Duration, Box<dyn std::error::Error>> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed())
}

fn ranked(times: &mut [Duration], rank: usize) -> Duration {
    times.sort_unstable();
    times[rank]
}
