//! The handler.

use function_runtime::{InvalidInput, Metrics, Unit};
use pipeline::ArchiveHour;
use pipeline::due::{self, DueQuery};
use pipeline::ledger::JobItem;

use crate::{Context, Input, NextFileError, Output};

const JOB_DESCRIPTION: &str = "GitHub's public activity from GH Archive, hour by hour";

/// Returns the due hours of a job.
///
/// # Errors
/// See [`NextFileError`].
pub async fn handle(input: Input, context: &Context) -> Result<Output, NextFileError> {
    let now = context.clock.now();
    let newest_hour_over = due::newest_over(now).ok_or(NextFileError::Clock)?;
    validate(&input, newest_hour_over)?;
    if let Some(days) = input.recheck_days {
        return find_replaced(&input, days.get(), newest_hour_over, context).await;
    }
    let job = find_or_create_job(&input, newest_hour_over, context).await?;
    emit_lag(&job, newest_hour_over);
    let query = DueQuery {
        now,
        first_hour: job.first_hour,
        next_hour: job.next_hour().expect("Jobs::get returns only jobs whose bookmark names an hour"),
        after: input.after,
        max_hours: input.max_hours.get(),
        rules: context.rules,
    };
    let items = context.ledger.summaries(query.first_needed(), newest_hour_over).await?;
    let known = query.due_in_ledger(&items);
    let (probes, error) = context.archive.probe(query.probes(&known)).await;
    let due = due::select_due(&query, known, &probes);
    match error {
        Some(error) if due.hours.is_empty() && !due.caught_up => Err(error.into()),
        _ => {
            tracing::info!(hours = due.hours.len(), caught_up = due.caught_up, requests = probes.len(), "due hours");
            Ok(Output { hours: due.hours, caught_up: due.caught_up, newest_hour_over })
        }
    }
}

/// Returns the hours that the source has replaced: their ETag (or, without ETags, `Last-Modified`) differs from the fetched one.
async fn find_replaced(
    input: &Input,
    days: u32,
    newest_hour_over: ArchiveHour,
    context: &Context,
) -> Result<Output, NextFileError> {
    let first = newest_hour_over.minus(days.saturating_mul(24) - 1).unwrap_or(ArchiveHour::FIRST);
    let first = input.after.map_or(first, |after| first.max(after.plus(1)));
    let published =
        if first <= newest_hour_over { context.ledger.sources(first, newest_hour_over).await? } else { Vec::new() };
    let (requests, limit) =
        (published.len(), usize::try_from(input.max_hours.get()).expect("usize has at least 32 bits"));
    let (mut hours, error) = context.archive.replaced(published).await;
    if let Some(error) = error.filter(|_| hours.is_empty()) {
        return Err(error.into());
    }
    let caught_up = hours.len() <= limit;
    hours.truncate(limit);
    tracing::info!(hours = hours.len(), requests, "replaced hours");
    Ok(Output { hours, caught_up, newest_hour_over })
}

fn validate(input: &Input, newest_hour_over: ArchiveHour) -> Result<(), InvalidInput> {
    if input.job_id.is_empty() {
        return Err(InvalidInput::new("job_id", "is empty"));
    }
    for (field, hour) in [("from", input.from), ("after", input.after)] {
        if let Some(hour) = hour.filter(|hour| *hour > newest_hour_over) {
            return Err(InvalidInput::new(field, format!("hour {hour} is not over")));
        }
    }
    Ok(())
}

/// Emits how many hours the bookmark (initially the start of the job) is behind the newest hour that is over.
fn emit_lag(job: &JobItem, newest_hour_over: ArchiveHour) {
    let next = job.next_hour().unwrap_or(job.first_hour);
    let lag = newest_hour_over.hours_since(next) + 1;
    Metrics::new().with("LagHours", Unit::Count, lag.max(0) as f64).by("Job", job.job_id.as_str()).emit();
}

/// Reads the job, and creates it if it does not exist. Concurrent runs agree on the item of one of them.
async fn find_or_create_job(
    input: &Input,
    newest_hour_over: ArchiveHour,
    context: &Context,
) -> Result<JobItem, NextFileError> {
    if let Some(job) = context.jobs.get(&input.job_id).await? {
        return Ok(job);
    }
    let baseline_hours = context.baseline_days.saturating_mul(24);
    let baseline = newest_hour_over.minus(baseline_hours).unwrap_or(ArchiveHour::FIRST);
    let job = JobItem {
        job_id: input.job_id.clone(),
        job_description: JOB_DESCRIPTION.to_owned(),
        baseline_days: context.baseline_days,
        first_hour: input.from.unwrap_or(baseline),
        job_run_bookmark_details: None,
    };
    if context.jobs.create(&job).await? {
        tracing::info!(job_id = job.job_id, first_hour = %job.first_hour, "job created");
        return Ok(job);
    }
    // Another run created the job. If it is absent now, the table is being emptied.
    Ok(context.jobs.get(&input.job_id).await?.unwrap_or(job))
}
