//! What a backfill takes: an estimate from the source's sizes, and the same figures of a run that is over.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use futures::StreamExt;
use indicatif::{BinaryBytes, HumanCount};
use pipeline::ArchiveHour;
use pipeline::ledger::HourStatus;
use serde::Serialize;

use crate::price;
use crate::stack::{Problem, Stack};
use crate::watch::{Ended, HourSummary};

/// Hours whose size the source is asked for.
const SAMPLE: usize = 24;
/// Bytes of an hour that nobody knows the size of.
const USUAL_BYTES: f64 = 20e6;
/// Bytes of a record in the archive's gzip files, where the ledger has no hour to tell.
const USUAL_RECORD_BYTES: f64 = 200.0;
/// Parquet for each byte of gzip, likewise.
const USUAL_PARQUET_SHARE: f64 = 1.45;
/// What was measured (README, cost and speed): 0.51 s of fetch and 1.16 s of convert-chunk for 19.9 MB.
const FETCH_SECONDS_PER_BYTE: f64 = 0.51 / 19.9e6;
const CONVERT_SECONDS_PER_BYTE: f64 = 1.16 / 19.9e6;
/// Of the other functions, in an hour: short, and of little memory.
const OTHER_GB_SECONDS: f64 = 0.05;
/// Of an hour that nothing was measured of: starting functions, and reading from the archive at 10 MB/s.
const USUAL_SECONDS: f64 = 3.0;
const USUAL_SECONDS_PER_BYTE: f64 = 1e-7;

/// The figures, of a plan or of a run.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Figures {
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
    /// Figures of a run that no record of it tells: they are computed as those of a quote are.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) computed: &'static [&'static str],
}

/// Of a run that is over, all else is counted; of the Lambda time, that of the functions that fetch and convert.
const COMPUTED: [&str; 2] = ["s3_puts", "s3_gets"];

/// An estimate, and where it comes from.
#[derive(Debug, Serialize)]
pub(super) struct Quote {
    from: ArchiveHour,
    to: ArchiveHour,
    /// Hours of the range that are published already and left alone.
    published: u64,
    /// Where the sizes come from.
    basis: String,
    #[serde(flatten)]
    figures: Figures,
    #[serde(skip)]
    rules: Rules,
}

/// What the deployment's parameters say.
#[derive(Clone, Copy, Debug)]
struct Rules {
    chunk_records: f64,
    fetch_gb: f64,
    convert_gb: f64,
    at_once: f64,
    record_bytes: f64,
}

/// What the hours of a range are like.
struct Sizes {
    hours: Vec<ArchiveHour>,
    mean_bytes: f64,
    parquet_share: f64,
    basis: String,
}

impl Quote {
    /// Estimates what it takes to run the hours of the range that are not published, or all if forced.
    pub(super) async fn make(stack: &Stack, from: ArchiveHour, to: ArchiveHour, force: bool) -> Result<Self, Problem> {
        let marks = stack.ledger()?.marks(from, to).await.map_err(|error| Problem::of(&stack.aws, error))?;
        let published: Vec<_> = marks.iter().filter(|mark| mark.status == HourStatus::Published).collect();
        let length = u32::try_from(to.hours_since(from) + 1).unwrap_or(u32::MAX);
        let hours = (0..length).map(|at| from.plus(at));
        let open: Vec<_> = hours.filter(|hour| force || !published.iter().any(|mark| mark.hour == *hour)).collect();
        let sum = |of: fn(&aws_lake::HourMark) -> u64| published.iter().map(|mark| of(mark)).sum::<u64>();
        let (landing, parquet) = (sum(|mark| mark.landing_bytes) as f64, sum(|mark| mark.parquet_bytes) as f64);
        let records = sum(|mark| mark.counts.records) as f64;
        let known = (landing > 0.0).then(|| landing / published.len() as f64);
        let (mean_bytes, basis) = mean_size(stack, &open, known).await;
        let rules = Rules::of(stack, if records > 0.0 { landing / records } else { USUAL_RECORD_BYTES });
        let parquet_share = if landing > 0.0 { parquet / landing } else { USUAL_PARQUET_SHARE };
        let seconds = measured_seconds(stack).await?;
        let published = if force { 0 } else { published.len() as u64 };
        let sizes = Sizes { hours: open, mean_bytes, parquet_share, basis };
        let figures = rules.figures(&sizes, seconds);
        Ok(Self { from, to, published, basis: sizes.basis, figures, rules })
    }

    /// The same figures of a run that is over: bytes from the ledger; times, transitions and calls of functions from the events of
    /// the executions; requests to S3, which nothing counts, by the rules of the quote.
    pub(super) async fn actual(&self, stack: &Stack, ended: &Ended) -> Result<Figures, Problem> {
        let marks = stack.ledger()?.marks(self.from, self.to).await.map_err(|error| Problem::of(&stack.aws, error))?;
        let ran = |hour: &ArchiveHour| ended.hours.iter().any(|one| one.hour == hour.to_string());
        let mut figures = self.rules.counted(ended);
        for mark in marks.iter().filter(|mark| ran(&mark.hour)) {
            figures.landing_bytes += mark.landing_bytes;
            figures.parquet_bytes += mark.parquet_bytes;
        }
        figures.price();
        Ok(figures)
    }

    /// One line, before the run.
    pub(super) fn line(&self) -> String {
        let Figures { hours, landing_bytes, dollars, seconds, .. } = self.figures;
        let time = duration(seconds);
        format!(
            "{hours} hours, about {} to land, ${dollars:.2}, {time}; {} are published already",
            BinaryBytes(landing_bytes),
            self.published
        )
    }

    /// The quote alone.
    pub(super) fn text(&self) -> String {
        let head = format!(
            "{} to {}: {} hours to run, {} published already and left alone; sizes: {}\n\n",
            self.from, self.to, self.figures.hours, self.published, self.basis
        );
        head + &table(&[("quote", &self.figures)])
    }

    /// The quote and what it took.
    pub(super) fn beside(&self, actual: &Figures) -> String {
        let note = "S3 requests are computed, not counted, and so is the time of the short functions.";
        format!("{}{note}\n", table(&[("quote", &self.figures), ("actual", actual)]))
    }
}

impl Rules {
    fn of(stack: &Stack, record_bytes: f64) -> Self {
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

    fn figures(&self, sizes: &Sizes, seconds_an_hour: Option<f64>) -> Figures {
        let hours = sizes.hours.len() as f64;
        let bytes = sizes.mean_bytes;
        let chunks = (bytes / self.record_bytes / self.chunk_records).ceil().max(1.0);
        let mut figures = Figures {
            hours: sizes.hours.len() as u64,
            landing_bytes: (hours * bytes) as u64,
            parquet_bytes: (hours * bytes * sizes.parquet_share) as u64,
            ..Figures::default()
        };
        self.count(&mut figures, hours, chunks);
        let fetch = FETCH_SECONDS_PER_BYTE * bytes * self.fetch_gb;
        let convert = CONVERT_SECONDS_PER_BYTE * bytes * self.convert_gb;
        figures.gb_seconds = hours * (fetch + convert + OTHER_GB_SECONDS);
        let each = seconds_an_hour.unwrap_or(USUAL_SECONDS + USUAL_SECONDS_PER_BYTE * bytes);
        figures.seconds = (hours / self.at_once).ceil() * each;
        figures.price();
        figures
    }

    /// What the events of the executions tell, without bytes and price.
    fn counted(&self, ended: &Ended) -> Figures {
        let mut figures = Figures::default();
        for hour in &ended.hours {
            self.count(&mut figures, 1.0, hour.chunks as f64);
            figures.gb_seconds += hour.fetch_seconds * self.fetch_gb + hour.convert_seconds * self.convert_gb;
            figures.gb_seconds += OTHER_GB_SECONDS;
        }
        let sum = |of: fn(&HourSummary) -> u64| ended.hours.iter().map(of).sum::<u64>();
        Figures {
            hours: ended.hours.len() as u64,
            // The item of the map that starts an hour enters a state of its own, in an execution that is not followed.
            transitions: ended.transitions + sum(|hour| hour.transitions + 1),
            lambda_requests: ended.lambda_requests + sum(|hour| hour.lambda_requests),
            seconds: ended.seconds,
            computed: &COMPUTED,
            ..figures
        }
    }

    /// Requests and transitions of hours of so many chunks each, without retries.
    fn count(&self, figures: &mut Figures, hours: f64, chunks: f64) {
        figures.lambda_requests += (hours * (3.0 + chunks)) as u64;
        figures.transitions += (hours * (12.0 + chunks)) as u64;
        figures.s3_puts += (hours * (10.0 + 2.0 * chunks)) as u64;
        figures.s3_gets += (hours * (5.0 + 3.0 * chunks)) as u64;
    }
}

impl Figures {
    fn price(&mut self) {
        self.dollars = self.gb_seconds * price::LAMBDA_GB_SECOND
            + self.lambda_requests as f64 * price::LAMBDA_REQUEST
            + self.transitions as f64 * price::TRANSITION
            + self.s3_puts as f64 * price::S3_PUT
            + self.s3_gets as f64 * price::S3_GET
            + self.hours as f64 * 8.0 * price::DYNAMODB_WRITE;
    }

    fn cells(&self) -> [String; 9] {
        let count = |number: u64| HumanCount(number).to_string();
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
    "to land",
    "Parquet",
    "Lambda requests",
    "Lambda GB-seconds",
    "state transitions",
    "S3 PUT / GET",
    "dollars",
    "time",
];

fn table(columns: &[(&str, &Figures)]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(std::iter::once("").chain(columns.iter().map(|(name, _)| *name)));
    let cells: Vec<_> = columns.iter().map(|(_, figures)| figures.cells()).collect();
    for (at, name) in NAMES.iter().enumerate() {
        table.add_row(std::iter::once((*name).to_owned()).chain(cells.iter().map(|cells| cells[at].clone())));
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if at > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{}\n", table.trim_fmt())
}

/// `12 s`, `34 min`, `5.6 h`.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 100.0 => format!("{s:.0} s"),
        s if s < 6000.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// The mean size of an hour: what the source says of some of them, or else what landed of others.
async fn mean_size(stack: &Stack, hours: &[ArchiveHour], known: Option<f64>) -> (f64, String) {
    let sizes = source_sizes(stack.parameter("SourceUrls"), hours).await;
    match (sizes.len(), known) {
        (0, Some(known)) => (known, "those of the range's published hours".to_owned()),
        (0, None) => (USUAL_BYTES, "20 MB an hour: the source does not tell".to_owned()),
        (count, _) => {
            let mean = sizes.iter().sum::<u64>() as f64 / count as f64;
            (mean, format!("the source's own, of {count} hours"))
        }
    }
}

/// The sizes that the source tells for hours spread over the list; those it does not have are left out.
async fn source_sizes(source: Option<&str>, hours: &[ArchiveHour]) -> Vec<u64> {
    // The first of several sources is the one that is asked first.
    let Some(source) = source.and_then(|sources| sources.split(',').next()) else { return Vec::new() };
    let source = source.trim();
    let builder = reqwest::Client::builder().connect_timeout(Duration::from_secs(3)).timeout(Duration::from_secs(10));
    let Ok(client) = builder.build() else { return Vec::new() };
    let step = hours.len().div_ceil(SAMPLE).max(1);
    let asked = hours.iter().step_by(step).map(|hour| {
        let request = client.head(format!("{source}/{}", hour.file_name()));
        async move {
            let answer = request.send().await.ok().filter(|answer| answer.status().is_success())?;
            answer.headers().get("content-length")?.to_str().ok()?.parse::<u64>().ok()
        }
    });
    futures::stream::iter(asked).buffer_unordered(8).filter_map(|size| async move { size }).collect().await
}

/// How long an hour took in the middle of the last runs, if any was published.
async fn measured_seconds(stack: &Stack) -> Result<Option<f64>, Problem> {
    let runs = stack.runs()?;
    let mut seconds = Vec::new();
    for job in [crate::status::JOB, "ghactivity_backfill"] {
        let newest = runs.newest(job, 50).await.map_err(|error| Problem::of(&stack.aws, error))?;
        let published = newest.iter().filter(|run| run.status == HourStatus::Published);
        seconds.extend(published.map(|run| run.ended_at.duration_since(run.started_at).as_secs_f64()));
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds.get(seconds.len() / 2).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules =
        Rules { chunk_records: 10_000.0, fetch_gb: 1.0, convert_gb: 1.728, at_once: 10.0, record_bytes: 200.0 };

    fn quote() -> Quote {
        let first: ArchiveHour = "2025-11-21-0".parse().unwrap();
        let sizes = Sizes {
            hours: (0..23).map(|at| first.plus(at)).collect(),
            mean_bytes: 20e6,
            parquet_share: 1.45,
            basis: "the source's own, of 23 hours".to_owned(),
        };
        let figures = RULES.figures(&sizes, Some(4.0));
        Quote { from: first, to: first.plus(23), published: 1, basis: sizes.basis, figures, rules: RULES }
    }

    #[test]
    fn a_quote_is_a_line_and_a_table() {
        insta::assert_snapshot!(format!("{}\n\n{}", quote().line(), quote().text()));
    }

    #[test]
    fn what_a_run_took_stands_beside_the_quote() {
        let mut actual =
            RULES.counted(&Ended::sample((0..23).map(|at| HourSummary::sample(at, "published")).collect()));
        actual.price();
        assert_eq!((actual.transitions, actual.lambda_requests), (9 + 23 * 14, 2 + 23 * 4), "as counted");
        insta::assert_snapshot!(quote().beside(&actual));
    }
}
