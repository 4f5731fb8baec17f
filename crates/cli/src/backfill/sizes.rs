//! Sizes and durations of hours, found before a run.

use std::time::Duration;

use cli_core::CliError;
use cli_stack::{INGEST_JOB, Stack};
use futures::StreamExt;
use pipeline::ArchiveHour;
use pipeline::ledger::HourStatus;

/// Hours whose size is requested from the source.
const SAMPLE: usize = 24;
/// Bytes of an hour of unknown size.
const USUAL_BYTES: f64 = 20e6;

/// The mean size of an hour and its basis: from the source, else from published hours, else [`USUAL_BYTES`].
pub(super) async fn mean_size(stack: &Stack, hours: &[ArchiveHour], known: Option<f64>) -> (f64, String) {
    let sizes = source_sizes(stack.parameter("SourceUrls"), hours).await;
    match (sizes.len(), known) {
        (0, Some(known)) => (known, "published hours of the range".to_owned()),
        (0, None) => (USUAL_BYTES, "20 MB an hour, as the source gives none".to_owned()),
        (count, _) => {
            let mean = sizes.iter().sum::<u64>() as f64 / count as f64;
            (mean, format!("from the source, for {count} hours"))
        }
    }
}

/// Sizes from the source for at most [`SAMPLE`] hours spread over the list. Missing hours are left out.
async fn source_sizes(source: Option<&str>, hours: &[ArchiveHour]) -> Vec<u64> {
    // Of several sources, the first is the preferred one.
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

/// The median duration of an hour in the last runs, in seconds.
pub(super) async fn measured_seconds(stack: &Stack) -> Result<Option<f64>, CliError> {
    let runs = stack.runs()?;
    let mut seconds = Vec::new();
    for job in [INGEST_JOB, "ghactivity_backfill"] {
        let newest = runs.newest(job, 50).await.map_err(|error| stack.aws.error(error))?;
        let published = newest.iter().filter(|run| run.status == HourStatus::Published);
        seconds.extend(published.map(|run| run.ended_at.duration_since(run.started_at).as_secs_f64()));
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds.get(seconds.len() / 2).copied())
}
