//! The command line, and the settings that follow from it.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;

use clap::{Args, ValueEnum};
use convert::Compression;
use gzip_plan::PlanSettings;
use pipeline::ArchiveHour;
use pipeline::version::{OutputOptions, Payload};

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// Files (gzip or plain JSON lines), globs, http or https addresses, or - for standard input
    #[arg(value_name = "IN")]
    pub(crate) inputs: Vec<String>,
    /// Folder to write to; created if it does not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The hour of a single IN whose name does not begin with an hour; without IN, the hour to download
    #[arg(long, value_name = "YYYY-MM-DD-H")]
    pub(crate) hour: Option<ArchiveHour>,
    /// The archive to download from, for --hour without IN
    #[arg(long, value_name = "URL", default_value = "https://data.gharchive.org")]
    pub(crate) source_url: String,
    /// Records per chunk; a chunk is one Parquet file, or one row group with --single-file
    #[arg(long, value_name = "N", default_value_t = OutputOptions::default().chunk_records, value_parser = clap::value_parser!(u32).range(1..))]
    chunk_records: u32,
    /// Number of threads; does not change the output [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Content of the payload column
    #[arg(long, value_enum, default_value_t)]
    payload: PayloadChoice,
    /// Compression of Parquet pages
    #[arg(long, value_enum, default_value_t)]
    compression: CompressionChoice,
    /// One Parquet file per hour instead of one per chunk
    #[arg(long)]
    single_file: bool,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
Converts hours of GH Archive to Parquet on this machine, with the code that runs in the Lambda. No AWS account is needed.

Rows are written to DIR/year=…/month=…/dayofmonth=…/hour=…/part-….parquet, and bad records, if any, to
DIR/quarantine/YYYY-MM-DD-H/NNNNN.jsonl. An hour appears in one step when it is complete. Converting it again replaces all
its files in one step, whatever options they were made with.

Examples:
  ghactivity convert 2025-11-21-0.json.gz --out lake
  ghactivity convert 'archive/2025-11-*.json.gz' --out lake --payload drop --compression zstd
  ghactivity convert --hour 2015-01-01-15 --out lake
  ghactivity convert https://data.gharchive.org/2015-01-01-15.json.gz --out lake --single-file
  zcat events.gz | ghactivity convert - --hour 2025-11-21-0 --out lake --json

Exit status:
  0    every input was converted
  1    usage error; nothing was done
  2    an input failed and is named; the others were converted
  130  stopped by Ctrl-C (143 by SIGTERM); unfinished hours left no files";

#[derive(Clone, Copy, Default, ValueEnum)]
enum PayloadChoice {
    /// The JSON text, exactly as in the source
    #[default]
    Keep,
    /// Null in every row
    Drop,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum CompressionChoice {
    /// Fast, and known to every reader
    #[default]
    Snappy,
    /// Smaller files, more CPU
    Zstd,
    /// Largest files
    None,
}

/// The settings of a run.
pub(crate) struct ConvertSettings {
    pub(crate) out: PathBuf,
    pub(crate) plan: PlanSettings,
    pub(crate) payload: Payload,
    pub(crate) compression: Compression,
    pub(crate) threads: usize,
    pub(crate) single_file: bool,
    pub(crate) json: bool,
}

impl Arguments {
    pub(crate) fn settings(&self) -> ConvertSettings {
        let cores = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
        ConvertSettings {
            out: self.out.clone(),
            plan: PlanSettings {
                chunk_records: self.chunk_records,
                max_chunk_bytes: OutputOptions::default().max_chunk_bytes,
            },
            payload: match self.payload {
                PayloadChoice::Keep => Payload::Keep,
                PayloadChoice::Drop => Payload::Drop,
            },
            compression: match self.compression {
                CompressionChoice::Snappy => Compression::Snappy,
                CompressionChoice::Zstd => Compression::Zstd,
                CompressionChoice::None => Compression::Uncompressed,
            },
            threads: self.threads.map_or_else(cores, usize::from),
            single_file: self.single_file,
            json: self.json,
        }
    }
}

impl ConvertSettings {
    /// The codec as file names spell it; `None` without compression.
    pub(crate) fn codec(&self) -> Option<&'static str> {
        match self.compression {
            Compression::Snappy => Some("snappy"),
            Compression::Zstd => Some("zstd"),
            Compression::Uncompressed => None,
        }
    }
}
