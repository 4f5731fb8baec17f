//! The handler.

use std::collections::HashMap;

use aws_lake::Ledger;
use function_runtime::InvalidInput;
use pipeline::due;
use pipeline::ledger::HourStatus;
use pipeline::{ArchiveHour, keys};
use serde_json::json;

use crate::event::{BackfillRequest, StatusCounts};
use crate::{Context, HoursManifest, Input, ListHoursError, Output};

/// The most open hours that the output names.
const MAX_NAMED: usize = 20;

/// Lists the hours of a range that a backfill has to run.
pub async fn handle(input: Input, context: &Context) -> Result<Output, ListHoursError> {
    let Input { request, tolerated_failure_percentage, manifest } = input;
    validate(&request, manifest.as_deref(), context)?;
    let records = records(&request, &context.ledger).await?;
    let hours: Vec<ArchiveHour> = hours(&request).collect();
    let mut output = Output {
        hours: 0,
        tolerated_failures: hours.len() as u64 * u64::from(tolerated_failure_percentage) / 100,
        manifest: None,
        statuses: StatusCounts::default(),
        open: 0,
        first_open: Vec::new(),
        job_id: request.job_id.clone(),
        force: request.force,
    };
    let mut listed = Vec::new();
    for hour in hours {
        let record = records.get(&hour);
        output.count(hour, record);
        if request.force || record.is_none_or(|record| record.status != HourStatus::Published) {
            listed.push(json!({ "hour": hour }));
        }
    }
    output.hours = u32::try_from(listed.len()).expect("a range has fewer than 2^32 hours");
    if let Some(name) = manifest {
        let (bucket, key) = (&context.bucket, keys::backfill_manifest(&name));
        let json = serde_json::to_vec(&listed).expect("hours can be written as JSON");
        bucket.write(&key, json, "application/json").await?;
        output.manifest = Some(HoursManifest { bucket: bucket.name().to_owned(), key });
    }
    tracing::info!(hours = output.hours, open = output.open, "listed");
    Ok(output)
}

fn validate(request: &BackfillRequest, manifest: Option<&str>, context: &Context) -> Result<(), InvalidInput> {
    let BackfillRequest { from, to, job_id, .. } = request;
    if job_id.is_empty() {
        return Err(InvalidInput::new("job_id", "is empty"));
    }
    if from > to {
        return Err(InvalidInput::new("to", format!("hour {to} is before from, {from}")));
    }
    if due::newest_over(context.clock.now()).is_none_or(|newest| *to > newest) {
        return Err(InvalidInput::new("to", format!("hour {to} is not over")));
    }
    let is_plain = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    match manifest {
        Some(name) if !is_plain(name) => Err(InvalidInput::new("manifest", "expected letters, digits, -, _ and .")),
        _ => Ok(()),
    }
}

struct HourRecord {
    status: HourStatus,
    /// Whether the last attempt failed with another error than `SourceNotPublished`.
    failed: bool,
}

async fn records(
    request: &BackfillRequest,
    ledger: &Ledger,
) -> Result<HashMap<ArchiveHour, HourRecord>, ListHoursError> {
    let outcomes = ledger.outcomes(request.from, request.to).await?.into_iter();
    let records = outcomes.map(|(hour, status, last_error)| {
        let failed = last_error.is_some_and(|error| !error.is_not_published());
        (hour, HourRecord { status, failed })
    });
    Ok(records.collect())
}

fn hours(request: &BackfillRequest) -> impl Iterator<Item = ArchiveHour> {
    let (from, to) = (request.from, request.to);
    std::iter::successors(Some(from), move |hour| (*hour < to).then(|| hour.plus(1)))
}

impl Output {
    fn count(&mut self, hour: ArchiveHour, record: Option<&HourRecord>) {
        let again = record.is_some_and(|record| record.failed).then_some("failed again");
        let again_by_force = again.filter(|_| self.force);
        let StatusCounts { published, missing, not_published, failed, landed, unknown } = &mut self.statuses;
        let (count, open) = match record.map(|record| record.status) {
            Some(HourStatus::Published) => (published, again_by_force),
            Some(HourStatus::Missing) => (missing, again),
            Some(HourStatus::NotPublished) => (not_published, None),
            Some(HourStatus::Failed) => (failed, Some("failed")),
            Some(HourStatus::Landed) => (landed, Some("landed")),
            None => (unknown, Some("never run")),
        };
        *count += 1;
        if let Some(why) = open {
            self.open += 1;
            if self.first_open.len() < MAX_NAMED {
                self.first_open.push(format!("{hour} ({why})"));
            }
        }
    }
}
