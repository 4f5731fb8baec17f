//! What the function does.

use function_runtime::{InvalidInput, Metrics, Unit};
use pipeline::ArchiveHour;
use pipeline::due::{self, DueQuery};
use pipeline::ledger::JobItem;

use crate::{Context, Input, NextFileError, Output};

const JOB_DESCRIPTION: &str = "GitHub's public activity from GH Archive, hour by hour";

/// Names the due hours.
pub async fn handle(input: Input, context: &Context) -> Result<Output, NextFileError> {
    let now = (context.now)();
    let newest_hour_over = due::newest_over(now).ok_or(NextFileError::Clock)?;
    validate(&input, newest_hour_over)?;
    if let Some(days) = input.recheck_days {
        return replaced(&input, days.get(), newest_hour_over, context).await;
    }
    let job = job(&input, newest_hour_over, context).await?;
    measure_lag(&job, newest_hour_over);
    let query = DueQuery {
        now,
        first_hour: job.first_hour,
        next_hour: job.next_hour().expect("a job is read only with a bookmark that names an hour"),
        after: input.after,
        max_hours: input.max_hours.get(),
        rules: context.rules,
    };
    let items = context.ledger.summaries(query.first_needed(), newest_hour_over).await?;
    let known = query.due_in_ledger(&items);
    let (answers, error) = context.archive.probe(query.probes(&known)).await;
    let due = due::select_due(&query, known, &answers);
    match error {
        Some(error) if due.hours.is_empty() && !due.caught_up => Err(error.into()),
        _ => {
            tracing::info!(hours = due.hours.len(), caught_up = due.caught_up, asked = answers.len(), "named");
            Ok(Output { hours: due.hours, caught_up: due.caught_up, newest_hour_over })
        }
    }
}

/// Names the hours that the source has replaced: those under another tag (or, without tags, of another time) than they were
/// fetched under.
async fn replaced(
    input: &Input,
    days: u32,
    newest_hour_over: ArchiveHour,
    context: &Context,
) -> Result<Output, NextFileError> {
    let first = newest_hour_over.minus(days.saturating_mul(24) - 1).unwrap_or(ArchiveHour::FIRST);
    let first = input.after.map_or(first, |after| first.max(after.plus(1)));
    let published = match first <= newest_hour_over {
        true => context.ledger.sources(first, newest_hour_over).await?,
        false => Vec::new(),
    };
    let (asked, most) = (published.len(), input.max_hours.get() as usize);
    let (mut hours, error) = context.archive.replaced(published).await;
    if let Some(error) = error.filter(|_| hours.is_empty()) {
        return Err(error.into());
    }
    let caught_up = hours.len() <= most;
    hours.truncate(most);
    tracing::info!(hours = hours.len(), asked, "looked for replaced hours");
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

/// How many hours the bookmark (or, at first, the job's beginning) is behind the newest hour over.
fn measure_lag(job: &JobItem, newest_hour_over: ArchiveHour) {
    let next = job.next_hour().unwrap_or(job.first_hour);
    let lag = newest_hour_over.hours_since(next) + 1;
    Metrics::new().with("LagHours", Unit::Count, lag.max(0) as f64).by("Job", job.job_id.as_str()).emit();
}

/// The job's item, which is written if there is none. Two runs at once end with the item of one of them.
async fn job(input: &Input, newest_hour_over: ArchiveHour, context: &Context) -> Result<JobItem, NextFileError> {
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
        tracing::info!(job_id = job.job_id, first_hour = %job.first_hour, "the job begins");
        return Ok(job);
    }
    // Another run was quicker; a table that then has no item is one that somebody empties.
    Ok(context.jobs.get(&input.job_id).await?.unwrap_or(job))
}
