//! Failed runs and invalid inputs.

use aws_fakes::S3Fault;
use commit_bookmark::{CommitStatus, Context, Input, RunOutcome};
use function_runtime::{Clock, ErrorName};
use jiff::SignedDuration;
use pipeline::keys;
use pipeline::ledger::{HourFailure, HourStatus, JobItem};

use crate::fixture::*;

#[tokio::test]
async fn failure_is_recorded_and_returned_by_name() {
    let fixture = fixture_with_job();
    let error = fixture.run(&failed(0, "fails", "CorruptArchive")).await.unwrap_err();
    assert_eq!(error.name(), "CorruptArchive");
    assert_eq!(error.to_string(), "hour 2025-11-21-0: byte 17");
    let item = fixture.item(0);
    assert_eq!((item.status, item.failed_attempts), (HourStatus::Failed, 1));
    assert_eq!(item.last_error.unwrap().name, "CorruptArchive");
    let [run] = fixture.runs().try_into().unwrap();
    assert_eq!((run.status, run.error.unwrap().message), (HourStatus::Failed, "byte 17".to_owned()));
    assert_eq!(fixture.bookmark(), None);
    let tables = fixture.tables();
    assert_eq!(name_of(fixture.run(&failed(0, "fails", "CorruptArchive")).await), "CorruptArchive");
    assert_eq!(fixture.tables(), tables, "a second call after a lost response counts once");
}

#[tokio::test]
async fn redriven_execution_retries_once_per_redrive() {
    let fixture = fixture_with_job();
    let call = |redrive_count, resumed_redrive| Input {
        redrive_count,
        resumed_redrive,
        ..failed(0, "redriven", "AwsThrottled")
    };
    assert_eq!(name_of(fixture.run(&call(0, 0)).await), "AwsThrottled");
    for redrive in 1..=2 {
        let ledger = fixture.ledger();
        for phrase in ["first call", "second call after a lost response"] {
            let output = fixture.run(&call(redrive, redrive - 1)).await.unwrap();
            assert_eq!(output.status, CommitStatus::Retrying, "redrive {redrive}: {phrase}");
        }
        assert_eq!(fixture.ledger(), ledger, "retrying does not count as a failure");
        for phrase in ["second failure", "second call after a lost response"] {
            assert_eq!(name_of(fixture.run(&call(redrive, redrive)).await), "AwsThrottled", "{phrase}");
            assert_eq!(fixture.item(0).failed_attempts, redrive + 1, "{phrase}");
        }
    }
    assert_eq!(fixture.run(&call(3, 2)).await.unwrap().status, CommitStatus::Retrying);
    let repaired = Input { redrive_count: 3, ..input(0, "redriven", RunOutcome::Published(publication(0, V1, 9))) };
    assert_eq!(fixture.run(&repaired).await.unwrap().bookmark, Some(hour(0)));
    let [run] = fixture.runs().try_into().unwrap();
    assert_eq!((run.status, run.error, run.redrive_count), (HourStatus::Published, None, 3), "one run, one item");
}

#[tokio::test]
async fn execution_without_redrive_here_fails() {
    let fixture = fixture_with_job();
    // The execution timed out while it converted. Nothing was recorded, and the redrive continued there.
    let call = Input { redrive_count: 1, resumed_redrive: 1, ..failed(0, "redriven", "ChunkMismatch") };
    assert_eq!(name_of(fixture.run(&call).await), "ChunkMismatch");
    // Redrive 2 returned `retrying`, then the execution timed out, and redrive 3 continued there.
    let back = Input { redrive_count: 2, ..call.clone() };
    assert_eq!(fixture.run(&back).await.unwrap().status, CommitStatus::Retrying);
    let again = Input { redrive_count: 3, resumed_redrive: 3, ..call };
    assert_eq!(name_of(fixture.run(&again).await), "ChunkMismatch");
    assert_eq!(fixture.item(0).failed_attempts, 2);
}

#[tokio::test]
async fn unrecorded_failure_is_redriven() {
    let fixture = fixture_with_job();
    let call = Input { redrive_count: 1, ..failed(0, "redriven", "AwsUnavailable") };
    for phrase in ["first call", "second call after a lost response"] {
        let (output, runs) = (fixture.run(&call).await.unwrap(), fixture.runs());
        assert_eq!(
            (output.status, runs.len(), runs[0].status),
            (CommitStatus::Retrying, 1, HourStatus::Landed),
            "{phrase}"
        );
    }
    assert!(fixture.ledger().is_empty(), "no failure is recorded");
}

#[tokio::test]
async fn hour_not_over_is_invalid_input() {
    let fixture = fixture_with_job();
    let error = fixture.run(&failed(10, "early", "InvalidInput")).await.unwrap_err();
    assert_eq!(error.name(), "InvalidInput");
    assert!(error.to_string().contains("2025-11-21-10 is not over until 2025-11-21T11:00:00Z"), "{error}");
    assert!(fixture.ledger().is_empty() && fixture.runs().is_empty());
}

#[tokio::test]
async fn hour_not_published_returns_status() {
    let fixture = fixture_with_job();
    let late = fixture.run(&failed(0, "late", "SourceNotPublished")).await.unwrap();
    assert_eq!((late.status, late.bookmark), (CommitStatus::NotPublished, None));
    let days_later = CommitFixture {
        context: Context { clock: Clock::fixed(now() + SignedDuration::from_hours(72)), ..fixture.context },
        ..fixture
    };
    let missing = days_later.run(&failed(0, "missing", "SourceNotPublished")).await.unwrap();
    assert_eq!((missing.status, missing.bookmark), (CommitStatus::Missing, Some(hour(0))));
    let jobs: Vec<JobItem> = days_later.dynamodb.with(|tables| tables.items("jobs"));
    assert_eq!(jobs[0].job_run_bookmark_details.as_ref().unwrap().status_code, 404);
    let tables = days_later.tables();
    assert_eq!(days_later.run(&failed(0, "missing", "SourceNotPublished")).await.unwrap(), missing);
    assert_eq!(days_later.tables(), tables, "second call after a lost response");
}

#[tokio::test]
async fn later_failure_keeps_hour_published() {
    let fixture = fixture_with_job();
    fixture.run(&published(0)).await.unwrap();
    assert_eq!(name_of(fixture.run(&failed(0, "later", "HourWouldShrink")).await), "HourWouldShrink");
    let item = fixture.item(0);
    assert_eq!((item.status, item.publication), (HourStatus::Published, Some(publication(0, V1, 5_000))));
    assert_eq!(item.last_error.unwrap().name, "HourWouldShrink");
    assert_eq!(fixture.runs().len(), 2);
}

/// Hour 0 is published as version 1. Objects of version 2, of the landing file and of hour 1 exist too.
async fn fixture_after_conversion() -> (CommitFixture, Vec<String>) {
    let fixture = fixture_with_job();
    fixture.run(&published(0)).await.unwrap();
    fixture.show(0, V1);
    fixture.put_objects(0, V1);
    fixture.put_objects(1, V2);
    for key in [keys::landing(hour(0)), format!("{}note.txt", keys::hour_parquet_prefix(hour(0)))] {
        fixture.s3.put(&key, "bytes");
    }
    let before = fixture.s3.keys();
    fixture.put_objects(0, V2);
    (fixture, before)
}

#[tokio::test]
async fn refused_version_objects_are_deleted() {
    for name in ["HourWouldShrink", "HourDoesNotBalance"] {
        let (fixture, before) = fixture_after_conversion().await;
        assert_eq!(name_of(fixture.run(&failed(0, "later", name)).await), name);
        assert_eq!(fixture.s3.keys(), before, "{name}");
        assert!(fixture.leases().is_empty(), "{name}");

        for (phrase, call) in [("list", "ListObjectsV2"), ("delete", "DeleteObjects")] {
            fixture.put_objects(0, V2);
            fixture.s3.fail(call, 3, S3Fault::Error(503, "ServiceUnavailable"));
            assert_eq!(name_of(fixture.run(&failed(0, "later", name)).await), "AwsUnavailable", "{phrase}");
            let tables = fixture.tables();
            assert_eq!(name_of(fixture.run(&failed(0, "later", name)).await), name, "{phrase}");
            assert_eq!((fixture.s3.keys(), fixture.tables()), (before.clone(), tables), "{name}: {phrase}");
        }
        assert_eq!(fixture.item(0).failed_attempts, 1);
    }
    let (fixture, _) = fixture_after_conversion().await;
    let all = fixture.s3.keys();
    assert_eq!(name_of(fixture.run(&failed(0, "later", "AwsThrottled")).await), "AwsThrottled");
    assert_eq!(fixture.s3.keys(), all, "a redrive continues this run");
}

#[tokio::test]
async fn refused_version_stays_while_visible() {
    let (fixture, _) = fixture_after_conversion().await;
    let all = fixture.s3.keys();
    // A forced run of the same file registered the version and ended before the commit.
    fixture.show(0, V2);
    assert_eq!(name_of(fixture.run(&failed(0, "later", "HourWouldShrink")).await), "HourWouldShrink");
    assert_eq!(fixture.s3.keys(), all);
    // A forced run is about to register the version.
    fixture.show(0, V1);
    let forced = RunOutcome::Published(publication(0, V2, 9));
    let forced = Input { started_at: now() + SignedDuration::from_secs(1), ..input(0, "forced", forced) };
    fixture.take_lease(&forced).await;
    assert_eq!(name_of(fixture.run(&failed(0, "another", "HourWouldShrink")).await), "HourWouldShrink");
    assert_eq!(fixture.s3.keys(), all);
    fixture.commit(&forced).await.unwrap();
    assert!(objects(0, V2.parse().unwrap()).iter().all(|key| fixture.s3.keys().contains(key)));
}

#[tokio::test]
async fn refused_version_lease_is_given_back() {
    let (fixture, before) = fixture_after_conversion().await;
    let registered = input(0, "later", RunOutcome::Published(publication(0, V2, 9)));
    for _ in 0..2 {
        fixture.take_lease(&registered).await;
    }
    assert_eq!(name_of(fixture.run(&failed(0, "later", "HourWouldShrink")).await), "HourWouldShrink");
    assert_eq!(fixture.s3.keys(), before);
    assert!(fixture.leases().is_empty());
}

#[tokio::test]
async fn publication_deletes_leftovers_of_failed_attempts() {
    let fixture = fixture_with_job();
    fixture.put_objects(0, V2);
    assert_eq!(name_of(fixture.run(&failed(0, "fails", "HourDoesNotBalance")).await), "HourDoesNotBalance");
    assert_eq!(fixture.s3.keys(), objects(0, V2.parse().unwrap()), "the hour is not visible yet");
    fixture.put_objects(0, V1);
    fixture.s3.fail("DeleteObjects", 3, S3Fault::Error(503, "ServiceUnavailable"));
    assert_eq!(name_of(fixture.run(&published(0)).await), "AwsUnavailable");
    assert_eq!(fixture.item(0).status, HourStatus::Failed, "only after the leftovers are deleted");
    fixture.run(&published(0)).await.unwrap();
    assert_eq!(fixture.s3.keys(), objects(0, V1.parse().unwrap()));
}

#[tokio::test]
async fn long_failure_message_is_cut() {
    let fixture = fixture_with_job();
    let message = "é".repeat(5_000);
    let failure = HourFailure { name: "CorruptArchive".to_owned(), message };
    assert!(fixture.run(&input(0, "long", RunOutcome::Failed(failure))).await.is_err());
    assert_eq!(fixture.item(0).last_error.unwrap().message.len(), HourFailure::MAX_MESSAGE);
}

#[tokio::test]
async fn invalid_input_names_the_field() {
    let fixture = fixture_with_job();
    let mut elsewhere = publication(0, V1, 1);
    elsewhere.partition_location = elsewhere.partition_location.replace("s3://lake/", "s3://pond/");
    let other_hour = input(0, "x", RunOutcome::Published(publication(1, V1, 1)));
    let mut unbalanced = publication(0, V1, 1);
    unbalanced.counts.rows = 2;
    for (phrase, input, field) in [
        ("empty job id", Input { job_id: String::new(), ..published(0) }, "job_id"),
        ("empty execution", Input { execution_arn: String::new(), ..published(0) }, "execution_arn"),
        ("publication of another hour", other_hour, "outcome.published.partition_location"),
        ("in another bucket", input(0, "x", RunOutcome::Published(elsewhere)), "outcome.published.partition_location"),
        ("unbalanced counts", input(0, "x", RunOutcome::Published(unbalanced)), "outcome.published.counts"),
        ("empty error name", failed(0, "x", ""), "outcome.failed.name"),
        ("redrive in the future", Input { resumed_redrive: 1, ..failed(0, "x", "X") }, "resumed_redrive"),
    ] {
        let error = fixture.commit(&input).await.unwrap_err();
        assert_eq!(error.name(), "InvalidInput", "{phrase}");
        assert!(error.to_string().contains(field), "{phrase}: {error}");
    }
    assert!(fixture.dynamodb.calls().is_empty(), "no calls");
}
