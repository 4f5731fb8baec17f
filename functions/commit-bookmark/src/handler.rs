//! What the function does.

use std::time::Duration;

use aws_lake::{BookmarkMove, Commit, CommitError, LedgerPut, RunPut};
use function_runtime::Metrics;
use pipeline::ArchiveHour;
use pipeline::ledger::{BookmarkDetails, Verdict};
use pipeline::publish::{self, ExecutionRef};

use crate::decision::{Decision, End, decide};
use crate::seen::{Reach, Seen, days_before};
use crate::turn::Turn;
use crate::{CommitBookmarkError, Context, Input, Output, cleanup, measures};

/// How often a decision is made before giving up.
const MAX_DECISIONS: u32 = 8;

/// The longest pause after the first conflict. Each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(40);

/// How `register-partition` refuses an hour as it was converted.
const REFUSALS: [&str; 2] = ["HourWouldShrink", "HourDoesNotBalance"];

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Records how a run ended.
pub async fn handle(input: Input, context: &Context) -> Result<Output, CommitBookmarkError> {
    input.validate(context.bucket.name(), (context.now)())?;
    let before = if input.outcome.publication().is_some() {
        days_before(input.hour, &context.tables).await?
    } else {
        Vec::new()
    };
    let mut turn = Turn::of(&input, context);
    let mut reasons = String::new();
    for decision in 0..MAX_DECISIONS {
        if decision > 0 {
            // Not a retry of a call: what was read is out of date, and what is written next is decided anew.
            let longest = (FIRST_PAUSE * (1 << (decision - 1))).min(LONGEST_PAUSE);
            tokio::time::sleep((context.jitter)(longest)).await;
        }
        let seen = Seen::read(&input, &context.tables).await?;
        let decision = decide(&input, &seen, &before, (context.now)(), &context.rules);
        let held = turn.as_ref().is_some_and(|turn| seen.lease.as_ref().is_some_and(|lease| turn.is(lease)));
        if let Some(version) = decision.replaced_by(&seen) {
            let run = ExecutionRef { execution_arn: &input.execution_arn, started_at: input.started_at };
            publish::check_overtaken(input.hour, version, &run, seen.ledger.as_ref())?;
            if !held {
                return Err(CommitBookmarkError::LeaseLost { hour: input.hour, version });
            }
        }
        if let Some(turn) = turn.as_mut().filter(|_| held) {
            forget_versions(&input, &seen, &decision, turn, context).await?;
        }
        let measured = measured(&seen, &decision);
        let (commit, bookmark) = commit(&input, seen, &decision, context).await?;
        match context.tables.commit(&commit).await {
            Ok(()) => {
                measured.emit();
                return finish(&input, decision, bookmark, turn.filter(|_| held), context).await;
            }
            Err(CommitError::Aws(error)) => return Err(error.into()),
            Err(CommitError::Conflict { reasons: met }) => {
                tracing::info!(reasons = met, "conflict: deciding again");
                reasons = met;
            }
        }
    }
    Err(CommitBookmarkError::Conflict { hour: input.hour, decisions: MAX_DECISIONS, reasons })
}

/// The ledger names versions until their objects are gone. Those that it is about to forget are deleted first: the run that
/// had to may have ended before it got to it. So is what attempts have left behind that it is about to forget.
async fn forget_versions(
    input: &Input,
    seen: &Seen,
    decision: &Decision,
    turn: &mut Turn<'_>,
    context: &Context,
) -> Result<(), CommitBookmarkError> {
    let (Some(item), Some(next)) = (&seen.ledger, &decision.ledger) else { return Ok(()) };
    for old in item.previous_versions.iter().filter(|old| next.versions().all(|named| named != old.version)) {
        cleanup::version(input.hour, old.version, &context.bucket, turn).await?;
    }
    if item.failed_attempts > 0 {
        cleanup::unknown_versions(input.hour, next, &context.bucket, turn).await?;
    }
    Ok(())
}

/// What is to be counted once the decision is written: what is in the tables already was counted before.
fn measured(seen: &Seen, decision: &Decision) -> Metrics {
    if seen.run.as_ref() == Some(&decision.run) {
        return Metrics::new();
    }
    let changed = decision.ledger.as_ref().filter(|_| decision.replaced_by(seen).is_some());
    let published = changed.and_then(|item| Some((item.publication.as_ref()?, item.verdict)));
    measures::of(&decision.run, published)
}

/// What has to be written to get from what was `seen` to what was decided, and the bookmark after that.
async fn commit(
    input: &Input,
    seen: Seen,
    decision: &Decision,
    context: &Context,
) -> Result<(Commit, Option<ArchiveHour>), CommitBookmarkError> {
    let mut commit = Commit::default();
    let mut bookmark = seen.job.as_ref().and_then(|job| job.bookmark().ok().flatten());
    if seen.run.as_ref() != Some(&decision.run) {
        let decided_from = seen.run.as_ref().map(|run| run.ended_at);
        commit.run = Some(RunPut { item: decision.run.clone(), decided_from });
    }
    let Some(item) = &decision.ledger else { return Ok((commit, bookmark)) };
    if seen.ledger.as_ref() != Some(item) {
        let decided_from = seen.ledger.as_ref().map(|item| item.revision);
        commit.ledger = Some(LedgerPut { hour: input.hour, item: item.clone(), decided_from });
    }
    if decision.replaced_by(&seen).is_some() {
        commit.under = seen.lease;
    }
    let Some(reach) = Reach::read(seen.job.as_ref(), input.hour, item.status, &context.tables).await? else {
        return Ok((commit, bookmark));
    };
    if let (Some(job), Some((hour, status))) = (seen.job, reach.to) {
        tracing::info!(from = ?bookmark.map(|hour| hour.to_string()), to = %hour, "the bookmark moves");
        bookmark = Some(hour);
        commit.bookmark = Some(BookmarkMove { job, to: BookmarkDetails::at(hour, status) });
    }
    let settles = commit.ledger.is_some() && item.status.is_settled();
    if (settles || commit.bookmark.is_some()) && reach.stop.hour != input.hour {
        commit.unchanged = Some(reach.stop);
    }
    Ok((commit, bookmark))
}

/// Removes what was replaced and gives the lease back, if it is the run's `turn`, or removes what was refused; then answers.
async fn finish(
    input: &Input,
    decision: Decision,
    bookmark: Option<ArchiveHour>,
    turn: Option<Turn<'_>>,
    context: &Context,
) -> Result<Output, CommitBookmarkError> {
    let hour = input.hour;
    let item = decision.ledger.as_ref();
    if let Some(mut turn) = turn {
        let previous = item.map_or(&[][..], |item| &item.previous_versions);
        for replaced in previous.iter().skip(context.rules.keep_versions) {
            cleanup::version(hour, replaced.version, &context.bucket, &mut turn).await?;
        }
        turn.end().await?;
    }
    let verdict: Option<Verdict> = item.and_then(|item| item.verdict);
    match decision.end {
        End::Answer(status) => {
            tracing::info!(?status, ?verdict, "recorded");
            Ok(Output { hour, status, verdict, bookmark })
        }
        End::Fail(failure) => {
            if let Some(published) = item.and_then(|item| item.publication.as_ref())
                && REFUSALS.contains(&failure.name.as_str())
            {
                cleanup::refused(input, published, context).await?;
            }
            Err(CommitBookmarkError::Recorded { hour, failure })
        }
    }
}
