//! `list-hours` against the fakes of DynamoDB and S3.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]

use aws_fakes::{
    Memory, MemoryS3,
    dynamodb::{self, FakeTables},
};
use aws_lake::Ledger;
use function_runtime::{Clock, ErrorName};
use jiff::SignedDuration;
use list_hours::{Context, Input, ListHoursError, Output, StatusCounts, handle};
use pipeline::ArchiveHour;
use pipeline::ledger::record::{self, Attempt, MissingRules};
use pipeline::ledger::{HourFailure, HourStatus, LedgerItem};
use serde_json::{Value, json};

const KEY: &str = "landing/ghactivity/_backfill/november.json";

fn hour(number: u32) -> ArchiveHour {
    "2025-11-21-0".parse::<ArchiveHour>().unwrap().plus(number)
}

struct ListHoursFixture {
    dynamodb: Memory<FakeTables>,
    s3: MemoryS3,
    context: Context,
}

/// The clock shows ten minutes after the end of hour 29.
fn fixture() -> ListHoursFixture {
    let dynamodb = dynamodb::memory(&[("hours", "archive", Some("hour"))]);
    let s3 = MemoryS3::default();
    let now = hour(29).end() + SignedDuration::from_mins(10);
    let ledger = Ledger::new(dynamodb::client(&dynamodb), "hours");
    let context = Context { bucket: s3.bucket("lake"), ledger, clock: Clock::fixed(now) };
    ListHoursFixture { dynamodb, s3, context }
}

impl ListHoursFixture {
    fn put(&self, number: u32, status: HourStatus) {
        let error = match status {
            HourStatus::Missing | HourStatus::NotPublished => Some("SourceNotPublished"),
            HourStatus::Failed => Some("CorruptArchive"),
            HourStatus::Published | HourStatus::Landed => None,
        };
        self.put_with(number, status, error);
    }

    fn put_with(&self, number: u32, status: HourStatus, error: Option<&str>) {
        let rules = MissingRules { missing_after_hours: 48, missing_retry_days: 30 };
        let attempt = Attempt { hour: hour(number), execution_arn: "arn", now: self.context.clock.now() };
        let failed = record::failed(None, &attempt, &HourFailure::new("CorruptArchive", ""), &rules);
        let last_error = error.map(|name| HourFailure::new(name, ""));
        self.dynamodb.with(|tables| tables.put("hours", &LedgerItem { status, last_error, ..failed }));
    }

    async fn run(&self, event: Value) -> Result<Output, ListHoursError> {
        handle(serde_json::from_value::<Input>(event).unwrap(), &self.context).await
    }

    fn manifest(&self) -> Value {
        serde_json::from_slice(&self.s3.get(KEY).unwrap()).unwrap()
    }
}

fn range(first: u32, last: u32) -> Value {
    json!({ "from": hour(first), "to": hour(last) })
}

#[tokio::test]
async fn unpublished_hours_are_listed_oldest_first() {
    let fixture = fixture();
    let statuses = [HourStatus::Published, HourStatus::Failed, HourStatus::Landed, HourStatus::Missing];
    for (number, status) in (1..).zip(statuses) {
        fixture.put(number, status);
    }
    fixture.put(9, HourStatus::Failed); // after the range
    let output = fixture.run(json!({ "request": range(0, 5), "manifest": "november" })).await.unwrap();
    assert_eq!((output.hours, output.open), (5, 4));
    assert_eq!(
        output.statuses,
        StatusCounts { published: 1, missing: 1, not_published: 0, failed: 1, landed: 1, unknown: 2 }
    );
    let open =
        ["2025-11-21-0 (never run)", "2025-11-21-2 (failed)", "2025-11-21-3 (landed)", "2025-11-21-5 (never run)"];
    assert_eq!(output.first_open, open);
    let manifest = output.manifest.unwrap();
    assert_eq!((&*manifest.bucket, &*manifest.key), ("lake", KEY));
    let listed: Vec<Value> = [0, 2, 3, 4, 5].map(|number| json!({ "hour": hour(number) })).into();
    assert_eq!(fixture.manifest(), json!(listed));
    assert_eq!(output.job_id, "ghactivity_backfill");
}

#[tokio::test]
async fn force_lists_all_hours() {
    let fixture = fixture();
    fixture.put(0, HourStatus::Published);
    let mut request = range(0, 1);
    request["force"] = true.into();
    let output = fixture.run(json!({ "request": request, "manifest": "november" })).await.unwrap();
    assert_eq!((output.hours, output.force), (2, true));
    assert_eq!(fixture.manifest().as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn hour_with_failed_last_attempt_is_open() {
    let fixture = fixture();
    fixture.put_with(0, HourStatus::Published, Some("HourWouldShrink"));
    fixture.put_with(1, HourStatus::Missing, Some("CorruptArchive"));
    let output = fixture.run(json!({ "request": range(0, 1) })).await.unwrap();
    assert_eq!(output.first_open, ["2025-11-21-1 (failed again)"], "a published hour was not run");
    let mut forced = range(0, 1);
    forced["force"] = true.into();
    let output = fixture.run(json!({ "request": forced })).await.unwrap();
    assert_eq!(output.first_open, ["2025-11-21-0 (failed again)", "2025-11-21-1 (failed again)"]);
}

#[tokio::test]
async fn tolerated_failures_are_a_share_of_the_range() {
    let fixture = fixture();
    (0..28).for_each(|number| fixture.put(number, HourStatus::Published));
    for (percentage, tolerated) in [(0, 0), (5, 1), (50, 15), (100, 30)] {
        let event = json!({ "request": range(0, 29), "tolerated_failure_percentage": percentage });
        let output = fixture.run(event).await.unwrap();
        assert_eq!((output.hours, output.tolerated_failures), (2, tolerated), "{percentage} %");
    }
}

#[tokio::test]
async fn no_manifest_name_writes_nothing() {
    let fixture = fixture();
    let output = fixture.run(json!({ "request": range(0, 29) })).await.unwrap();
    assert_eq!((output.hours, output.open, output.first_open.len(), output.manifest), (30, 30, 20, None));
    assert!(fixture.s3.keys().is_empty());
}

#[tokio::test]
async fn invalid_request_names_the_field() {
    let fixture = fixture();
    for (request, manifest, expected) in [
        (range(2, 1), None, "invalid input: hour 2025-11-21-1 is before from, 2025-11-21-2 (field `to`)"),
        (range(2, 30), None, "invalid input: hour 2025-11-22-6 is not over (field `to`)"),
        (json!({ "from": hour(0), "to": hour(0), "job_id": "" }), None, "invalid input: is empty (field `job_id`)"),
        (range(0, 0), Some("../november"), "invalid input: expected letters, digits, -, _ and . (field `manifest`)"),
    ] {
        let error = fixture.run(json!({ "request": request, "manifest": manifest })).await.unwrap_err();
        assert_eq!((error.name(), &*error.to_string()), ("InvalidInput", expected));
    }
    assert!(fixture.s3.keys().is_empty());
}

#[test]
fn unknown_fields_are_refused() {
    for event in [
        json!({ "request": { "from": hour(0), "to": hour(1), "forced": true } }),
        json!({ "request": range(0, 1), "name": "november" }),
        json!({ "request": { "from": "2025-11-21-24", "to": hour(1) } }),
    ] {
        assert!(serde_json::from_value::<Input>(event.clone()).is_err(), "{event}");
    }
}
