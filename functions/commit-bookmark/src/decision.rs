//! Decides what to write, from the items that were read. This module does no I/O.

use jiff::Timestamp;
use pipeline::ledger::record::{self, Attempt, MissingRules, PublishKind};
use pipeline::ledger::{HourFailure, HourStatus, JobRunItem, LedgerItem};
use pipeline::{Version, verdict};

use crate::event::CommitStatus;
use crate::snapshot::Snapshot;
use crate::{Input, RunOutcome};

/// The new items of the hour and of the run; equal to those in the snapshot if nothing changes.
#[derive(Debug)]
pub(crate) struct Decision {
    /// `None` only if the hour has no item and gets none.
    pub(crate) ledger: Option<LedgerItem>,
    pub(crate) run: JobRunItem,
    pub(crate) conclusion: Conclusion,
}

impl Decision {
    /// Returns the version that replaces the one in the snapshot, if they differ.
    pub(crate) fn new_version(&self, snapshot: &Snapshot) -> Option<Version> {
        let version = |item: &LedgerItem| item.publication.as_ref().map(|publication| publication.version);
        let next = self.ledger.as_ref().and_then(version);
        next.filter(|_| next != snapshot.ledger.as_ref().and_then(version))
    }
}

/// How the function ends after the decision is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Conclusion {
    Return(CommitStatus),
    Fail(HourFailure),
}

/// The configuration of decisions.
#[derive(Clone, Copy, Debug)]
pub struct CommitRules {
    /// When an absent hour becomes `missing`, and until when it is requested again.
    pub missing: MissingRules,
    /// The number of replaced versions that are kept for a rollback.
    pub keep_versions: usize,
}

/// Decides from a snapshot and from the same hour on the `days_before`.
pub(crate) fn decide(
    input: &Input,
    snapshot: &Snapshot,
    days_before: &[LedgerItem],
    now: Timestamp,
    rules: &CommitRules,
) -> Decision {
    let (how, publication) = match &input.outcome {
        RunOutcome::Published(publication) => (PublishKind::Converted, publication),
        RunOutcome::RolledBack(publication) => (PublishKind::RolledBack, publication),
        RunOutcome::Failed(failure) => {
            return failed(input, snapshot, &HourFailure::new(&failure.name, &failure.message), now, &rules.missing);
        }
    };
    let (attempt, existing) = (attempt(input, now), snapshot.ledger.as_ref());
    let verdict = verdict::compare(publication.counts.rows, &publication.types, days_before);
    let ledger = record::published(existing, &attempt, publication, how, verdict, rules.keep_versions);
    let is_recorded =
        |run: &&JobRunItem| run.status == HourStatus::Published && run.version == Some(publication.version);
    let run = snapshot.run.as_ref().filter(is_recorded).cloned().unwrap_or_else(|| JobRunItem {
        version: Some(publication.version),
        rows: Some(publication.counts.rows),
        ..run(input, HourStatus::Published, now)
    });
    Decision { ledger: Some(ledger), run, conclusion: Conclusion::Return(CommitStatus::Published) }
}

fn failed(input: &Input, snapshot: &Snapshot, failure: &HourFailure, now: Timestamp, rules: &MissingRules) -> Decision {
    if let Some(run) = redriven_run(input, snapshot, now).filter(|_| !failure.is_not_published()) {
        return Decision {
            ledger: snapshot.ledger.clone(),
            run,
            conclusion: Conclusion::Return(CommitStatus::Retrying),
        };
    }
    let recorded = snapshot.run.as_ref().filter(|run| run.error.is_some());
    let is_same = |run: &&JobRunItem| run.error.as_ref() == Some(failure) && run.redrive_count >= input.redrive_count;
    let (ledger, run) = if let (Some(item), Some(run)) = (&snapshot.ledger, recorded.filter(is_same)) {
        (item.clone(), run.clone())
    } else {
        let item = record::failed(snapshot.ledger.as_ref(), &attempt(input, now), failure, rules);
        let status = if failure.is_not_published() { absent_status(item.status) } else { HourStatus::Failed };
        (item, JobRunItem { error: Some(failure.clone()), ..run(input, status, now) })
    };
    let status = CommitStatus::of(ledger.status).filter(|_| failure.is_not_published());
    let conclusion = status.map_or_else(|| Conclusion::Fail(failure.clone()), Conclusion::Return);
    Decision { ledger: Some(ledger), run, conclusion }
}

/// Returns the item of a run whose execution was redriven since it failed, whether or not the failure was recorded.
///
/// If an earlier call returned `retrying` and its response was lost, the item is unchanged.
fn redriven_run(input: &Input, snapshot: &Snapshot, now: Timestamp) -> Option<JobRunItem> {
    let is_recorded = |run: &&JobRunItem| run.status == HourStatus::Landed && run.redrive_count == input.redrive_count;
    let item =
        || snapshot.run.as_ref().filter(is_recorded).cloned().unwrap_or_else(|| run(input, HourStatus::Landed, now));
    (input.redrive_count > input.resumed_redrive).then(item)
}

/// The status of a run whose source returned 404. The hour may have been published before.
fn absent_status(hour: HourStatus) -> HourStatus {
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
