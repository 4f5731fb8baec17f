//! Concurrent runs and failed calls.

use aws_fakes::{Fault, dynamodb::FakeTables};
use commit_bookmark::{CommitBookmarkError, RunOutcome};
use function_runtime::ErrorName;
use pipeline::ledger::record::MissingRules;
use pipeline::ledger::{HourFailure, Verdict};
use proptest::prelude::*;

use crate::fixture::*;

#[tokio::test]
async fn conflict_is_resolved_by_next_decision() {
    let fixture = fixture_with_job();
    let other = fixture.run(&published(1)).await;
    assert_eq!(other.unwrap().bookmark, None);
    let item = fixture.item(1);
    let mut settled = item.clone();
    settled.hour = hour(2).ledger_key();
    // Another run settles hour 2 between this run's reads and its transaction.
    fixture.dynamodb.before("TransactWriteItems", move |tables| tables.put("hours", &settled));
    let output = fixture.run(&published(0)).await.unwrap();
    assert_eq!((output.bookmark, fixture.bookmark()), (Some(hour(2)), Some(2)), "no lost update");
}

#[tokio::test]
async fn bookmark_is_never_moved_back() {
    let fixture = fixture_with_job();
    let item = |number: u32| {
        let input = published(number);
        let RunOutcome::Published(publication) = input.outcome.clone() else { unreachable!() };
        let attempt = pipeline::ledger::record::Attempt { hour: hour(number), execution_arn: "arn:other", now: now() };
        record_published(None, &attempt, &publication, PublishKind::Converted, Verdict::Complete, 0)
    };
    let items = [item(1), item(2)];
    fixture.dynamodb.before("TransactWriteItems", move |tables| {
        tables.put("hours", &items[0]);
        tables.put("hours", &items[1]);
        tables.put("jobs", &job(Some(2)));
    });
    let output = fixture.run(&published(0)).await.unwrap();
    assert_eq!((output.bookmark, fixture.bookmark()), (Some(hour(2)), Some(2)));
}

#[tokio::test]
async fn bookmark_set_by_hand_is_kept() {
    let fixture = fixture();
    fixture.dynamodb.with(|tables| tables.put("jobs", &job(Some(0))));
    fixture.dynamodb.before("TransactWriteItems", |tables| tables.put("jobs", &job(Some(5))));
    let output = fixture.run(&published(1)).await.unwrap();
    assert_eq!((output.bookmark, fixture.bookmark()), (Some(hour(5)), Some(5)));
    assert!(fixture.item(1).status.is_settled(), "the hour is recorded");
}

#[tokio::test]
async fn persistent_conflict_is_bookmark_conflict() {
    let fixture = fixture_with_job();
    let noise = |revision: u64| {
        move |tables: &mut FakeTables| {
            let failure = HourFailure { name: "CorruptArchive".to_owned(), message: String::new() };
            let attempt = pipeline::ledger::record::Attempt { hour: hour(0), execution_arn: "arn", now: now() };
            let rules = MissingRules { missing_after_hours: 1, missing_retry_days: 1 };
            let mut item = pipeline::ledger::record::failed(None, &attempt, &failure, &rules);
            item.revision = revision;
            tables.put("hours", &item);
        }
    };
    for revision in 100..108 {
        fixture.dynamodb.before("TransactWriteItems", noise(revision));
    }
    let error = fixture.run(&published(0)).await.unwrap_err();
    assert_eq!(error.name(), "BookmarkConflict");
    assert!(error.to_string().contains("ConditionalCheckFailed"), "{error}");
    assert_eq!(fixture.bookmark(), None);
    fixture.run(&published(0)).await.unwrap();
    assert_eq!(fixture.bookmark(), Some(0), "a second run of the task succeeds");
}

#[tokio::test]
async fn any_failed_call_then_rerun_same_state() {
    let calm = fixture_with_job();
    calm.run(&published(0)).await.unwrap();
    for operation in ["GetItem", "Query", "TransactWriteItems", "DeleteItem"] {
        for (fault, name) in [
            (Fault::Error(500, "InternalServerError"), "AwsUnavailable"),
            (Fault::Error(400, "ThrottlingException"), "AwsThrottled"),
            (Fault::LostResponse, "AwsUnavailable"),
            (Fault::Error(400, "AccessDeniedException"), "AwsRefused"),
        ] {
            let fixture = fixture_with_job();
            fixture.take_lease(&published(0)).await;
            // Enough for the attempts of all concurrent reads.
            fixture.dynamodb.fail(operation, 30, fault);
            assert_eq!(name_of(fixture.commit(&published(0)).await), name, "{operation} {fault:?}");
            fixture.dynamodb.heal();
            let output = fixture.commit(&published(0)).await.unwrap();
            assert_eq!(output.bookmark, Some(hour(0)), "{operation} {fault:?}");
            assert_eq!(fixture.tables(), calm.tables(), "{operation} {fault:?}");
            assert!(fixture.leases().is_empty(), "{operation} {fault:?}");
        }
    }
}

#[tokio::test]
async fn lost_transaction_response_writes_once() {
    let fixture = fixture_with_job();
    fixture.dynamodb.fail("TransactWriteItems", 1, Fault::LostResponse);
    fixture.run(&published(0)).await.unwrap();
    assert_eq!(fixture.dynamodb.calls_of("TransactWriteItems").len(), 2);
    assert_eq!((fixture.item(0).revision, fixture.bookmark()), (1, Some(0)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn proptest_concurrent_commits_move_the_bookmark(
        seed in any::<u64>(),
        order in Just((0..8_u32).collect::<Vec<_>>()).prop_shuffle(),
        fails in proptest::option::of(0..8_u32),
        twice in 0..8_u32,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let fixture = fixture_with_job();
        fixture.dynamodb.shuffle(seed);
        let mut inputs: Vec<_> = order.iter().map(|&number| {
            if Some(number) == fails { failed(number, "fails", "CorruptArchive") } else { published(number) }
        }).collect();
        inputs.push(input(twice, "twice", RunOutcome::Published(publication(twice, V1, 5_000))));
        let results = runtime.block_on(futures::future::join_all(inputs.iter().map(|input| async {
            // The state machine retries a task after BookmarkConflict.
            loop {
                match fixture.run(input).await {
                    Err(CommitBookmarkError::Conflict { .. }) => {}
                    result => return result,
                }
            }
        })));
        let failures = results.iter().filter(|result| result.is_err()).count();
        prop_assert_eq!(failures, usize::from(fails.is_some()));
        let settled = |number: u32| fixture.item(number).status.is_settled();
        let expected = (0..8).take_while(|number| settled(*number)).last();
        prop_assert_eq!(fixture.bookmark(), expected);
        prop_assert_eq!((fixture.ledger().len(), fixture.runs().len()), (8, 9));
    }
}
