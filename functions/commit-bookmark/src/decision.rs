//! What is to be written, decided from what was read. Nothing here does I/O.

use jiff::Timestamp;
use pipeline::ledger::record::{self, Attempt, MissingRules, PublishKind};
use pipeline::ledger::{HourFailure, HourStatus, JobRunItem, LedgerItem};
use pipeline::{Version, verdict};

use crate::event::Status;
use crate::seen::Seen;
use crate::{Input, Outcome};

/// The new items of the hour and of the run; equal to those seen where nothing changes.
#[derive(Debug)]
pub(crate) struct Decision {
    /// Absent only if the hour has no item and gets none.
    pub(crate) ledger: Option<LedgerItem>,
    pub(crate) run: JobRunItem,
    pub(crate) end: End,
}

impl Decision {
    /// The version that becomes the hour's in place of the one that was seen, if there is a change.
    pub(crate) fn replaced_by(&self, seen: &Seen) -> Option<Version> {
        let version = |item: &LedgerItem| item.publication.as_ref().map(|publication| publication.version);
        let next = self.ledger.as_ref().and_then(version);
        next.filter(|_| next != seen.ledger.as_ref().and_then(version))
    }
}

/// How the function ends once that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Answer(Status),
    Fail(HourFailure),
}

/// What a decision goes by, besides what is in the tables.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// When an absent hour is missing, and until when it is asked for again.
    pub missing: MissingRules,
    /// How many versions that readers saw before are kept for a rollback.
    pub keep_versions: usize,
}

/// Decides from what was `seen`, and from the same hour of the `days_before`.
pub(crate) fn decide(
    input: &Input,
    seen: &Seen,
    days_before: &[LedgerItem],
    now: Timestamp,
    rules: &Rules,
) -> Decision {
    let (how, publication) = match &input.outcome {
        Outcome::Published(publication) => (PublishKind::Converted, publication),
        Outcome::RolledBack(publication) => (PublishKind::RolledBack, publication),
        Outcome::Failed(failure) => {
            return failed(input, seen, &HourFailure::new(&failure.name, &failure.message), now, &rules.missing);
        }
    };
    let (attempt, existing) = (attempt(input, now), seen.ledger.as_ref());
    let verdict = verdict::compare(publication.counts.rows, &publication.types, days_before);
    let ledger = record::published(existing, &attempt, publication, how, verdict, rules.keep_versions);
    let is_recorded =
        |run: &&JobRunItem| run.status == HourStatus::Published && run.version == Some(publication.version);
    let run = seen.run.as_ref().filter(is_recorded).cloned().unwrap_or_else(|| JobRunItem {
        version: Some(publication.version),
        rows: Some(publication.counts.rows),
        ..run(input, HourStatus::Published, now)
    });
    Decision { ledger: Some(ledger), run, end: End::Answer(Status::Published) }
}

fn failed(input: &Input, seen: &Seen, failure: &HourFailure, now: Timestamp, rules: &MissingRules) -> Decision {
    if let Some(run) = going_back_to_work(input, seen, now).filter(|_| !failure.is_not_published()) {
        return Decision { ledger: seen.ledger.clone(), run, end: End::Answer(Status::Retrying) };
    }
    let recorded = seen.run.as_ref().filter(|run| run.error.is_some());
    let is_same = |run: &&JobRunItem| run.error.as_ref() == Some(failure) && run.redrive_count >= input.redrive_count;
    let (ledger, run) = match (&seen.ledger, recorded.filter(is_same)) {
        (Some(item), Some(run)) => (item.clone(), run.clone()),
        _ => {
            let item = record::failed(seen.ledger.as_ref(), &attempt(input, now), failure, rules);
            let status = if failure.is_not_published() { absent(item.status) } else { HourStatus::Failed };
            (item, JobRunItem { error: Some(failure.clone()), ..run(input, status, now) })
        }
    };
    let answer = Status::of(ledger.status).filter(|_| failure.is_not_published());
    let end = answer.map_or_else(|| End::Fail(failure.clone()), End::Answer);
    Decision { ledger: Some(ledger), run, end }
}

/// The run's item, if the execution was redriven since it failed, whether that failure could be recorded or not. If it was told
/// to go back to work, and that answer was lost, its item says so already.
fn going_back_to_work(input: &Input, seen: &Seen, now: Timestamp) -> Option<JobRunItem> {
    let says_so = |run: &&JobRunItem| run.status == HourStatus::Landed && run.redrive_count == input.redrive_count;
    let item = || seen.run.as_ref().filter(says_so).cloned().unwrap_or_else(|| run(input, HourStatus::Landed, now));
    (input.redrive_count > input.resumed_redrive).then(item)
}

/// The status of a run that the source answered with 404, over an hour that may have been published before.
fn absent(hour: HourStatus) -> HourStatus {
    if hour == HourStatus::Missing { HourStatus::Missing } else { HourStatus::NotPublished }
}

fn attempt(input: &Input, now: Timestamp) -> Attempt<'_> {
    Attempt { hour: input.hour, execution_arn: &input.execution_arn, now }
}

fn run(input: &Input, status: HourStatus, now: Timestamp) -> JobRunItem {
    JobRunItem {
        job_id: input.job_id.clone(),
        job_run_time: input.job_run_time(),
        hour: input.hour,
        status,
        execution_arn: input.execution_arn.clone(),
        version: None,
        rows: None,
        error: None,
        redrive_count: input.redrive_count,
        started_at: input.started_at,
        ended_at: now,
    }
}
