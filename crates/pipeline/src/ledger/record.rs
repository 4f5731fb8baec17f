//! How the ledger's item of an hour changes.
//!
//! Promise: recording the same publication again changes nothing, so that an hour run three times has the ledger of an hour
//! run once. A settled hour stays settled: a later failure of a published hour is told in `last_error`, and a missing hour
//! that fails in another way stays missing, or else the bookmark would stand past an hour that it may not pass.

use jiff::{SignedDuration, Timestamp};

use super::{HourFailure, HourStatus, LedgerItem, PreviousVersion, Publication, Verdict};
use crate::{ArchiveHour, gaps, keys};

/// The name of the failure that says: the source answered 404.
pub const SOURCE_NOT_PUBLISHED: &str = "SourceNotPublished";

/// The first wait before an hour is named again. Each further one is twice as long.
const FIRST_RETRY: SignedDuration = SignedDuration::from_hours(1);

/// The longest wait.
const LONGEST_RETRY: SignedDuration = SignedDuration::from_hours(24);

/// What each wait is shorter, so that the schedule's next run but n finds the hour due although it comes a little early.
const RETRY_SLACK: SignedDuration = SignedDuration::from_mins(10);

/// A run that has something to record about an hour.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The hour.
    pub hour: ArchiveHour,
    /// The execution.
    pub execution_arn: &'a str,
    /// The time.
    pub now: Timestamp,
}

/// When an hour that the source does not have is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingRules {
    /// An absent hour is missing, not merely late, so many hours after its end.
    pub missing_after_hours: u32,
    /// A missing hour is asked for again until so many days after its end.
    pub missing_retry_days: u32,
}

impl MissingRules {
    /// Whether the archive will not have `hour` any more, as far as can be told.
    pub fn is_missing(&self, hour: ArchiveHour, now: Timestamp) -> bool {
        let limit = SignedDuration::from_hours(self.missing_after_hours.into());
        gaps::is_known(hour) || now.duration_since(hour.end()) > limit
    }

    /// Whether a missing hour is still asked for.
    pub fn is_retried(&self, hour: ArchiveHour, now: Timestamp) -> bool {
        let limit = SignedDuration::from_hours(24 * i64::from(self.missing_retry_days));
        !gaps::is_known(hour) && now.duration_since(hour.end()) <= limit
    }
}

impl HourFailure {
    /// A failure whose message is cut to [`HourFailure::MAX_MESSAGE`] bytes, between two characters.
    pub fn new(name: impl Into<String>, message: impl Into<String>) -> Self {
        let mut message = message.into();
        message.truncate(message.floor_char_boundary(Self::MAX_MESSAGE));
        Self { name: name.into(), message }
    }

    /// Whether it says that the source has no such hour.
    pub fn is_not_published(&self) -> bool {
        self.name == SOURCE_NOT_PUBLISHED
    }
}

/// How a version became visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishKind {
    /// It is what was fetched.
    Converted,
    /// Readers saw it before.
    RolledBack,
}

/// The item after `publication` became visible, where `keep` of the versions that readers saw before are kept. It equals
/// `existing` if that says so already.
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
            // The source may have the same bytes under another tag by now, or again.
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
            ..blank(existing, attempt, HourStatus::Published)
        },
    }
}

/// The versions before `next`, once it has replaced `visible`. Those that are not kept are gone by then.
fn replaced(item: &LedgerItem, visible: &Publication, next: &Publication, keep: usize) -> Vec<PreviousVersion> {
    let Publication { version, source, counts, .. } = visible;
    let newest = PreviousVersion { version: *version, source: source.clone(), rows: counts.rows };
    let older = item.previous_versions.iter().take(keep).cloned();
    std::iter::once(newest).chain(older).filter(|previous| previous.version != next.version).collect()
}

/// The item after a run ended with `failure`.
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
    LedgerItem { failed_attempts, last_error, next_attempt_at, ..blank(existing, attempt, status) }
}

/// How long after the `failed_attempts`-th failure in a row an hour is due again.
fn wait(failed_attempts: u32) -> SignedDuration {
    let doublings = failed_attempts.saturating_sub(1).min(16);
    (FIRST_RETRY * (1 << doublings)).min(LONGEST_RETRY) - RETRY_SLACK
}

fn is_same(one: &Publication, other: &Publication) -> bool {
    (one.version, &one.partition_location) == (other.version, &other.partition_location)
}

/// The hour's next item, of which nothing is known but its status.
fn blank(existing: Option<&LedgerItem>, attempt: &Attempt<'_>, status: HourStatus) -> LedgerItem {
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
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::ledger::tests::published as visible;
    use HourStatus::{Missing, NotPublished, Published};

    const RULES: MissingRules = MissingRules { missing_after_hours: 48, missing_retry_days: 30 };

    fn hour() -> ArchiveHour {
        "2025-11-21-0".parse().unwrap()
    }

    fn attempt(hours_after_end: i64) -> Attempt<'static> {
        Attempt {
            hour: hour(),
            execution_arn: "arn:b",
            now: hour().end() + SignedDuration::from_hours(hours_after_end),
        }
    }

    fn publication(version: &str, rows: u64) -> Publication {
        let mut publication = visible(rows, BTreeMap::new()).publication.unwrap();
        publication.version = version.parse().unwrap();
        publication
    }

    /// Fetched and published, one version kept.
    fn publish(
        existing: Option<&LedgerItem>,
        attempt: &Attempt<'_>,
        publication: &Publication,
        verdict: Verdict,
    ) -> LedgerItem {
        published(existing, attempt, publication, PublishKind::Converted, verdict, 1)
    }

    fn roll_back(existing: &LedgerItem, version: &str, keep: usize) -> LedgerItem {
        let publication = publication(version, 10);
        published(Some(existing), &attempt(20), &publication, PublishKind::RolledBack, Verdict::Complete, keep)
    }

    fn previous(item: &LedgerItem) -> Vec<String> {
        item.previous_versions.iter().map(|previous| previous.version.to_string()).collect()
    }

    fn failure(name: &str) -> HourFailure {
        HourFailure::new(name, "no")
    }

    #[test]
    fn a_first_publication_is_revision_one() {
        let item = publish(None, &attempt(1), &publication("0123456789ab", 10), Verdict::Complete);
        assert_eq!((item.status, item.revision, previous(&item).len()), (Published, 1, 0));
        assert_eq!((item.hour.as_str(), item.published_at), ("2025-11-21T00", Some(attempt(1).now)));
    }

    #[test]
    fn the_same_version_again_changes_nothing() {
        let once = publish(None, &attempt(1), &publication("0123456789ab", 10), Verdict::Complete);
        let other = Attempt { execution_arn: "arn:c", ..attempt(9) };
        assert_eq!(publish(Some(&once), &other, &publication("0123456789ab", 10), Verdict::Tiny), once);
    }

    #[test]
    fn the_same_version_under_another_tag_is_remembered_under_it() {
        let once = publish(None, &attempt(1), &publication("0123456789ab", 10), Verdict::Complete);
        let mut renamed = publication("0123456789ab", 10);
        renamed.source.etag = Some("\"other\"".to_owned());
        let twice = publish(Some(&once), &attempt(9), &renamed, Verdict::Tiny);
        assert_eq!(twice.publication, Some(renamed.clone()), "or it would count as replaced for ever");
        assert_eq!((twice.revision, twice.verdict, twice.published_at), (2, once.verdict, once.published_at));
        assert_eq!(
            (previous(&twice).len(), publish(Some(&twice), &attempt(10), &renamed, Verdict::Tiny)),
            (0, twice.clone())
        );
    }

    #[test]
    fn another_version_names_the_one_it_replaced() {
        let once = publish(None, &attempt(1), &publication("0123456789ab", 10), Verdict::Complete);
        let twice = publish(Some(&once), &attempt(9), &publication("ffffffffffff", 11), Verdict::Degraded);
        assert_eq!(previous(&twice), ["0123456789ab"]);
        assert_eq!((twice.previous_versions[0].rows, twice.rolled_back_from), (10, None));
        assert_eq!((twice.revision, twice.verdict), (2, Some(Verdict::Degraded)));
        assert_eq!(twice.published_at, Some(attempt(9).now));
    }

    #[test]
    fn as_many_versions_are_remembered_as_are_kept_and_one_that_is_going() {
        for (keep, remembered) in [
            (0, vec!["cccccccccccc"]),
            (1, vec!["cccccccccccc", "bbbbbbbbbbbb"]),
            (2, vec!["cccccccccccc", "bbbbbbbbbbbb", "aaaaaaaaaaaa"]),
        ] {
            let mut item = None;
            for version in ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc", "dddddddddddd"] {
                let publication = publication(version, 10);
                let (how, verdict) = (PublishKind::Converted, Verdict::Complete);
                item = Some(published(item.as_ref(), &attempt(1), &publication, how, verdict, keep));
            }
            assert_eq!(previous(&item.unwrap()), remembered, "{keep} kept");
        }
    }

    #[test]
    fn a_rollback_swaps_two_versions_and_remembers_what_the_source_has() {
        let (a, b) = ("aaaaaaaaaaaa", "bbbbbbbbbbbb");
        let first = publish(None, &attempt(1), &publication(a, 10), Verdict::Complete);
        let second = publish(Some(&first), &attempt(2), &publication(b, 11), Verdict::Complete);
        let back = roll_back(&second, a, 1);
        assert_eq!((previous(&back), back.rolled_back_from), (vec![b.to_owned()], Some(b.parse().unwrap())));
        assert_eq!(roll_back(&back, a, 1), back, "once more changes nothing");
        let forth = roll_back(&back, b, 1);
        assert_eq!((previous(&forth), forth.rolled_back_from), (vec![a.to_owned()], None), "as the source has it");
        let fetched = publish(Some(&back), &attempt(3), &publication(a, 10), Verdict::Complete);
        assert_eq!((fetched.rolled_back_from, fetched.revision), (None, back.revision + 1), "the source has it again");
        let newer = publish(Some(&back), &attempt(3), &publication("cccccccccccc", 12), Verdict::Complete);
        assert_eq!((previous(&newer), newer.rolled_back_from), (vec![a.to_owned(), b.to_owned()], None));
    }

    #[test]
    fn two_rollbacks_in_a_row_remember_what_the_source_has() {
        let mut item = None;
        for version in ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"] {
            let publication = publication(version, 10);
            item =
                Some(published(item.as_ref(), &attempt(1), &publication, PublishKind::Converted, Verdict::Complete, 2));
        }
        let back = roll_back(&roll_back(&item.unwrap(), "bbbbbbbbbbbb", 2), "aaaaaaaaaaaa", 2);
        assert_eq!(previous(&back), ["bbbbbbbbbbbb", "cccccccccccc"]);
        assert_eq!(back.rolled_back_from, Some("cccccccccccc".parse().unwrap()));
    }

    #[test]
    fn a_published_hour_stays_published_and_tells_of_failures_until_it_is_published_again() {
        let once = publish(None, &attempt(1), &publication("0123456789ab", 10), Verdict::Complete);
        let after = failed(Some(&once), &attempt(2), &failure("SourceNotPublished"), &RULES);
        assert_eq!((after.status, after.failed_attempts, after.next_attempt_at), (Published, 1, None));
        assert_eq!((&after.publication, after.revision), (&once.publication, 2));
        let again = publish(Some(&after), &attempt(3), &publication("0123456789ab", 10), Verdict::Tiny);
        assert_eq!((again.last_error.as_ref(), again.failed_attempts, again.revision), (None, 0, 3));
        assert_eq!((again.verdict, again.published_at), (once.verdict, once.published_at));
    }

    #[test]
    fn an_absent_hour_is_late_at_first_and_missing_later() {
        let known: ArchiveHour = "2016-10-21-18".parse().unwrap();
        let early = Attempt { hour: known, execution_arn: "arn", now: known.end() };
        for (phrase, attempt, name, status, again) in [
            ("just over", attempt(0), "SourceNotPublished", NotPublished, true),
            ("two days later", attempt(48), "SourceNotPublished", NotPublished, true),
            ("more than two days later", attempt(49), "SourceNotPublished", Missing, true),
            ("after a month", attempt(31 * 24), "SourceNotPublished", Missing, false),
            ("a known gap, at once", early, "SourceNotPublished", Missing, false),
            ("a known gap that is there, but corrupt", early, "CorruptArchive", HourStatus::Failed, true),
            ("another failure, at once", attempt(0), "CorruptArchive", HourStatus::Failed, true),
            ("another failure, years later", attempt(90_000), "CorruptArchive", HourStatus::Failed, true),
        ] {
            let item = failed(None, &attempt, &failure(name), &RULES);
            assert_eq!((item.status, item.next_attempt_at.is_some()), (status, again), "{phrase}");
        }
    }

    #[test]
    fn a_missing_hour_stays_missing_until_it_is_published() {
        let missing = failed(None, &attempt(49), &failure("SourceNotPublished"), &RULES);
        let corrupt = failed(Some(&missing), &attempt(60), &failure("CorruptArchive"), &RULES);
        assert_eq!((corrupt.status, corrupt.last_error), (Missing, Some(failure("CorruptArchive"))));
        let there = publish(Some(&missing), &attempt(60), &publication("0123456789ab", 10), Verdict::Complete);
        assert_eq!((there.status, there.next_attempt_at, there.failed_attempts), (Published, None, 0));
    }

    #[test]
    fn waits_double_up_to_a_day() {
        let mut item = None;
        let mut minutes = Vec::new();
        for _ in 0..7 {
            let next = failed(item.as_ref(), &attempt(0), &failure("CorruptArchive"), &RULES);
            minutes.push(next.next_attempt_at.unwrap().duration_since(attempt(0).now).as_mins());
            item = Some(next);
        }
        assert_eq!(minutes, [50, 110, 230, 470, 950, 1430, 1430]);
        assert_eq!(wait(u32::MAX).as_mins(), 1430);
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let message = format!("a{}", "é".repeat(2_000));
        let failure = HourFailure::new("CorruptArchive", message);
        assert_eq!(failure.message.len(), HourFailure::MAX_MESSAGE - 1);
        assert!(failure.message.ends_with('é'));
    }

    proptest! {
        #[test]
        fn proptest_a_settled_hour_stays_settled_and_each_change_is_a_revision(
            runs in proptest::collection::vec((0..4_usize, 0..2_000_i64), 1..20),
        ) {
            let mut item: Option<LedgerItem> = None;
            for (kind, hours) in runs {
                let next = match kind {
                    0 => publish(item.as_ref(), &attempt(hours), &publication("0123456789ab", 1), Verdict::Complete),
                    1 => publish(item.as_ref(), &attempt(hours), &publication("ffffffffffff", 1), Verdict::Complete),
                    2 => failed(item.as_ref(), &attempt(hours), &failure("SourceNotPublished"), &RULES),
                    _ => failed(item.as_ref(), &attempt(hours), &failure("CorruptArchive"), &RULES),
                };
                prop_assert_eq!(next.publication.is_some(), next.status == Published);
                prop_assert!(next.previous_versions.iter().all(|old| Some(old.version) != next.publication.as_ref().map(|p| p.version)));
                if let Some(before) = &item {
                    prop_assert!(!before.status.is_settled() || next.status.is_settled());
                    prop_assert!(next == *before || next.revision == before.revision + 1);
                    prop_assert!(before.status != Published || next.status == Published);
                }
                item = Some(next);
            }
        }
    }
}
