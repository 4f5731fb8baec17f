//! Compares the time of one pass over the text with that of planning: `cargo run --release -p gzip-plan --example
//! one_pass_cost -- FILE [ROUNDS]`.

use std::{fs::File, hint::black_box, time::Instant};

use gzip_plan::{PlainText, PlanSettings, Planner, TextChunks};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("name a gzip file")?;
    let rounds: u32 = arguments.next().map_or(Ok(5), |rounds| rounds.parse())?;
    let settings = PlanSettings { chunk_records: 10_000, max_chunk_bytes: 128 << 20 };
    for _ in 0..rounds {
        let file = std::fs::read(&path)?;
        let begun = Instant::now();
        let mut planner = Planner::new(settings);
        for piece in file.chunks(64 << 10) {
            planner.push(piece)?;
        }
        black_box(planner.finish()?);
        let planned = begun.elapsed();
        let begun = Instant::now();
        let mut chunks = TextChunks::new(File::open(&path)?, settings, PlainText::IfJson);
        while chunks.next_chunk()?.is_some() {
            while let Some(piece) = chunks.piece()? {
                let length = black_box(piece.text).len();
                chunks.consume(length);
            }
        }
        println!("plan {planned:.1?}, one pass {:.1?}", begun.elapsed());
    }
    Ok(())
}
