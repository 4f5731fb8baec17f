//! Runs that failed, and inputs that are none.

use aws_fakes::S3Fault;
use commit_bookmark::{Context, Input, Outcome, Status};
use function_runtime::ErrorName;
use jiff::SignedDuration;
use pipeline::keys;
use pipeline::ledger::{HourFailure, HourStatus, JobItem};

use crate::world::*;

#[tokio::test]
async fn a_failure_is_recorded_and_then_passed_on_under_its_own_name() {
    let world = world_with_job();
    let error = world.run(&failed(0, "fails", "CorruptArchive")).await.unwrap_err();
    assert_eq!(error.name(), "CorruptArchive");
    assert_eq!(error.to_string(), "hour 2025-11-21-0: byte 17");
    let item = world.item(0);
    assert_eq!((item.status, item.failed_attempts), (HourStatus::Failed, 1));
    assert_eq!(item.last_error.unwrap().name, "CorruptArchive");
    let [run] = world.runs().try_into().unwrap();
    assert_eq!((run.status, run.error.unwrap().message), (HourStatus::Failed, "byte 17".to_owned()));
    assert_eq!(world.bookmark(), None);
    let tables = world.tables();
    assert_eq!(name_of(world.run(&failed(0, "fails", "CorruptArchive")).await), "CorruptArchive");
    assert_eq!(world.tables(), tables, "again, after a lost answer, it is not counted twice");
}

#[tokio::test]
async fn a_redriven_execution_goes_back_to_work_once_per_redrive() {
    let world = world_with_job();
    let call = |redrive_count, resumed_redrive| Input {
        redrive_count,
        resumed_redrive,
        ..failed(0, "redriven", "AwsThrottled")
    };
    assert_eq!(name_of(world.run(&call(0, 0)).await), "AwsThrottled");
    for redrive in 1..=2 {
        let ledger = world.ledger();
        for phrase in ["it goes back to work", "and again, if that answer was lost"] {
            let output = world.run(&call(redrive, redrive - 1)).await.unwrap();
            assert_eq!(output.status, Status::Retrying, "redrive {redrive}: {phrase}");
        }
        assert_eq!(world.ledger(), ledger, "going back to work is no failure");
        for phrase in ["it fails again", "and the answer was lost"] {
            assert_eq!(name_of(world.run(&call(redrive, redrive)).await), "AwsThrottled", "{phrase}");
            assert_eq!(world.item(0).failed_attempts, redrive + 1, "{phrase}");
        }
    }
    assert_eq!(world.run(&call(3, 2)).await.unwrap().status, Status::Retrying);
    let repaired = Input { redrive_count: 3, ..input(0, "redriven", Outcome::Published(publication(0, V1, 9))) };
    assert_eq!(world.run(&repaired).await.unwrap().bookmark, Some(hour(0)));
    let [run] = world.runs().try_into().unwrap();
    assert_eq!((run.status, run.error, run.redrive_count), (HourStatus::Published, None, 3), "one run, one item");
}

#[tokio::test]
async fn an_execution_that_was_redriven_elsewhere_fails_at_once() {
    let world = world_with_job();
    // Its first time was up while it converted: nothing was recorded then, and the redrive began there.
    let call = Input { redrive_count: 1, resumed_redrive: 1, ..failed(0, "redriven", "ChunkMismatch") };
    assert_eq!(name_of(world.run(&call).await), "ChunkMismatch");
    // It was told to go back to work by redrive 2, its time was up, and redrive 3 went on where that was.
    let back = Input { redrive_count: 2, ..call.clone() };
    assert_eq!(world.run(&back).await.unwrap().status, Status::Retrying);
    let again = Input { redrive_count: 3, resumed_redrive: 3, ..call };
    assert_eq!(name_of(world.run(&again).await), "ChunkMismatch");
    assert_eq!(world.item(0).failed_attempts, 2);
}

#[tokio::test]
async fn a_failure_that_could_not_be_recorded_is_redriven_like_any_other() {
    let world = world_with_job();
    let call = Input { redrive_count: 1, ..failed(0, "redriven", "AwsUnavailable") };
    for phrase in ["it goes back to work", "and again, if that answer was lost"] {
        let (output, runs) = (world.run(&call).await.unwrap(), world.runs());
        assert_eq!((output.status, runs.len(), runs[0].status), (Status::Retrying, 1, HourStatus::Landed), "{phrase}");
    }
    assert!(world.ledger().is_empty(), "nothing has failed that is known of");
}

#[tokio::test]
async fn a_run_over_an_hour_that_is_not_over_is_a_mistake_and_leaves_no_trace() {
    let world = world_with_job();
    let error = world.run(&failed(10, "early", "InvalidInput")).await.unwrap_err();
    assert_eq!(error.name(), "InvalidInput");
    assert!(error.to_string().contains("2025-11-21-10 is not over until 2025-11-21T11:00:00Z"), "{error}");
    assert!(world.ledger().is_empty() && world.runs().is_empty());
}

#[tokio::test]
async fn an_hour_that_the_source_does_not_have_is_an_answer() {
    let world = world_with_job();
    let late = world.run(&failed(0, "late", "SourceNotPublished")).await.unwrap();
    assert_eq!((late.status, late.bookmark), (Status::NotPublished, None));
    let days_later = World {
        context: Context { now: Box::new(|| now() + SignedDuration::from_hours(72)), ..world.context },
        ..world
    };
    let missing = days_later.run(&failed(0, "missing", "SourceNotPublished")).await.unwrap();
    assert_eq!((missing.status, missing.bookmark), (Status::Missing, Some(hour(0))));
    let jobs: Vec<JobItem> = days_later.dynamodb.with(|tables| tables.items("jobs"));
    assert_eq!(jobs[0].job_run_bookmark_details.as_ref().unwrap().status_code, 404);
    let tables = days_later.tables();
    assert_eq!(days_later.run(&failed(0, "missing", "SourceNotPublished")).await.unwrap(), missing);
    assert_eq!(days_later.tables(), tables, "again, after a lost answer");
}

#[tokio::test]
async fn a_published_hour_stays_published_when_a_later_run_fails() {
    let world = world_with_job();
    world.run(&published(0)).await.unwrap();
    assert_eq!(name_of(world.run(&failed(0, "later", "HourWouldShrink")).await), "HourWouldShrink");
    let item = world.item(0);
    assert_eq!((item.status, item.publication), (HourStatus::Published, Some(publication(0, V1, 5_000))));
    assert_eq!(item.last_error.unwrap().name, "HourWouldShrink");
    assert_eq!(world.runs().len(), 2);
}

/// Hour 0 is published as version 1, and there are objects of version 2, of the source's file, and of others.
async fn world_after_a_conversion() -> (World, Vec<String>) {
    let world = world_with_job();
    world.run(&published(0)).await.unwrap();
    world.show(0, V1);
    world.put_objects(0, V1);
    world.put_objects(1, V2);
    for key in [keys::landing(hour(0)), format!("{}note.txt", keys::hour_parquet_prefix(hour(0)))] {
        world.s3.put(&key, "bytes");
    }
    let before = world.s3.keys();
    world.put_objects(0, V2);
    (world, before)
}

#[tokio::test]
async fn what_was_made_of_a_refused_file_goes_and_all_else_stays() {
    for name in ["HourWouldShrink", "HourDoesNotBalance"] {
        let (world, before) = world_after_a_conversion().await;
        assert_eq!(name_of(world.run(&failed(0, "later", name)).await), name);
        assert_eq!(world.s3.keys(), before, "{name}");
        assert!(world.leases().is_empty(), "{name}");

        for (phrase, call) in [("a list", "ListObjectsV2"), ("the deletion", "DeleteObjects")] {
            world.put_objects(0, V2);
            world.s3.fail(call, 3, S3Fault::Answer(503, "ServiceUnavailable"));
            assert_eq!(name_of(world.run(&failed(0, "later", name)).await), "AwsUnavailable", "{phrase}");
            let tables = world.tables();
            assert_eq!(name_of(world.run(&failed(0, "later", name)).await), name, "{phrase}");
            assert_eq!((world.s3.keys(), world.tables()), (before.clone(), tables), "{name}: {phrase} fails once");
        }
        assert_eq!(world.item(0).failed_attempts, 1);
    }
    let (world, _) = world_after_a_conversion().await;
    let all = world.s3.keys();
    assert_eq!(name_of(world.run(&failed(0, "later", "AwsThrottled")).await), "AwsThrottled");
    assert_eq!(world.s3.keys(), all, "a run that goes on when it is redriven");
}

#[tokio::test]
async fn a_refused_version_stays_while_readers_may_see_it() {
    let (world, _) = world_after_a_conversion().await;
    let all = world.s3.keys();
    // A forced run of the same file has registered it, and ended before it was committed.
    world.show(0, V2);
    assert_eq!(name_of(world.run(&failed(0, "later", "HourWouldShrink")).await), "HourWouldShrink");
    assert_eq!(world.s3.keys(), all);
    // Such a run is about to register it.
    world.show(0, V1);
    let forced = Outcome::Published(publication(0, V2, 9));
    let forced = Input { started_at: now() + SignedDuration::from_secs(1), ..input(0, "forced", forced) };
    world.take_lease(&forced).await;
    assert_eq!(name_of(world.run(&failed(0, "another", "HourWouldShrink")).await), "HourWouldShrink");
    assert_eq!(world.s3.keys(), all);
    world.commit(&forced).await.unwrap();
    assert!(objects(0, V2.parse().unwrap()).iter().all(|key| world.s3.keys().contains(key)));
}

#[tokio::test]
async fn a_lease_that_the_refused_version_has_left_behind_is_in_nobodys_way() {
    let (world, before) = world_after_a_conversion().await;
    let registered = input(0, "later", Outcome::Published(publication(0, V2, 9)));
    for _ in 0..2 {
        world.take_lease(&registered).await;
    }
    assert_eq!(name_of(world.run(&failed(0, "later", "HourWouldShrink")).await), "HourWouldShrink");
    assert_eq!(world.s3.keys(), before);
    assert!(world.leases().is_empty());
}

#[tokio::test]
async fn what_failed_attempts_have_left_behind_goes_with_the_next_publication() {
    let world = world_with_job();
    world.put_objects(0, V2);
    assert_eq!(name_of(world.run(&failed(0, "fails", "HourDoesNotBalance")).await), "HourDoesNotBalance");
    assert_eq!(world.s3.keys(), objects(0, V2.parse().unwrap()), "readers see nothing of the hour yet");
    world.put_objects(0, V1);
    world.s3.fail("DeleteObjects", 3, S3Fault::Answer(503, "ServiceUnavailable"));
    assert_eq!(name_of(world.run(&published(0)).await), "AwsUnavailable");
    assert_eq!(world.item(0).status, HourStatus::Failed, "not before they are gone");
    world.run(&published(0)).await.unwrap();
    assert_eq!(world.s3.keys(), objects(0, V1.parse().unwrap()));
}

#[tokio::test]
async fn a_long_message_is_cut() {
    let world = world_with_job();
    let message = "é".repeat(5_000);
    let failure = HourFailure { name: "CorruptArchive".to_owned(), message };
    assert!(world.run(&input(0, "long", Outcome::Failed(failure))).await.is_err());
    assert_eq!(world.item(0).last_error.unwrap().message.len(), HourFailure::MAX_MESSAGE);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_invalid_input_and_names_the_field() {
    let world = world_with_job();
    let mut elsewhere = publication(0, V1, 1);
    elsewhere.partition_location = elsewhere.partition_location.replace("s3://lake/", "s3://pond/");
    let other_hour = input(0, "x", Outcome::Published(publication(1, V1, 1)));
    let mut unbalanced = publication(0, V1, 1);
    unbalanced.counts.rows = 2;
    for (phrase, input, field) in [
        ("no job", Input { job_id: String::new(), ..published(0) }, "job_id"),
        ("no execution", Input { execution_arn: String::new(), ..published(0) }, "execution_arn"),
        ("another hour's publication", other_hour, "outcome.published.partition_location"),
        ("in another bucket", input(0, "x", Outcome::Published(elsewhere)), "outcome.published.partition_location"),
        ("lost records", input(0, "x", Outcome::Published(unbalanced)), "outcome.published.counts"),
        ("no name", failed(0, "x", ""), "outcome.failed.name"),
        ("a redrive to come", Input { resumed_redrive: 1, ..failed(0, "x", "X") }, "resumed_redrive"),
    ] {
        let error = world.commit(&input).await.unwrap_err();
        assert_eq!(error.name(), "InvalidInput", "{phrase}");
        assert!(error.to_string().contains(field), "{phrase}: {error}");
    }
    assert!(world.dynamodb.calls().is_empty(), "nothing is called");
}
