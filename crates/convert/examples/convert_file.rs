//! Converts a gzip file, for profiles and timings: `cargo run --release -p convert --example convert_file -- MODE
//! FILE`.
//!
//! Modes:
//!
//! - `inflate`: only inflates.
//! - `plan`: only plans.
//! - `direct`: inflates and converts without a plan.
//! - `once`: plans one chunk, then converts it.
//! - `chunks`: plans chunks of 10,000 records, then converts each.
//! - `parts`: like `chunks`, and prints the CPU time without the planning.
//! - `pass`: converts chunks of 10,000 records in one pass, like the command line.
//!
//! `drop` after the file drops the payload. `--out DIR` writes the Parquet files there.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;

use convert::{ChunkConverter, ChunkSpec, ConvertedChunk, convert_chunk};
use flate2::read::MultiGzDecoder;
use gzip_plan::{ChunkReader, PlainText, PlanSettings, PlannedFile, Planner, TextChunks};
use pipeline::version::Payload;

struct ConvertJob {
    file: PathBuf,
    payload: Payload,
    out: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().ok_or("name a mode")?;
    let mut job = ConvertJob { file: arguments.next().ok_or("name a file")?.into(), payload: Payload::Keep, out: None };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "drop" => job.payload = Payload::Drop,
            "--out" => job.out = arguments.next().map(PathBuf::from),
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    match mode.as_str() {
        "inflate" => println!("{} bytes", inflate(&job)?),
        "plan" => {
            let planned = plan(&job, 10_000)?;
            let (chunks, windows) = (planned.plan.chunks.len(), planned.windows.len());
            println!("{chunks} chunks, {windows} bytes of windows, {} of gzip", planned.plan.compressed_bytes);
        }
        "direct" => direct(&job)?,
        "pass" => pass(&job)?,
        "once" => chunks(&job, &plan(&job, u32::MAX)?)?,
        "chunks" => chunks(&job, &plan(&job, 10_000)?)?,
        "parts" => {
            let planned = plan(&job, 10_000)?;
            let before = cpu_ticks()?;
            chunks(&job, &planned)?;
            println!("{} ms of CPU without planning", (cpu_ticks()? - before) * 10);
        }
        other => return Err(format!("unknown mode {other}").into()),
    }
    Ok(())
}

/// The user and system time of this process so far, in hundredths of a second.
fn cpu_ticks() -> Result<u64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.map(|ticks| Ok(ticks.parse::<u64>()?)).sum()
}

fn inflate(job: &ConvertJob) -> Result<u64, Box<dyn Error>> {
    let mut text = MultiGzDecoder::new(std::fs::File::open(&job.file)?);
    let mut buffer = vec![0; 256 << 10];
    let mut bytes = 0;
    loop {
        match text.read(&mut buffer)? {
            0 => return Ok(bytes),
            read => bytes += read as u64,
        }
    }
}

fn plan(job: &ConvertJob, chunk_records: u32) -> Result<PlannedFile, Box<dyn Error>> {
    let mut planner = Planner::new(PlanSettings { chunk_records, max_chunk_bytes: u64::MAX });
    let mut file = std::fs::File::open(&job.file)?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(planner.finish()?),
            read => planner.push(&buffer[..read])?,
        }
    }
}

fn direct(job: &ConvertJob) -> Result<(), Box<dyn Error>> {
    let text = BufReader::with_capacity(256 << 10, MultiGzDecoder::new(std::fs::File::open(&job.file)?));
    let spec = ChunkSpec { payload: job.payload, ..ChunkSpec::default() };
    report(&convert_chunk(&spec, text, output(job, 0)?, io::sink())?);
    Ok(())
}

fn pass(job: &ConvertJob) -> Result<(), Box<dyn Error>> {
    let settings = PlanSettings { chunk_records: 10_000, max_chunk_bytes: u64::MAX };
    let mut texts = ChunkText(TextChunks::new(std::fs::File::open(&job.file)?, settings, PlainText::IfJson));
    let mut converter = ChunkConverter::new();
    for number in 0.. {
        let Some(start) = texts.0.next_chunk()? else { break };
        let (first_line, first_offset) = (start.first_line, start.offset);
        let spec = ChunkSpec { first_line, first_offset, payload: job.payload, ..ChunkSpec::default() };
        report(&converter.convert(&spec, &mut texts, output(job, number)?, io::sink())?);
    }
    Ok(())
}

/// The text of the current chunk, including duplicate lines.
struct ChunkText<R>(TextChunks<R>);

impl<R: Read> BufRead for ChunkText<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.0.piece().map_err(io::Error::other)?.map_or(&[], |piece| piece.text))
    }

    fn consume(&mut self, bytes: usize) {
        self.0.consume(bytes);
    }
}

impl<R: Read> Read for ChunkText<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

fn chunks(job: &ConvertJob, planned: &PlannedFile) -> Result<(), Box<dyn Error>> {
    use std::io::{Seek, SeekFrom};
    for (number, chunk) in (0..).zip(&planned.plan.chunks) {
        let mut file = std::fs::File::open(&job.file)?;
        file.seek(SeekFrom::Start(chunk.compressed_start))?;
        let range = file.take(chunk.compressed_end - chunk.compressed_start);
        let window = planned.plan.access_points[chunk.access_point as usize].window;
        let window = match window {
            Some(at) => Some(&planned.windows[usize::try_from(at.offset)?..][..at.length as usize]),
            None => None,
        };
        let text = BufReader::with_capacity(256 << 10, ChunkReader::new(range, &planned.plan, number, window)?);
        let spec = ChunkSpec {
            first_line: chunk.first_line,
            first_offset: chunk.uncompressed_start,
            duplicate_lines: &chunk.duplicate_lines,
            payload: job.payload,
            ..ChunkSpec::default()
        };
        report(&convert_chunk(&spec, text, output(job, number)?, io::sink())?);
    }
    Ok(())
}

fn output(job: &ConvertJob, chunk: u32) -> Result<Box<dyn Write + Send>, Box<dyn Error>> {
    let Some(out) = &job.out else { return Ok(Box::new(io::sink())) };
    std::fs::create_dir_all(out)?;
    let file = std::fs::File::create(out.join(format!("{chunk:05}.parquet")))?;
    Ok(Box::new(io::BufWriter::with_capacity(64 << 10, file)))
}

fn report(converted: &ConvertedChunk) {
    println!("{:?}", converted.counts);
}
