//! Metrics of a recorded run.

use function_runtime::{Metrics, Unit};
use pipeline::ledger::{HourStatus, JobRunItem, Publication, Verdict};

/// Returns the metrics of a run that was just recorded. `published` is its new publication with the verdict, if any.
pub(crate) fn run_metrics(run: &JobRunItem, published: Option<(&Publication, Option<Verdict>)>) -> Metrics {
    let metrics = Metrics::new().about("hour", run.hour.to_string()).about("job_id", run.job_id.as_str());
    let metrics = metrics.about("execution", run.execution_arn.as_str());
    if let Some((publication, verdict)) = published {
        let counts = &publication.counts;
        let metrics = [
            ("HoursPublished", 1),
            ("Rows", counts.rows),
            ("Duplicates", counts.duplicates),
            ("Quarantined", counts.quarantined),
            ("HoursDegraded", u64::from(verdict == Some(Verdict::Degraded))),
            ("HoursTiny", u64::from(verdict == Some(Verdict::Tiny))),
        ]
        .into_iter()
        .fold(metrics, |metrics, (name, count)| metrics.with(name, Unit::Count, count as f64));
        let share = counts.quarantined as f64 / counts.records.max(1) as f64;
        return metrics.with("QuarantinedPercent", Unit::Percent, 100.0 * share).with(
            "ParquetBytes",
            Unit::Bytes,
            publication.parquet_bytes as f64,
        );
    }
    let Some(error) = &run.error else { return metrics };
    let name = match run.status {
        HourStatus::Missing => "HoursMissing",
        HourStatus::NotPublished => "HoursNotPublished",
        _ if error.name == "HourWouldShrink" => "HoursRefused",
        _ => "HoursFailed",
    };
    metrics.about("error", error.name.as_str()).with(name, Unit::Count, 1.0)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pipeline::ledger::HourFailure;

    use super::*;

    fn run(status: HourStatus, error: Option<&str>) -> JobRunItem {
        JobRunItem {
            job_id: "ghactivity_ingest".to_owned(),
            job_run_time: "1".to_owned(),
            hour: "2025-11-21-0".parse().unwrap(),
            status,
            execution_arn: "arn".to_owned(),
            version: None,
            rows: None,
            error: error.map(|name| HourFailure::new(name, "")),
            redrive_count: 0,
            started_at: Timestamp::UNIX_EPOCH,
            ended_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn named() -> Metrics {
        Metrics::new().about("hour", "2025-11-21-0").about("job_id", "ghactivity_ingest").about("execution", "arn")
    }

    #[test]
    fn failed_run_counts_by_status() {
        for (status, error, name) in [
            (HourStatus::Missing, "SourceNotPublished", "HoursMissing"),
            (HourStatus::NotPublished, "SourceNotPublished", "HoursNotPublished"),
            (HourStatus::Failed, "HourWouldShrink", "HoursRefused"),
            (HourStatus::Failed, "CorruptArchive", "HoursFailed"),
        ] {
            let expected = named().about("error", error).with(name, Unit::Count, 1.0);
            assert_eq!(run_metrics(&run(status, Some(error)), None), expected);
        }
    }

    #[test]
    fn unchanged_run_counts_nothing() {
        assert_eq!(run_metrics(&run(HourStatus::Published, None), None), named(), "published before");
        assert_eq!(run_metrics(&run(HourStatus::Landed, None), None), named(), "redriven");
    }
}
