//! The handler.

use aws_lake::{BookmarkMove, Commit, CommitError, LedgerPut, RunPut};
use function_runtime::Metrics;
use pipeline::ArchiveHour;
use pipeline::ledger::{BookmarkDetails, Verdict};
use pipeline::publish::{self, ExecutionRef};

use crate::decision::{Conclusion, Decision, decide};
use crate::lease_guard::LeaseGuard;
use crate::metrics::run_metrics;
use crate::snapshot::{BookmarkAdvance, Snapshot, days_before};
use crate::{CommitBookmarkError, Context, Input, Output, cleanup};

/// Attempts to read, decide and commit.
const MAX_DECISIONS: u32 = 8;

/// The errors of `register-partition` that refuse a converted hour.
const REFUSALS: [&str; 2] = ["HourWouldShrink", "HourDoesNotBalance"];

/// Records how a run ended.
///
/// # Errors
/// See [`CommitBookmarkError`]. After [`CommitBookmarkError::Recorded`] the failure of the run is in the tables.
pub async fn handle(input: Input, context: &Context) -> Result<Output, CommitBookmarkError> {
    input.validate(context.bucket.name(), context.clock.now())?;
    let before = if input.outcome.publication().is_some() {
        days_before(input.hour, &context.tables).await?
    } else {
        Vec::new()
    };
    let mut guard = LeaseGuard::of(&input, context);
    let (mut backoff, mut reasons) = (context.backoff.clone(), String::new());
    for attempt in 0..MAX_DECISIONS {
        if attempt > 0 {
            // Not a retry of a call: the snapshot is out of date, so read and decide again.
            tokio::time::sleep(backoff.next_wait()).await;
        }
        let snapshot = Snapshot::read(&input, &context.tables).await?;
        let decision = decide(&input, &snapshot, &before, context.clock.now(), &context.rules);
        let held = guard.as_ref().is_some_and(|guard| snapshot.lease.as_ref().is_some_and(|lease| guard.holds(lease)));
        if let Some(version) = decision.new_version(&snapshot) {
            let run = ExecutionRef { execution_arn: &input.execution_arn, started_at: input.started_at };
            publish::check_overtaken(input.hour, version, &run, snapshot.ledger.as_ref())?;
            if !held {
                return Err(CommitBookmarkError::LeaseLost { hour: input.hour, version });
            }
        }
        if let Some(guard) = guard.as_mut().filter(|_| held) {
            forget_versions(&input, &snapshot, &decision, guard, context).await?;
        }
        let metrics = commit_metrics(&snapshot, &decision);
        let (commit, bookmark) = plan_commit(&input, snapshot, &decision, context).await?;
        match context.tables.commit(&commit).await {
            Ok(()) => {
                metrics.emit();
                return finish(&input, decision, bookmark, guard.filter(|_| held), context).await;
            }
            Err(CommitError::Aws(error)) => return Err(error.into()),
            Err(CommitError::Conflict { reasons: met }) => {
                tracing::info!(reasons = met, "conflict, deciding again");
                reasons = met;
            }
        }
    }
    Err(CommitBookmarkError::Conflict { hour: input.hour, decisions: MAX_DECISIONS, reasons })
}

/// Deletes the objects of versions that the ledger is about to forget, and the leftovers of failed attempts.
///
/// The ledger names a version until its objects are deleted. The run that had to delete them may have ended earlier.
async fn forget_versions(
    input: &Input,
    snapshot: &Snapshot,
    decision: &Decision,
    guard: &mut LeaseGuard<'_>,
    context: &Context,
) -> Result<(), CommitBookmarkError> {
    let (Some(item), Some(next)) = (&snapshot.ledger, &decision.ledger) else { return Ok(()) };
    for old in item.previous_versions.iter().filter(|old| next.versions().all(|named| named != old.version)) {
        cleanup::delete_version(input.hour, old.version, &context.bucket, guard).await?;
    }
    if item.failed_attempts > 0 {
        cleanup::delete_unknown_versions(input.hour, next, &context.bucket, guard).await?;
    }
    Ok(())
}

/// Returns the metrics to emit after the commit. Items that are in the tables already were counted before.
fn commit_metrics(snapshot: &Snapshot, decision: &Decision) -> Metrics {
    if snapshot.run.as_ref() == Some(&decision.run) {
        return Metrics::new();
    }
    let changed = decision.ledger.as_ref().filter(|_| decision.new_version(snapshot).is_some());
    let published = changed.and_then(|item| Some((item.publication.as_ref()?, item.verdict)));
    run_metrics(&decision.run, published)
}

/// Returns the writes that lead from the snapshot to the decision, and the bookmark after them.
async fn plan_commit(
    input: &Input,
    snapshot: Snapshot,
    decision: &Decision,
    context: &Context,
) -> Result<(Commit, Option<ArchiveHour>), CommitBookmarkError> {
    let mut commit = Commit::default();
    let mut bookmark = snapshot.job.as_ref().and_then(|job| job.bookmark().ok().flatten());
    if snapshot.run.as_ref() != Some(&decision.run) {
        let decided_from = snapshot.run.as_ref().map(|run| run.ended_at);
        commit.run = Some(RunPut { item: decision.run.clone(), decided_from });
    }
    let Some(item) = &decision.ledger else { return Ok((commit, bookmark)) };
    if snapshot.ledger.as_ref() != Some(item) {
        let decided_from = snapshot.ledger.as_ref().map(|item| item.revision);
        commit.ledger = Some(LedgerPut { hour: input.hour, item: item.clone(), decided_from });
    }
    if decision.new_version(&snapshot).is_some() {
        commit.unchanged_lease = snapshot.lease;
    }
    let Some(advance) = BookmarkAdvance::read(snapshot.job.as_ref(), input.hour, item.status, &context.tables).await?
    else {
        return Ok((commit, bookmark));
    };
    if let (Some(job), Some((hour, status))) = (snapshot.job, advance.to) {
        tracing::info!(from = ?bookmark.map(|hour| hour.to_string()), to = %hour, "bookmark moves");
        bookmark = Some(hour);
        commit.bookmark = Some(BookmarkMove { job, to: BookmarkDetails::at(hour, status) });
    }
    let settles = commit.ledger.is_some() && item.status.is_settled();
    if (settles || commit.bookmark.is_some()) && advance.stop.hour != input.hour {
        commit.unchanged_hour = Some(advance.stop);
    }
    Ok((commit, bookmark))
}

/// With the lease, deletes replaced versions and gives the lease back. After a refusal, deletes the refused objects.
async fn finish(
    input: &Input,
    decision: Decision,
    bookmark: Option<ArchiveHour>,
    guard: Option<LeaseGuard<'_>>,
    context: &Context,
) -> Result<Output, CommitBookmarkError> {
    let hour = input.hour;
    let item = decision.ledger.as_ref();
    if let Some(mut guard) = guard {
        let previous = item.map_or(&[][..], |item| &item.previous_versions);
        for replaced in previous.iter().skip(context.rules.keep_versions) {
            cleanup::delete_version(hour, replaced.version, &context.bucket, &mut guard).await?;
        }
        guard.give_back().await?;
    }
    let verdict: Option<Verdict> = item.and_then(|item| item.verdict);
    match decision.conclusion {
        Conclusion::Return(status) => {
            tracing::info!(?status, ?verdict, "recorded");
            Ok(Output { hour, status, verdict, bookmark })
        }
        Conclusion::Fail(failure) => {
            if let Some(published) = item.and_then(|item| item.publication.as_ref())
                && REFUSALS.contains(&failure.name.as_str())
            {
                cleanup::delete_refused(input, published, context).await?;
            }
            Err(CommitBookmarkError::Recorded { hour, failure })
        }
    }
}
