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
    Attempt { hour: hour(), execution_arn: "arn:b", now: hour().end() + SignedDuration::from_hours(hours_after_end) }
}

fn publication(version: &str, rows: u64) -> Publication {
    let mut publication = visible(rows, BTreeMap::new()).publication.unwrap();
    publication.version = version.parse().unwrap();
    publication
}

/// Publishes a converted version; one earlier version is kept.
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
fn first_publication_has_revision_one() {
    let item = publish(None, &attempt(1), &publication("0123456789ab", 10), Verdict::Complete);
    assert_eq!((item.status, item.revision, previous(&item).len()), (Published, 1, 0));
    assert_eq!((item.hour.as_str(), item.published_at), ("2025-11-21T00", Some(attempt(1).now)));
}

#[test]
fn same_publication_again_changes_nothing() {
    let once = publish(None, &attempt(1), &publication("0123456789ab", 10), Verdict::Complete);
    let other = Attempt { execution_arn: "arn:c", ..attempt(9) };
    assert_eq!(publish(Some(&once), &other, &publication("0123456789ab", 10), Verdict::Tiny), once);
}

#[test]
fn same_version_with_new_etag_updates_source() {
    let once = publish(None, &attempt(1), &publication("0123456789ab", 10), Verdict::Complete);
    let mut renamed = publication("0123456789ab", 10);
    renamed.source.etag = Some("\"other\"".to_owned());
    let twice = publish(Some(&once), &attempt(9), &renamed, Verdict::Tiny);
    assert_eq!(twice.publication, Some(renamed.clone()), "the hour would count as republished forever");
    assert_eq!((twice.revision, twice.verdict, twice.published_at), (2, once.verdict, once.published_at));
    assert_eq!(
        (previous(&twice).len(), publish(Some(&twice), &attempt(10), &renamed, Verdict::Tiny)),
        (0, twice.clone())
    );
}

#[test]
fn new_version_lists_the_one_it_replaced() {
    let once = publish(None, &attempt(1), &publication("0123456789ab", 10), Verdict::Complete);
    let twice = publish(Some(&once), &attempt(9), &publication("ffffffffffff", 11), Verdict::Degraded);
    assert_eq!(previous(&twice), ["0123456789ab"]);
    assert_eq!((twice.previous_versions[0].rows, twice.rolled_back_from), (10, None));
    assert_eq!((twice.revision, twice.verdict), (2, Some(Verdict::Degraded)));
    assert_eq!(twice.published_at, Some(attempt(9).now));
}

#[test]
fn previous_versions_are_the_kept_ones_and_one_more() {
    for (keep, listed) in [
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
        assert_eq!(previous(&item.unwrap()), listed, "{keep} kept");
    }
}

#[test]
fn rollback_swaps_two_versions() {
    let (a, b) = ("aaaaaaaaaaaa", "bbbbbbbbbbbb");
    let first = publish(None, &attempt(1), &publication(a, 10), Verdict::Complete);
    let second = publish(Some(&first), &attempt(2), &publication(b, 11), Verdict::Complete);
    let back = roll_back(&second, a, 1);
    assert_eq!((previous(&back), back.rolled_back_from), (vec![b.to_owned()], Some(b.parse().unwrap())));
    assert_eq!(roll_back(&back, a, 1), back, "the same rollback again changes nothing");
    let forth = roll_back(&back, b, 1);
    assert_eq!(
        (previous(&forth), forth.rolled_back_from),
        (vec![a.to_owned()], None),
        "readers see the source's file again"
    );
    let fetched = publish(Some(&back), &attempt(3), &publication(a, 10), Verdict::Complete);
    assert_eq!(
        (fetched.rolled_back_from, fetched.revision),
        (None, back.revision + 1),
        "the source has the old file again"
    );
    let newer = publish(Some(&back), &attempt(3), &publication("cccccccccccc", 12), Verdict::Complete);
    assert_eq!((previous(&newer), newer.rolled_back_from), (vec![a.to_owned(), b.to_owned()], None));
}

#[test]
fn second_rollback_keeps_the_source_version() {
    let mut item = None;
    for version in ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"] {
        let publication = publication(version, 10);
        item = Some(published(item.as_ref(), &attempt(1), &publication, PublishKind::Converted, Verdict::Complete, 2));
    }
    let back = roll_back(&roll_back(&item.unwrap(), "bbbbbbbbbbbb", 2), "aaaaaaaaaaaa", 2);
    assert_eq!(previous(&back), ["bbbbbbbbbbbb", "cccccccccccc"]);
    assert_eq!(back.rolled_back_from, Some("cccccccccccc".parse().unwrap()));
}

#[test]
fn failure_of_published_hour_sets_last_error() {
    let once = publish(None, &attempt(1), &publication("0123456789ab", 10), Verdict::Complete);
    let after = failed(Some(&once), &attempt(2), &failure("SourceNotPublished"), &RULES);
    assert_eq!((after.status, after.failed_attempts, after.next_attempt_at), (Published, 1, None));
    assert_eq!((&after.publication, after.revision), (&once.publication, 2));
    let again = publish(Some(&after), &attempt(3), &publication("0123456789ab", 10), Verdict::Tiny);
    assert_eq!((again.last_error.as_ref(), again.failed_attempts, again.revision), (None, 0, 3));
    assert_eq!((again.verdict, again.published_at), (once.verdict, once.published_at));
}

#[test]
fn absent_hour_is_late_then_missing() {
    let known: ArchiveHour = "2016-10-21-18".parse().unwrap();
    let early = Attempt { hour: known, execution_arn: "arn", now: known.end() };
    for (phrase, attempt, name, status, again) in [
        ("at its end", attempt(0), "SourceNotPublished", NotPublished, true),
        ("two days later", attempt(48), "SourceNotPublished", NotPublished, true),
        ("more than two days later", attempt(49), "SourceNotPublished", Missing, true),
        ("after a month", attempt(31 * 24), "SourceNotPublished", Missing, false),
        ("a known gap, at once", early, "SourceNotPublished", Missing, false),
        ("a known gap with a corrupt file", early, "CorruptArchive", HourStatus::Failed, true),
        ("another failure, at once", attempt(0), "CorruptArchive", HourStatus::Failed, true),
        ("another failure, years later", attempt(90_000), "CorruptArchive", HourStatus::Failed, true),
    ] {
        let item = failed(None, &attempt, &failure(name), &RULES);
        assert_eq!((item.status, item.next_attempt_at.is_some()), (status, again), "{phrase}");
    }
}

#[test]
fn missing_hour_stays_missing_until_published() {
    let missing = failed(None, &attempt(49), &failure("SourceNotPublished"), &RULES);
    let corrupt = failed(Some(&missing), &attempt(60), &failure("CorruptArchive"), &RULES);
    assert_eq!((corrupt.status, corrupt.last_error), (Missing, Some(failure("CorruptArchive"))));
    let there = publish(Some(&missing), &attempt(60), &publication("0123456789ab", 10), Verdict::Complete);
    assert_eq!((there.status, there.next_attempt_at, there.failed_attempts), (Published, None, 0));
}

#[test]
fn wait_doubles_up_to_a_day() {
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
fn long_message_is_cut_between_characters() {
    let message = format!("a{}", "é".repeat(2_000));
    let failure = HourFailure::new("CorruptArchive", message);
    assert_eq!(failure.message.len(), HourFailure::MAX_MESSAGE - 1);
    assert!(failure.message.ends_with('é'));
}

proptest! {
    #[test]
    fn proptest_settled_hour_stays_settled(
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
