//! `commit-bookmark` against DynamoDB and S3 in memory: the real clients, faults and other runs included.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_adapters::dynamodb::memory::{self, Tables as MemoryTables};
use aws_adapters::dynamodb::{Jobs, Ledger, Runs, Tables};
use aws_adapters::json_memory::{Fault, Memory};
use aws_adapters::s3::memory::{Fault as S3Fault, MemoryS3};
use commit_bookmark::{CommitBookmarkError, Context, Input, Outcome, Output, Status, handle};
use function_runtime::ErrorName;
use jiff::{SignedDuration, Timestamp};
use pipeline::ledger::record::MissingRules;
use pipeline::ledger::{
    BookmarkDetails, Failure, HourStatus, JobItem, JobRunItem, LedgerItem, Publication, Source, Verdict,
};
use pipeline::receipt::Counts;
use pipeline::{ArchiveHour, Version, keys};
use proptest::prelude::*;
use serde_json::json;

const V1: &str = "111111111111";
const V2: &str = "222222222222";
const V3: &str = "333333333333";

struct World {
    dynamodb: Memory<MemoryTables>,
    s3: MemoryS3,
    context: Context,
}

fn hour(number: u32) -> ArchiveHour {
    "2025-11-21-0".parse::<ArchiveHour>().unwrap().plus(number)
}

/// The clock of these tests: ten minutes after hour 9 was over.
fn now() -> Timestamp {
    hour(9).end() + SignedDuration::from_mins(10)
}

fn world() -> World {
    let tables =
        [("jobs", "job_id", None), ("runs", "job_id", Some("job_run_time")), ("hours", "archive", Some("hour"))];
    let (dynamodb, s3) = (memory::memory(&tables), MemoryS3::default());
    let client = memory::client(&dynamodb);
    let context = Context {
        bucket: s3.bucket("lake"),
        tables: Tables {
            ledger: Ledger::new(client.clone(), "hours"),
            jobs: Jobs::new(client.clone(), "jobs"),
            runs: Runs::new(client, "runs"),
        },
        rules: MissingRules { missing_after_hours: 48, missing_retry_days: 30 },
        now: Box::new(now),
        jitter: Box::new(|_| Duration::ZERO),
    };
    World { dynamodb, s3, context }
}

/// A world whose job begins with hour 0.
fn world_with_job() -> World {
    let world = world();
    world.dynamodb.with(|tables| tables.put("jobs", &job(None)));
    world
}

fn job(bookmark: Option<u32>) -> JobItem {
    JobItem {
        job_id: "ghactivity_ingest".to_owned(),
        job_description: "for the tests".to_owned(),
        baseline_days: 7,
        first_hour: hour(0),
        job_run_bookmark_details: bookmark.map(|number| BookmarkDetails::at(hour(number), HourStatus::Published)),
    }
}

fn publication(number: u32, version: &str, rows: u64) -> Publication {
    let version: Version = version.parse().unwrap();
    Publication {
        version,
        partition_location: format!("s3://lake/{}", keys::parquet_prefix(hour(number), version)),
        source: Source { url: "http://source/x.json.gz".to_owned(), etag: Some("\"e\"".to_owned()), last_modified: None },
        landing_etag: "\"l\"".to_owned(),
        landing_md5: "0".repeat(32),
        landing_bytes: 99,
        counts: Counts { lines: rows, records: rows, rows, ..Counts::default() },
        chunks: 1,
        parquet_bytes: 9,
        types: BTreeMap::from([("PushEvent".to_owned(), rows)]),
    }
}

fn input(number: u32, execution: &str, outcome: Outcome) -> Input {
    Input {
        hour: hour(number),
        job_id: "ghactivity_ingest".to_owned(),
        execution_arn: format!("arn:aws:states:us-east-1:000000000000:execution:process-hour:{execution}"),
        started_at: now() - SignedDuration::from_secs(30),
        redrive_count: 0,
        outcome,
    }
}

fn published(number: u32) -> Input {
    input(number, &format!("publishes-{number}"), Outcome::Published(publication(number, V1, 5_000)))
}

fn failed(number: u32, execution: &str, name: &str) -> Input {
    let failure = Failure { name: name.to_owned(), message: "byte 17".to_owned() };
    input(number, execution, Outcome::Failed(failure))
}

impl World {
    async fn run(&self, input: &Input) -> Result<Output, CommitBookmarkError> {
        handle(input.clone(), &self.context).await
    }

    fn ledger(&self) -> Vec<LedgerItem> {
        self.dynamodb.with(|tables| tables.items("hours"))
    }

    fn item(&self, number: u32) -> LedgerItem {
        self.ledger().into_iter().find(|item| item.hour == hour(number).ledger_key()).unwrap()
    }

    fn runs(&self) -> Vec<JobRunItem> {
        self.dynamodb.with(|tables| tables.items("runs"))
    }

    fn bookmark(&self) -> Option<u32> {
        let jobs: Vec<JobItem> = self.dynamodb.with(|tables| tables.items("jobs"));
        let bookmark = jobs[0].bookmark().unwrap()?;
        Some(u32::try_from(bookmark.hours_since(hour(0))).unwrap())
    }

    /// Everything that the tables hold.
    fn tables(&self) -> Vec<serde_json::Value> {
        self.dynamodb.with(|tables| ["hours", "jobs", "runs"].map(|table| tables.raw_items(table))).concat()
    }

    fn put_objects(&self, number: u32, version: &str) {
        let version = version.parse().unwrap();
        for key in objects(number, version) {
            self.s3.put(&key, "bytes");
        }
    }
}

fn objects(number: u32, version: Version) -> Vec<String> {
    let hour = hour(number);
    let mut keys = vec![
        keys::parquet(hour, version, 0),
        keys::parquet(hour, version, 1),
        keys::quarantine(hour, version, 1),
        keys::receipt(hour, version, 0),
        keys::receipt(hour, version, 1),
        keys::plan(hour, version),
        keys::windows(hour, version),
    ];
    keys.sort();
    keys
}

fn name_of(result: Result<Output, CommitBookmarkError>) -> String {
    result.unwrap_err().name().to_owned()
}

#[tokio::test]
async fn a_published_hour_is_in_ledger_history_and_bookmark() {
    let world = world_with_job();
    let output = world.run(&published(0)).await.unwrap();
    let expected = json!({"hour": "2025-11-21-0", "status": "published", "verdict": "complete", "bookmark": "2025-11-21-0"});
    assert_eq!(serde_json::to_value(&output).unwrap(), expected);
    let item = world.item(0);
    assert_eq!((item.status, item.revision, item.published_at), (HourStatus::Published, 1, Some(now())));
    assert_eq!(item.publication, Some(publication(0, V1, 5_000)));
    let [run] = world.runs().try_into().unwrap();
    assert_eq!((run.hour, run.status, run.rows, run.error), (hour(0), HourStatus::Published, Some(5_000), None));
    assert_eq!((run.started_at, run.ended_at), (published(0).started_at, now()));
    assert_eq!(world.bookmark(), Some(0));
    assert_eq!(world.dynamodb.calls_of("TransactWriteItems").len(), 1, "all in one transaction");
}

#[tokio::test]
async fn the_ledger_item_has_the_publication_flattened_and_the_run_a_number_for_a_key() {
    let world = world_with_job();
    world.run(&published(0)).await.unwrap();
    let [item] = world.dynamodb.with(|tables| tables.raw_items("hours")).try_into().unwrap();
    assert_eq!(item["version"], json!({"S": V1}));
    assert_eq!(item["counts"]["M"]["rows"], json!({"N": "5000"}));
    assert_eq!(item["hour"], json!({"S": "2025-11-21T00"}));
    let [run] = world.dynamodb.with(|tables| tables.raw_items("runs")).try_into().unwrap();
    let time = run["job_run_time"]["N"].as_str().unwrap();
    assert!(time.starts_with(&format!("{}.", published(0).started_at.as_millisecond())), "{time}");
    assert_eq!(time.len(), 13 + 1 + 12);
}

#[tokio::test]
async fn a_run_that_is_committed_again_changes_nothing() {
    let world = world_with_job();
    let output = world.run(&published(0)).await.unwrap();
    let tables = world.tables();
    assert_eq!(world.run(&published(0)).await.unwrap(), output);
    assert_eq!(world.tables(), tables);
    assert_eq!(world.dynamodb.calls_of("TransactWriteItems").len(), 1, "there was nothing to write");
}

#[tokio::test]
async fn an_hour_run_three_times_has_the_ledger_of_an_hour_run_once_and_three_runs() {
    let world = world_with_job();
    world.run(&published(0)).await.unwrap();
    let ledger = world.ledger();
    for execution in ["second", "third"] {
        let again = input(0, execution, Outcome::Published(publication(0, V1, 5_000)));
        world.run(&again).await.unwrap();
    }
    assert_eq!(world.ledger(), ledger);
    assert_eq!((world.runs().len(), world.bookmark()), (3, Some(0)));
}

#[tokio::test]
async fn the_bookmark_waits_for_the_hours_before_and_then_passes_them_all() {
    let world = world_with_job();
    world.dynamodb.with(|tables| tables.page_items(1));
    for (number, bookmark) in [(2, None), (1, None), (4, None), (0, Some(2)), (3, Some(4))] {
        let output = world.run(&published(number)).await.unwrap();
        assert_eq!(world.bookmark(), bookmark, "after hour {number}");
        assert_eq!(output.bookmark, bookmark.map(hour), "after hour {number}");
    }
}

#[tokio::test]
async fn hours_before_the_jobs_first_one_and_jobs_without_an_item_move_no_bookmark() {
    let without_job = world();
    let output = without_job.run(&published(0)).await.unwrap();
    assert_eq!((output.status, output.bookmark), (Status::Published, None));
    assert_eq!((without_job.ledger().len(), without_job.runs().len()), (1, 1));
    let world = world_with_job();
    let early = Input { hour: hour(0).minus(1).unwrap(), ..published(0) };
    let mut publication = publication(0, V1, 10);
    publication.partition_location =
        format!("s3://lake/{}", keys::parquet_prefix(early.hour, V1.parse().unwrap()));
    world.run(&Input { outcome: Outcome::Published(publication), ..early }).await.unwrap();
    assert_eq!(world.bookmark(), None);
}

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
        pipeline::ledger::record::published(None, &attempt, &publication, Verdict::Complete)
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
async fn conflicts_without_end_are_a_bookmark_conflict() {
    let world = world_with_job();
    let noise = |revision: u64| {
        move |tables: &mut MemoryTables| {
            let failure = Failure { name: "CorruptArchive".to_owned(), message: String::new() };
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
    for operation in ["GetItem", "Query", "TransactWriteItems"] {
        for (fault, name) in [
            (Fault::Answer(500, "InternalServerError"), "AwsUnavailable"),
            (Fault::Answer(400, "ThrottlingException"), "AwsThrottled"),
            (Fault::LostAnswer, "AwsUnavailable"),
            (Fault::Answer(400, "AccessDeniedException"), "AwsRefused"),
        ] {
            let world = world_with_job();
            // As often as the SDK tries, times the reads that are made at once.
            world.dynamodb.fail(operation, 30, fault);
            assert_eq!(name_of(world.run(&published(0)).await), name, "{operation} {fault:?}");
            world.dynamodb.fail(operation, 0, fault);
            let again = self::world();
            again.dynamodb.with(|tables| {
                world.dynamodb.with(|before| {
                    for table in ["hours", "jobs", "runs"] {
                        before.items::<serde_json::Value>(table).iter().for_each(|item| tables.put(table, item));
                    }
                });
            });
            let output = again.run(&published(0)).await.unwrap();
            assert_eq!((output.bookmark, again.bookmark()), (Some(hour(0)), Some(0)), "{operation} {fault:?}");
            assert_eq!(again.ledger(), calm.ledger(), "{operation} {fault:?}");
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

#[tokio::test]
async fn the_version_that_was_replaced_goes_and_the_current_one_stays() {
    let world = world_with_job();
    world.run(&published(0)).await.unwrap();
    for version in [V1, V2] {
        world.put_objects(0, version);
    }
    world.s3.put(&keys::landing(hour(0)), "landing");
    world.put_objects(1, V1);
    let before = world.s3.keys();
    let later = |execution| {
        let outcome = Outcome::Published(publication(0, V2, 6_000));
        Input { started_at: now() + SignedDuration::from_secs(1), ..input(0, execution, outcome) }
    };
    world.s3.fail("DeleteObjects", 3, S3Fault::Answer(503, "ServiceUnavailable"));
    assert_eq!(name_of(world.run(&later("other")).await), "AwsUnavailable");
    assert_eq!(world.item(0).previous_version, Some(V1.parse().unwrap()), "committed, but not cleaned up");
    world.run(&later("other")).await.unwrap();
    let gone = objects(0, V1.parse().unwrap());
    let expected: Vec<_> = before.into_iter().filter(|key| !gone.contains(key)).collect();
    assert_eq!(world.s3.keys(), expected, "a second run cleans up");
    assert_eq!(world.item(0).revision, 2);
}

#[tokio::test]
async fn a_version_that_an_ended_run_left_behind_goes_with_the_next_one() {
    let world = world_with_job();
    for (at, version, rows) in [(0, V1, 1), (1, V2, 2), (2, V3, 3)] {
        world.put_objects(0, version);
        let outcome = Outcome::Published(publication(0, version, rows));
        let run = Input { started_at: now() + SignedDuration::from_secs(at), ..input(0, version, outcome) };
        if version == V2 {
            world.s3.fail("ListObjectsV2", 3, S3Fault::Answer(503, "ServiceUnavailable"));
            assert!(world.run(&run).await.is_err());
        } else {
            world.run(&run).await.unwrap();
        }
    }
    assert_eq!(world.s3.keys(), objects(0, V3.parse().unwrap()));
}

#[tokio::test]
async fn a_version_published_by_another_run_meanwhile_is_not_replaced() {
    let world = world_with_job();
    world.run(&published(0)).await.unwrap();
    world.put_objects(0, V1);
    let slow = input(0, "slow", Outcome::Published(publication(0, V2, 6_000)));
    assert_eq!(name_of(world.run(&slow).await), "BookmarkConflict");
    assert_eq!(world.s3.keys(), objects(0, V1.parse().unwrap()));
    assert_eq!(world.item(0).publication.unwrap().version, V1.parse().unwrap());
}

#[tokio::test]
async fn an_hour_is_compared_with_the_same_hour_of_the_days_before() {
    let world = world();
    for days in 1..=3 {
        let mut item = LedgerItem { hour: hour(0).minus(24 * days).unwrap().ledger_key(), ..seed() };
        item.publication = Some(publication(0, V1, 100_000));
        world.dynamodb.with(|tables| tables.put("hours", &item));
    }
    for (number, rows, verdict) in [(0, 18, Verdict::Tiny), (24, 100_000, Verdict::Complete)] {
        let outcome = Outcome::Published(publication(number, V1, rows));
        let output = world.run(&input(number, "any", outcome)).await.unwrap();
        assert_eq!(output.verdict, Some(verdict), "hour {number}");
    }
    let degraded = input(48, "degraded", Outcome::Published(publication(48, V1, 40_000)));
    assert_eq!(world.run(&degraded).await.unwrap().verdict, Some(Verdict::Degraded));
}

fn seed() -> LedgerItem {
    let attempt = pipeline::ledger::record::Attempt { hour: hour(0), execution_arn: "arn", now: now() };
    pipeline::ledger::record::published(None, &attempt, &publication(0, V1, 1), Verdict::Complete)
}

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
    let call = |redrive_count| Input { redrive_count, ..failed(0, "redriven", "AwsThrottled") };
    assert_eq!(name_of(world.run(&call(0)).await), "AwsThrottled");
    for redrive in 1..=2 {
        let ledger = world.ledger();
        assert_eq!(world.run(&call(redrive)).await.unwrap().status, Status::Retrying, "redrive {redrive}");
        assert_eq!(world.ledger(), ledger, "going back to work is no failure");
        assert_eq!(name_of(world.run(&call(redrive)).await), "AwsThrottled", "it fails again");
        assert_eq!(world.item(0).failed_attempts, redrive + 1);
    }
    assert_eq!(world.run(&call(3)).await.unwrap().status, Status::Retrying);
    let repaired = Input { redrive_count: 3, ..input(0, "redriven", Outcome::Published(publication(0, V1, 9))) };
    assert_eq!(world.run(&repaired).await.unwrap().bookmark, Some(hour(0)));
    let [run] = world.runs().try_into().unwrap();
    assert_eq!((run.status, run.error, run.redrive_count), (HourStatus::Published, None, 3), "one run, one item");
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

#[tokio::test]
async fn a_long_message_is_cut() {
    let world = world_with_job();
    let message = "é".repeat(5_000);
    let failure = Failure { name: "CorruptArchive".to_owned(), message };
    assert!(world.run(&input(0, "long", Outcome::Failed(failure))).await.is_err());
    assert_eq!(world.item(0).last_error.unwrap().message.len(), Failure::MAX_MESSAGE);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_invalid_input_and_names_the_field() {
    let world = world_with_job();
    let other_hour = input(0, "x", Outcome::Published(publication(1, V1, 1)));
    let mut unbalanced = publication(0, V1, 1);
    unbalanced.counts.rows = 2;
    for (phrase, input, field) in [
        ("no job", Input { job_id: String::new(), ..published(0) }, "job_id"),
        ("no execution", Input { execution_arn: String::new(), ..published(0) }, "execution_arn"),
        ("another hour's publication", other_hour, "outcome.published.partition_location"),
        ("lost records", input(0, "x", Outcome::Published(unbalanced)), "outcome.published.counts"),
        ("no name", failed(0, "x", ""), "outcome.failed.name"),
    ] {
        let error = world.run(&input).await.unwrap_err();
        assert_eq!(error.name(), "InvalidInput", "{phrase}");
        assert!(error.to_string().contains(field), "{phrase}: {error}");
    }
    assert!(world.dynamodb.calls().is_empty(), "nothing is called");
}

#[test]
fn the_input_is_what_the_state_machine_sends() {
    let registered = serde_json::to_value(publication(0, V1, 1)).unwrap();
    let mut with_hour = registered.clone();
    with_hour["hour"] = json!("2025-11-21-0");
    let event = |outcome: serde_json::Value| {
        json!({
            "hour": "2025-11-21-0", "job_id": "j", "execution_arn": "arn:x", "started_at": "2025-11-21T01:10:00.123Z",
            "redrive_count": 0, "outcome": outcome
        })
    };
    for outcome in [json!({"published": with_hour}), json!({"failed": {"name": "X", "message": "m"}})] {
        assert!(function_runtime::parse::<Input>(event(outcome)).is_ok());
    }
    for (phrase, field, value) in [
        ("no hour", "hour", json!("2025-11-21-24")),
        ("a negative number", "redrive_count", json!(-1)),
        ("no time", "started_at", json!("soon")),
        ("an unknown outcome", "outcome", json!({"lost": {}})),
        ("an unknown field", "chunk", json!(1)),
    ] {
        let mut event = event(json!({"failed": {"name": "X", "message": "m"}}));
        event[field] = value;
        let error = function_runtime::parse::<Input>(event).unwrap_err();
        assert!(error.to_string().contains(field), "{phrase}: {error}");
    }
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
