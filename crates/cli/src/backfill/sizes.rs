//! Sizes and times of hours, where they can be known before a run.

use std::time::Duration;

use cli_core::CliError;
use cli_stack::{INGEST_JOB, Stack};
use futures::StreamExt;
use pipeline::ArchiveHour;
use pipeline::ledger::HourStatus;

/// Hours whose size the source is asked for.
const SAMPLE: usize = 24;
/// Bytes of an hour that nobody knows the size of.
const USUAL_BYTES: f64 = 20e6;

/// The mean size of an hour: what the source says of some of them, or else what landed of others.
pub(super) async fn mean_size(stack: &Stack, hours: &[ArchiveHour], known: Option<f64>) -> (f64, String) {
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
