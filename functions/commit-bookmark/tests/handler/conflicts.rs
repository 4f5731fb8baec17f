//! Other runs at the same time, and calls that fail.

use aws_fakes::Fault;
use aws_fakes::dynamodb::FakeTables;
use commit_bookmark::{CommitBookmarkError, Outcome};
use function_runtime::ErrorName;
use pipeline::ledger::record::MissingRules;
use pipeline::ledger::{HourFailure, Verdict};
use proptest::prelude::*;

use crate::world::*;

#[tokio::test]
async fn another_run_in_between_is_seen_by_the_next_decision() {
    let world = world_with_job();
    let other = world.run(&published(1)).await;
    assert_eq!(other.unwrap().bookmark, None);
    let item = world.item(1);
    let mut settled = item.clone();
    settled.hour = hour(2).ledger_key();
    // Hour 2 is settled by another run between this run's reads and its transaction.
    world.dynamodb.before("TransactWriteItems", move |tables| tables.put("hours", &settled));
    let output = world.run(&published(0)).await.unwrap();
    assert_eq!((output.bookmark, world.bookmark()), (Some(hour(2)), Some(2)), "no lost update");
}

#[tokio::test]
async fn a_bookmark_moved_by_another_run_is_never_moved_back() {
    let world = world_with_job();
    let item = |number: u32| {
        let input = published(number);
        let Outcome::Published(publication) = input.outcome.clone() else { unreachable!() };
        let attempt = pipeline::ledger::record::Attempt { hour: hour(number), execution_arn: "arn:other", now: now() };
        record_published(None, &attempt, &publication, PublishKind::Converted, Verdict::Complete, 0)
    };
    let items = [item(1), item(2)];
    world.dynamodb.before("TransactWriteItems", move |tables| {
        tables.put("hours", &items[0]);
        tables.put("hours", &items[1]);
        tables.put("jobs", &job(Some(2)));
    });
    let output = world.run(&published(0)).await.unwrap();
    assert_eq!((output.bookmark, world.bookmark()), (Some(hour(2)), Some(2)));
}

#[tokio::test]
async fn a_bookmark_set_by_hand_in_between_stays() {
    let world = world();
    world.dynamodb.with(|tables| tables.put("jobs", &job(Some(0))));
    world.dynamodb.before("TransactWriteItems", |tables| tables.put("jobs", &job(Some(5))));
    let output = world.run(&published(1)).await.unwrap();
    assert_eq!((output.bookmark, world.bookmark()), (Some(hour(5)), Some(5)));
    assert!(world.item(1).status.is_settled(), "the hour is recorded all the same");
}

#[tokio::test]
async fn conflicts_without_end_are_a_bookmark_conflict() {
    let world = world_with_job();
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
        world.dynamodb.before("TransactWriteItems", noise(revision));
    }
    let error = world.run(&published(0)).await.unwrap_err();
    assert_eq!(error.name(), "BookmarkConflict");
    assert!(error.to_string().contains("ConditionalCheckFailed"), "{error}");
    assert_eq!(world.bookmark(), None);
    world.run(&published(0)).await.unwrap();
    assert_eq!(world.bookmark(), Some(0), "the task, run again, goes through");
}

#[tokio::test]
async fn every_call_may_fail_or_lose_its_answer_and_running_again_gives_the_same() {
    let calm = world_with_job();
    calm.run(&published(0)).await.unwrap();
    for operation in ["GetItem", "Query", "TransactWriteItems", "DeleteItem"] {
        for (fault, name) in [
            (Fault::Answer(500, "InternalServerError"), "AwsUnavailable"),
            (Fault::Answer(400, "ThrottlingException"), "AwsThrottled"),
            (Fault::LostAnswer, "AwsUnavailable"),
            (Fault::Answer(400, "AccessDeniedException"), "AwsRefused"),
        ] {
            let world = world_with_job();
            world.take_lease(&published(0)).await;
            // As often as the SDK tries, times the reads that are made at once.
            world.dynamodb.fail(operation, 30, fault);
            assert_eq!(name_of(world.commit(&published(0)).await), name, "{operation} {fault:?}");
            world.dynamodb.heal();
            let output = world.commit(&published(0)).await.unwrap();
            assert_eq!(output.bookmark, Some(hour(0)), "{operation} {fault:?}");
            assert_eq!(world.tables(), calm.tables(), "{operation} {fault:?}");
            assert!(world.leases().is_empty(), "{operation} {fault:?}");
        }
    }
}

#[tokio::test]
async fn the_sdk_repeats_a_transaction_whose_answer_was_lost_without_writing_twice() {
    let world = world_with_job();
    world.dynamodb.fail("TransactWriteItems", 1, Fault::LostAnswer);
    world.run(&published(0)).await.unwrap();
    assert_eq!(world.dynamodb.calls_of("TransactWriteItems").len(), 2);
    assert_eq!((world.item(0).revision, world.bookmark()), (1, Some(0)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn proptest_hours_committed_at_once_leave_no_bookmark_behind(
        seed in any::<u64>(),
        order in Just((0..8_u32).collect::<Vec<_>>()).prop_shuffle(),
        fails in proptest::option::of(0..8_u32),
        twice in 0..8_u32,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let world = world_with_job();
        world.dynamodb.shuffle(seed);
        let mut inputs: Vec<_> = order.iter().map(|&number| {
            if Some(number) == fails { failed(number, "fails", "CorruptArchive") } else { published(number) }
        }).collect();
        inputs.push(input(twice, "twice", Outcome::Published(publication(twice, V1, 5_000))));
        let results = runtime.block_on(futures::future::join_all(inputs.iter().map(|input| async {
            // The state machine runs a task again that met too many conflicts.
            loop {
                match world.run(input).await {
                    Err(CommitBookmarkError::Conflict { .. }) => {}
                    result => return result,
                }
            }
        })));
        let failures = results.iter().filter(|result| result.is_err()).count();
        prop_assert_eq!(failures, usize::from(fails.is_some()));
        let settled = |number: u32| world.item(number).status.is_settled();
        let expected = (0..8).take_while(|number| settled(*number)).last();
        prop_assert_eq!(world.bookmark(), expected);
        prop_assert_eq!((world.ledger().len(), world.runs().len()), (8, 9));
    }
}
