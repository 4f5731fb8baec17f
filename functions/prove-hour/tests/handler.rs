//! `prove-hour` against S3, DynamoDB and Glue in memory: its contract. What it finds of real hours, and of hours that were
//! spoilt, is tested end to end (`tests/e2e/test_prove.py`).

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

use std::time::Duration;

use aws_fakes::Memory;
use aws_fakes::dynamodb;
use aws_fakes::glue;
use aws_fakes::{MemoryS3, S3Fault};
use aws_lake::Partitions;
use aws_lake::{Holder, Leases, Ledger};
use function_runtime::ErrorName;
use pipeline::keys;
use prove_hour::{Context, Input, Output, ProveError, Report, What, handle};
use serde_json::json;

struct World {
    s3: MemoryS3,
    dynamodb: Memory<dynamodb::FakeTables>,
    context: Context,
}

fn world() -> World {
    let (s3, glue) = (MemoryS3::default(), glue::memory());
    let dynamodb = dynamodb::memory(&[("hours", "archive", Some("hour"))]);
    let context = Context {
        bucket: s3.bucket("lake"),
        ledger: Ledger::new(dynamodb::client(&dynamodb), "hours"),
        leases: Leases::new(dynamodb::client(&dynamodb), "hours"),
        partitions: Partitions::new(glue::client(&glue), "ghactivity_db", "events"),
        quarantine_retention_days: 0,
        landing_retention_days: 0,
        wait: Duration::from_millis(1),
        now: jiff::Timestamp::now,
    };
    World { s3, dynamodb, context }
}

impl World {
    async fn run(&self, event: serde_json::Value) -> Result<Output, ProveError> {
        handle(function_runtime::parse::<Input>(event).unwrap(), &self.context).await
    }
}

#[tokio::test]
async fn an_hour_that_was_never_run_is_open_and_its_report_is_added_up() {
    let world = world();
    let hour = "2025-11-21-0".parse().unwrap();
    let looked = world.run(json!({"proof": "p", "hour": "2025-11-21-0"})).await.unwrap();
    assert_eq!(looked, Output::Hour { hour, proven: false });
    let report: Report = serde_json::from_slice(&world.s3.get(&keys::proof_report("p", hour)).unwrap()).unwrap();
    assert_eq!(report.findings.iter().map(|finding| finding.what).collect::<Vec<_>>(), [What::HourOpen]);
    let sums = serde_json::to_value(world.run(json!({"proof": "p", "hours": 1})).await.unwrap()).unwrap();
    let expected = json!({
        "hours": 1, "proven": 0, "not_recomputed": 0, "absent": 0, "wrong": 1, "findings": {"HourOpen": 1},
        "first_wrong": ["2025-11-21-0 (HourOpen)"], "rows": 0, "reports": "s3://lake/reports/ghactivity/prove/p/",
    });
    assert_eq!(sums, expected);
}

#[tokio::test]
async fn what_is_found_beside_a_run_is_looked_at_again() {
    let hour = "2025-11-21-0".parse().unwrap();
    let holder = Holder { hour, version: "0123456789ab".parse().unwrap(), execution_arn: "arn" };
    for (phrase, begins_mins_ago, reads) in [
        ("nobody is at work: item, lease, item", None, 3),
        ("a lease that has ended by itself is nobody's", Some(9), 3),
        ("a run is at work: item and lease, four times, and the item once more", Some(0), 9),
    ] {
        let world = world();
        if let Some(minutes) = begins_mins_ago {
            let begun = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
            world.context.leases.take(&holder, begun).await.unwrap();
        }
        let before = world.dynamodb.calls_of("GetItem").len();
        world.run(json!({"proof": "p", "hour": "2025-11-21-0"})).await.unwrap();
        assert_eq!(world.dynamodb.calls_of("GetItem").len() - before, reads, "{phrase}");
    }
}

#[tokio::test]
async fn an_hour_without_a_report_is_not_passed_over() {
    let world = world();
    world.run(json!({"proof": "p", "hour": "2025-11-21-0"})).await.unwrap();
    let error = world.run(json!({"proof": "p", "hours": 2})).await.unwrap_err();
    assert_eq!(error.name(), "ObjectMissing");
    assert!(error.to_string().contains("1 reports, where 2 hours were looked at"), "{error}");
    world.s3.put(&keys::proof_report("p", "2025-11-21-1".parse().unwrap()), "{}");
    let error = world.run(json!({"proof": "p", "hours": 2})).await.unwrap_err();
    assert!(error.to_string().contains("2025-11-21-1.json is no report"), "{error}");
}

#[tokio::test]
async fn a_call_that_fails_says_whether_to_try_again() {
    for (status, code, name) in [(503, "SlowDown", "AwsThrottled"), (403, "AccessDenied", "AwsRefused")] {
        let world = world();
        // Three lists at once, each tried three times.
        world.s3.fail("ListObjectsV2", 9, S3Fault::Answer(status, code));
        let error = world.run(json!({"proof": "p", "hour": "2025-11-21-0"})).await.unwrap_err();
        assert_eq!(error.name(), name);
    }
}

#[tokio::test]
async fn a_wrong_input_is_refused_by_name() {
    let world = world();
    for (phrase, event, field) in [
        ("no name", json!({"proof": "", "hour": "2025-11-21-0"}), "proof"),
        ("a path", json!({"proof": "../p", "hour": "2025-11-21-0"}), "proof"),
        ("neither", json!({"proof": "p"}), "hour"),
        ("both", json!({"proof": "p", "hour": "2025-11-21-0", "hours": 1}), "hours"),
    ] {
        let error = world.run(event).await.unwrap_err();
        assert_eq!(error.name(), "InvalidInput", "{phrase}");
        assert!(error.to_string().contains(field), "{phrase}: {error}");
    }
}
