//! The contract of `prove-hour` against the fakes of S3, DynamoDB and Glue. `tests/e2e/test_prove.py` tests its findings.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]

use std::time::Duration;

use aws_fakes::{Memory, MemoryS3, S3Fault, dynamodb, glue};
use aws_lake::{LeaseHolder, Leases, Ledger, Partitions};
use function_runtime::{Clock, ErrorName};
use pipeline::keys;
use prove_hour::{Context, FindingKind, Input, Output, ProofReport, ProveHourError, handle};
use serde_json::json;

struct ProveHourFixture {
    s3: MemoryS3,
    dynamodb: Memory<dynamodb::FakeTables>,
    context: Context,
}

fn fixture() -> ProveHourFixture {
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
        clock: Clock::system(),
    };
    ProveHourFixture { s3, dynamodb, context }
}

impl ProveHourFixture {
    async fn run(&self, event: serde_json::Value) -> Result<Output, ProveHourError> {
        handle(function_runtime::parse::<Input>(event).unwrap(), &self.context).await
    }
}

#[tokio::test]
async fn hour_never_run_is_open() {
    let fixture = fixture();
    let hour = "2025-11-21-0".parse().unwrap();
    let looked = fixture.run(json!({"proof": "p", "hour": "2025-11-21-0"})).await.unwrap();
    assert_eq!(looked, Output::Hour { hour, proven: false });
    let report: ProofReport = serde_json::from_slice(&fixture.s3.get(&keys::proof_report("p", hour)).unwrap()).unwrap();
    assert_eq!(report.findings.iter().map(|finding| finding.kind).collect::<Vec<_>>(), [FindingKind::HourOpen]);
    let sums = serde_json::to_value(fixture.run(json!({"proof": "p", "hours": 1})).await.unwrap()).unwrap();
    let expected = json!({
        "hours": 1, "proven": 0, "not_recomputed": 0, "absent": 0, "wrong": 1, "findings": {"HourOpen": 1},
        "first_wrong": ["2025-11-21-0 (HourOpen)"], "rows": 0, "reports": "s3://lake/reports/ghactivity/prove/p/",
    });
    assert_eq!(sums, expected);
}

#[tokio::test]
async fn hour_with_running_run_is_checked_again() {
    let hour = "2025-11-21-0".parse().unwrap();
    let holder = LeaseHolder { hour, version: "0123456789ab".parse().unwrap(), execution_arn: "arn" };
    for (phrase, begins_mins_ago, reads) in [
        ("no run: item, lease, item", None, 3),
        ("expired lease", Some(9), 3),
        ("running run: item and lease four times, then the item", Some(0), 9),
    ] {
        let fixture = fixture();
        if let Some(minutes) = begins_mins_ago {
            let begun = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
            fixture.context.leases.take(&holder, begun).await.unwrap();
        }
        let before = fixture.dynamodb.calls_of("GetItem").len();
        fixture.run(json!({"proof": "p", "hour": "2025-11-21-0"})).await.unwrap();
        assert_eq!(fixture.dynamodb.calls_of("GetItem").len() - before, reads, "{phrase}");
    }
}

#[tokio::test]
async fn missing_report_is_an_error() {
    let fixture = fixture();
    fixture.run(json!({"proof": "p", "hour": "2025-11-21-0"})).await.unwrap();
    let error = fixture.run(json!({"proof": "p", "hours": 2})).await.unwrap_err();
    assert_eq!(error.name(), "ObjectMissing");
    assert!(error.to_string().contains("1 reports, but 2 hours were checked"), "{error}");
    fixture.s3.put(&keys::proof_report("p", "2025-11-21-1".parse().unwrap()), "{}");
    let error = fixture.run(json!({"proof": "p", "hours": 2})).await.unwrap_err();
    assert!(error.to_string().contains("2025-11-21-1.json is not a report"), "{error}");
}

#[tokio::test]
async fn failed_call_is_classified() {
    for (status, code, name) in [(503, "SlowDown", "AwsThrottled"), (403, "AccessDenied", "AwsRefused")] {
        let fixture = fixture();
        // Three concurrent lists with three attempts each.
        fixture.s3.fail("ListObjectsV2", 9, S3Fault::Error(status, code));
        let error = fixture.run(json!({"proof": "p", "hour": "2025-11-21-0"})).await.unwrap_err();
        assert_eq!(error.name(), name);
    }
}

#[tokio::test]
async fn invalid_input_names_the_field() {
    let fixture = fixture();
    for (phrase, event, field) in [
        ("empty name", json!({"proof": "", "hour": "2025-11-21-0"}), "proof"),
        ("a path", json!({"proof": "../p", "hour": "2025-11-21-0"}), "proof"),
        ("neither", json!({"proof": "p"}), "hour"),
        ("both", json!({"proof": "p", "hour": "2025-11-21-0", "hours": 1}), "hours"),
    ] {
        let error = fixture.run(event).await.unwrap_err();
        assert_eq!(error.name(), "InvalidInput", "{phrase}");
        assert!(error.to_string().contains(field), "{phrase}: {error}");
    }
}
