//! The cost of a backfill: requests, bytes, seconds and dollars.

use cli_core::format::{count, duration, whole};
use cli_core::{output, price};
use cli_stack::Stack;
use cli_watch::{ExecutionReport, HourReport};
use indicatif::BinaryBytes;
use pipeline::ArchiveHour;
use serde::Serialize;

/// Measured (docs/cost.md): 0.51 s of `fetch` and 1.16 s of `convert-chunk` for 19.9 MB.
const FETCH_SECONDS_PER_BYTE: f64 = 0.51 / 19.9e6;
const CONVERT_SECONDS_PER_BYTE: f64 = 1.16 / 19.9e6;
/// GB-seconds of the other functions of an hour, which are short and small.
const OTHER_GB_SECONDS: f64 = 0.05;
/// Seconds of an hour without measured runs: cold starts, and reading from the archive at 10 MB/s.
const USUAL_SECONDS: f64 = 3.0;
const USUAL_SECONDS_PER_BYTE: f64 = 1e-7;

/// Figures of a quote or of a finished run.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct RunFigures {
    pub(super) hours: u64,
    pub(super) landing_bytes: u64,
    pub(super) parquet_bytes: u64,
    pub(super) lambda_requests: u64,
    pub(super) gb_seconds: f64,
    pub(super) transitions: u64,
    pub(super) s3_puts: u64,
    pub(super) s3_gets: u64,
    pub(super) dollars: f64,
    pub(super) seconds: f64,
    /// Figures that are computed as in a quote, because they cannot be counted.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) computed: &'static [&'static str],
}

/// The figures of a finished run that are computed. All others are counted; of the Lambda time, only that of `fetch` and
/// `convert-chunk` is counted.
const COMPUTED: [&str; 2] = ["s3_puts", "s3_gets"];

/// Figures from the parameters of the stack.
#[derive(Clone, Copy, Debug)]
pub(super) struct CostRules {
    pub(super) chunk_records: f64,
    pub(super) fetch_gb: f64,
    pub(super) convert_gb: f64,
    pub(super) at_once: f64,
    pub(super) record_bytes: f64,
}

/// Sizes of the hours of a range.
pub(super) struct RangeSizes {
    pub(super) hours: Vec<ArchiveHour>,
    pub(super) mean_bytes: f64,
    pub(super) parquet_share: f64,
    pub(super) basis: String,
}

impl CostRules {
    pub(super) fn of(stack: &Stack, record_bytes: f64) -> Self {
        let number =
            |name: &str, otherwise: f64| stack.parameter(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise);
        Self {
            chunk_records: number("ChunkRecords", 10_000.0),
            fetch_gb: number("FetchMemoryMb", 1024.0) / 1024.0,
            convert_gb: number("ConvertMemoryMb", 1769.0) / 1024.0,
            at_once: number("BackfillConcurrency", 10.0),
            record_bytes,
        }
    }

    pub(super) fn figures(&self, sizes: &RangeSizes, seconds_an_hour: Option<f64>) -> RunFigures {
        let hours = sizes.hours.len() as f64;
        let bytes = sizes.mean_bytes;
        let chunks = (bytes / self.record_bytes / self.chunk_records).ceil().max(1.0);
        let mut figures = RunFigures {
            hours: sizes.hours.len() as u64,
            landing_bytes: whole(hours * bytes),
            parquet_bytes: whole(hours * bytes * sizes.parquet_share),
            ..RunFigures::default()
        };
        Self::count(&mut figures, hours, chunks);
        let fetch = FETCH_SECONDS_PER_BYTE * bytes * self.fetch_gb;
        let convert = CONVERT_SECONDS_PER_BYTE * bytes * self.convert_gb;
        figures.gb_seconds = hours * (fetch + convert + OTHER_GB_SECONDS);
        let each = seconds_an_hour.unwrap_or(USUAL_SECONDS + USUAL_SECONDS_PER_BYTE * bytes);
        figures.seconds = (hours / self.at_once).ceil() * each;
        figures.price();
        figures
    }

    /// The figures in the history events of the executions: all but bytes and price.
    pub(super) fn counted(&self, ended: &ExecutionReport) -> RunFigures {
        let mut figures = RunFigures::default();
        for hour in &ended.hours {
            Self::count(&mut figures, 1.0, hour.chunks as f64);
            figures.gb_seconds += hour.fetch_seconds * self.fetch_gb + hour.convert_seconds * self.convert_gb;
            figures.gb_seconds += OTHER_GB_SECONDS;
        }
        let sum = |of: fn(&HourReport) -> u64| ended.hours.iter().map(of).sum::<u64>();
        RunFigures {
            hours: ended.hours.len() as u64,
            // The Distributed Map starts each hour in a child execution of one state. The child is not followed, so its
            // transition is added here.
            transitions: ended.transitions + sum(|hour| hour.transitions + 1),
            lambda_requests: ended.lambda_requests + sum(|hour| hour.lambda_requests),
            seconds: ended.seconds,
            computed: &COMPUTED,
            ..figures
        }
    }

    /// Adds requests and transitions of `hours` hours of `chunks` chunks each, without retries.
    fn count(figures: &mut RunFigures, hours: f64, chunks: f64) {
        figures.lambda_requests += whole(hours * (3.0 + chunks));
        figures.transitions += whole(hours * (12.0 + chunks));
        figures.s3_puts += whole(hours * (10.0 + 2.0 * chunks));
        figures.s3_gets += whole(hours * (5.0 + 3.0 * chunks));
    }
}

impl RunFigures {
    pub(super) fn price(&mut self) {
        self.dollars = self.gb_seconds * price::LAMBDA_GB_SECOND
            + self.lambda_requests as f64 * price::LAMBDA_REQUEST
            + self.transitions as f64 * price::TRANSITION
            + self.s3_puts as f64 * price::S3_PUT
            + self.s3_gets as f64 * price::S3_GET
            + self.hours as f64 * 8.0 * price::DYNAMODB_WRITE;
    }

    fn cells(&self) -> [String; 9] {
        [
            count(self.hours),
            BinaryBytes(self.landing_bytes).to_string(),
            BinaryBytes(self.parquet_bytes).to_string(),
            count(self.lambda_requests),
            format!("{:.1}", self.gb_seconds),
            count(self.transitions),
            format!("{} / {}", count(self.s3_puts), count(self.s3_gets)),
            format!("{:.4}", self.dollars),
            duration(self.seconds),
        ]
    }
}

const NAMES: [&str; 9] = [
    "hours",
    "to download",
    "Parquet",
    "Lambda requests",
    "Lambda GB-seconds",
    "state transitions",
    "S3 PUT / GET",
    "dollars",
    "time",
];

/// A column for each of `columns`, a row for each figure.
pub(super) fn table(columns: &[(&str, &RunFigures)]) -> String {
    let head: Vec<_> = std::iter::once("").chain(columns.iter().map(|(name, _)| *name)).collect();
    let cells: Vec<_> = columns.iter().map(|(_, figures)| figures.cells()).collect();
    let row = |(at, name): (usize, &&str)| {
        std::iter::once((*name).to_owned()).chain(cells.iter().map(|cells| cells[at].clone())).collect::<Vec<_>>()
    };
    output::table(&head, NAMES.iter().enumerate().map(row), |at| at > 0)
}
