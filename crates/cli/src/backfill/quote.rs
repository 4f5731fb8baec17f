//! The quote of a backfill, and the same figures of the finished run.

use cli_core::CliError;
use cli_core::format::duration;
use cli_stack::Stack;
use cli_watch::ExecutionReport;
use indicatif::BinaryBytes;
use pipeline::ArchiveHour;
use pipeline::ledger::HourStatus;
use serde::Serialize;

use super::figures::{CostRules, RangeSizes, RunFigures, table};
use super::sizes::{mean_size, measured_seconds};

/// Compressed bytes of a record, if the ledger has no hour of the range.
const USUAL_RECORD_BYTES: f64 = 200.0;
/// Parquet bytes for each compressed byte, if the ledger has no hour of the range.
const USUAL_PARQUET_SHARE: f64 = 1.45;

#[derive(Debug, Serialize)]
pub(super) struct BackfillQuote {
    from: ArchiveHour,
    to: ArchiveHour,
    /// Published hours of the range, which are skipped.
    published: u64,
    /// The origin of the sizes.
    basis: String,
    #[serde(flatten)]
    figures: RunFigures,
    #[serde(skip)]
    rules: CostRules,
}

impl BackfillQuote {
    /// Estimates a run of the unpublished hours of the range, or of all hours with `force`.
    pub(super) async fn make(stack: &Stack, from: ArchiveHour, to: ArchiveHour, force: bool) -> Result<Self, CliError> {
        let marks = stack.ledger()?.marks(from, to).await.map_err(|error| stack.aws.error(error))?;
        let published: Vec<_> = marks.iter().filter(|mark| mark.status == HourStatus::Published).collect();
        let length = u32::try_from(to.hours_since(from) + 1).unwrap_or(u32::MAX);
        let hours = (0..length).map(|at| from.plus(at));
        let open: Vec<_> = hours.filter(|hour| force || !published.iter().any(|mark| mark.hour == *hour)).collect();
        let sum = |of: fn(&aws_lake::HourMark) -> u64| published.iter().map(|mark| of(mark)).sum::<u64>();
        let (landing, parquet) = (sum(|mark| mark.landing_bytes) as f64, sum(|mark| mark.parquet_bytes) as f64);
        let records = sum(|mark| mark.counts.records) as f64;
        let known = (landing > 0.0).then(|| landing / published.len() as f64);
        let (mean_bytes, basis) = mean_size(stack, &open, known).await;
        let rules = CostRules::of(stack, if records > 0.0 { landing / records } else { USUAL_RECORD_BYTES });
        let parquet_share = if landing > 0.0 { parquet / landing } else { USUAL_PARQUET_SHARE };
        let seconds = measured_seconds(stack).await?;
        let published = if force { 0 } else { published.len() as u64 };
        let sizes = RangeSizes { hours: open, mean_bytes, parquet_share, basis };
        let figures = rules.figures(&sizes, seconds);
        Ok(Self { from, to, published, basis: sizes.basis, figures, rules })
    }

    /// The figures of the finished run: bytes from the ledger; times, transitions and invocations from history events; requests
    /// to S3 computed as in the quote, because nothing counts them.
    pub(super) async fn actual(&self, stack: &Stack, ended: &ExecutionReport) -> Result<RunFigures, CliError> {
        let marks = stack.ledger()?.marks(self.from, self.to).await.map_err(|error| stack.aws.error(error))?;
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
        let RunFigures { hours, landing_bytes, dollars, seconds, .. } = self.figures;
        let time = duration(seconds);
        format!(
            "{hours} hours, about {} to download, ${dollars:.2}, {time}; {} are already published",
            BinaryBytes(landing_bytes),
            self.published
        )
    }

    /// The quote alone.
    pub(super) fn text(&self) -> String {
        let head = format!(
            "{} to {}: {} hours to run, {} already published and skipped; sizes: {}\n\n",
            self.from, self.to, self.figures.hours, self.published, self.basis
        );
        head + &table(&[("quote", &self.figures)])
    }

    /// The quote and the actual figures.
    pub(super) fn beside(&self, actual: &RunFigures) -> String {
        let note = "S3 requests and the time of the short functions are computed, not counted.";
        format!("{}{note}\n", table(&[("quote", &self.figures), ("actual", actual)]))
    }
}

#[cfg(test)]
mod tests {
    use cli_watch::HourReport;

    use super::*;

    const RULES: CostRules =
        CostRules { chunk_records: 10_000.0, fetch_gb: 1.0, convert_gb: 1.728, at_once: 10.0, record_bytes: 200.0 };

    fn quote() -> BackfillQuote {
        let first: ArchiveHour = "2025-11-21-0".parse().unwrap();
        let sizes = RangeSizes {
            hours: (0..23).map(|at| first.plus(at)).collect(),
            mean_bytes: 20e6,
            parquet_share: 1.45,
            basis: "from the source, for 23 hours".to_owned(),
        };
        let figures = RULES.figures(&sizes, Some(4.0));
        BackfillQuote { from: first, to: first.plus(23), published: 1, basis: sizes.basis, figures, rules: RULES }
    }

    /// A published hour of one chunk.
    fn hour_report(at: u32) -> HourReport {
        HourReport {
            hour: ArchiveHour::FIRST.plus(at).to_string(),
            status: "published".to_owned(),
            verdict: Some("complete".to_owned()),
            records: 10_000,
            rows: 9_990,
            duplicates: 3,
            quarantined: 7,
            chunks: 1,
            retries: 0,
            transitions: 13,
            lambda_requests: 4,
            seconds: 2.25,
            fetch_seconds: 0.5,
            convert_seconds: 1.0,
            error: None,
            execution: "arn".to_owned(),
        }
    }

    fn execution_report(hours: Vec<HourReport>) -> ExecutionReport {
        ExecutionReport {
            execution: "arn".to_owned(),
            status: "succeeded",
            seconds: 12.5,
            error: None,
            output: serde_json::Value::Null,
            transitions: 9,
            lambda_requests: 2,
            records: 230_000,
            hours,
        }
    }

    #[test]
    fn quote_is_a_line_and_a_table() {
        insta::assert_snapshot!(format!("{}\n\n{}", quote().line(), quote().text()));
    }

    #[test]
    fn actual_figures_stand_beside_the_quote() {
        let hours = (0..23).map(hour_report).collect();
        let mut actual = RULES.counted(&execution_report(hours));
        actual.price();
        assert_eq!((actual.transitions, actual.lambda_requests), (9 + 23 * 14, 2 + 23 * 4), "as counted");
        insta::assert_snapshot!(quote().beside(&actual));
    }
}
