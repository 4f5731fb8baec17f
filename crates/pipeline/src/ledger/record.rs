//! The changes of an hour's ledger item.
//!
//! - Recording the same publication again changes nothing: an hour that ran three times has the ledger item of one run.
//! - A settled hour stays settled, because the bookmark may already be past it. A later failure of a published hour is stored
//!   in `last_error`, and a missing hour that fails in another way stays missing.

use jiff::{SignedDuration, Timestamp};

use super::{HourFailure, HourStatus, LedgerItem, PreviousVersion, Publication, Verdict};
use crate::{ArchiveHour, gaps, keys};

/// The error name for a 404 of the source.
pub const SOURCE_NOT_PUBLISHED: &str = "SourceNotPublished";

/// The wait before the second attempt of an hour. Each further wait is twice as long.
const FIRST_RETRY: SignedDuration = SignedDuration::from_hours(1);

const LONGEST_RETRY: SignedDuration = SignedDuration::from_hours(24);

/// Subtracted from each wait, so that the hour is due even if the scheduled run starts a little early.
const RETRY_SLACK: SignedDuration = SignedDuration::from_mins(10);

/// A run whose result is recorded.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    pub hour: ArchiveHour,
    pub execution_arn: &'a str,
    pub now: Timestamp,
}

/// The ages at which an absent hour becomes missing, and is no longer retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingRules {
    /// From this many hours after its end, an absent hour is `missing` instead of `not_published`.
    pub missing_after_hours: u32,
    /// A missing hour is retried until this many days after its end.
    pub missing_retry_days: u32,
}

impl MissingRules {
    /// Whether an absent hour is `missing`: it is old, or a known gap.
    pub fn is_missing(&self, hour: ArchiveHour, now: Timestamp) -> bool {
        let limit = SignedDuration::from_hours(self.missing_after_hours.into());
        gaps::is_known(hour) || now.duration_since(hour.end()) > limit
    }

    /// Whether a missing hour is still retried.
    pub fn is_retried(&self, hour: ArchiveHour, now: Timestamp) -> bool {
        let limit = SignedDuration::from_hours(24 * i64::from(self.missing_retry_days));
        !gaps::is_known(hour) && now.duration_since(hour.end()) <= limit
    }
}

impl HourFailure {
    /// Cuts the message to [`HourFailure::MAX_MESSAGE`] bytes, between two characters.
    pub fn new(name: impl Into<String>, message: impl Into<String>) -> Self {
        let mut message = message.into();
        message.truncate(message.floor_char_boundary(Self::MAX_MESSAGE));
        Self { name: name.into(), message }
    }

    pub fn is_not_published(&self) -> bool {
        self.name == SOURCE_NOT_PUBLISHED
    }
}

/// The way in which a version was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishKind {
    /// From the fetched file.
    Converted,
    /// From an earlier version.
    RolledBack,
}

/// The item after `publication` was published, with `keep` earlier versions. Equals `existing` if nothing changes.
pub fn published(
    existing: Option<&LedgerItem>,
    attempt: &Attempt<'_>,
    publication: &Publication,
    how: PublishKind,
    verdict: Verdict,
    keep: usize,
) -> LedgerItem {
    let before = existing.and_then(|item| Some((item, item.publication.as_ref()?)));
    match before {
        Some((item, visible)) if is_same(visible, publication) => {
            // The source can have the same bytes under another ETag.
            let source = publication.source.clone();
            let same = LedgerItem {
                publication: Some(Publication { source, ..visible.clone() }),
                rolled_back_from: item.rolled_back_from.filter(|_| how == PublishKind::RolledBack),
                failed_attempts: 0,
                last_error: None,
                ..item.clone()
            };
            if same == *item {
                return same;
            }
            LedgerItem { revision: item.revision + 1, updated_at: attempt.now, ..same }
        }
        _ => LedgerItem {
            status: HourStatus::Published,
            publication: Some(publication.clone()),
            verdict: Some(verdict),
            previous_versions: before
                .map_or_else(Vec::new, |(item, visible)| replaced(item, visible, publication, keep)),
            rolled_back_from: before.and_then(|(item, visible)| {
                let from = item.rolled_back_from.unwrap_or(visible.version);
                (how == PublishKind::RolledBack && from != publication.version).then_some(from)
            }),
            published_at: Some(attempt.now),
            ..new_item(existing, attempt, HourStatus::Published)
        },
    }
}

/// The earlier versions after `next` replaced `visible`.
fn replaced(item: &LedgerItem, visible: &Publication, next: &Publication, keep: usize) -> Vec<PreviousVersion> {
    let Publication { version, source, counts, .. } = visible;
    let newest = PreviousVersion { version: *version, source: source.clone(), rows: counts.rows };
    let older = item.previous_versions.iter().take(keep).cloned();
    std::iter::once(newest).chain(older).filter(|previous| previous.version != next.version).collect()
}

/// The item after a run failed.
pub fn failed(
    existing: Option<&LedgerItem>,
    attempt: &Attempt<'_>,
    failure: &HourFailure,
    rules: &MissingRules,
) -> LedgerItem {
    let failed_attempts = existing.map_or(0, |item| item.failed_attempts).saturating_add(1);
    let last_error = Some(HourFailure::new(&failure.name, &failure.message));
    if let Some(item) = existing.filter(|item| item.status == HourStatus::Published) {
        let (revision, updated_at) = (item.revision + 1, attempt.now);
        return LedgerItem { revision, failed_attempts, last_error, updated_at, ..item.clone() };
    }
    let was_missing = existing.is_some_and(|item| item.status == HourStatus::Missing);
    let status = match failure.is_not_published() {
        _ if was_missing => HourStatus::Missing,
        true if rules.is_missing(attempt.hour, attempt.now) => HourStatus::Missing,
        true => HourStatus::NotPublished,
        false => HourStatus::Failed,
    };
    let again = status != HourStatus::Missing || rules.is_retried(attempt.hour, attempt.now);
    let next_attempt_at = again.then(|| attempt.now + wait(failed_attempts));
    LedgerItem { failed_attempts, next_attempt_at, last_error, ..new_item(existing, attempt, status) }
}

/// The wait after the `failed_attempts`-th failure in a row.
fn wait(failed_attempts: u32) -> SignedDuration {
    let doublings = failed_attempts.saturating_sub(1).min(16);
    (FIRST_RETRY * (1 << doublings)).min(LONGEST_RETRY) - RETRY_SLACK
}

fn is_same(one: &Publication, other: &Publication) -> bool {
    (one.version, &one.partition_location) == (other.version, &other.partition_location)
}

/// The next revision of the item, with nothing but its status.
fn new_item(existing: Option<&LedgerItem>, attempt: &Attempt<'_>, status: HourStatus) -> LedgerItem {
    LedgerItem {
        archive: keys::ARCHIVE.to_owned(),
        hour: attempt.hour.ledger_key(),
        status,
        revision: existing.map_or(0, |item| item.revision) + 1,
        publication: None,
        verdict: None,
        previous_versions: Vec::new(),
        rolled_back_from: None,
        failed_attempts: 0,
        next_attempt_at: None,
        last_error: None,
        execution_arn: attempt.execution_arn.to_owned(),
        published_at: None,
        updated_at: attempt.now,
    }
}

#[cfg(test)]
mod tests;
