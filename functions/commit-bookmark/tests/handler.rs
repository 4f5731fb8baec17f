//! `commit-bookmark` against the fakes of DynamoDB, S3 and Glue, with faults and concurrent runs.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]

#[path = "handler/conflicts.rs"]
mod conflicts;
#[path = "handler/failures.rs"]
mod failures;
#[path = "handler/fixture.rs"]
mod fixture;

use aws_fakes::S3Fault;
use commit_bookmark::{CommitStatus, Input, RunOutcome};
use jiff::SignedDuration;
use pipeline::ledger::{HourStatus, LedgerItem, Publication, Verdict};
use pipeline::{keys, lease};
use serde_json::json;

use fixture::*;

#[tokio::test]
async fn published_hour_is_in_all_tables() {
    let fixture = fixture_with_job();
    let output = fixture.run(&published(0)).await.unwrap();
    let expected =
        json!({"hour": "2025-11-21-0", "status": "published", "verdict": "complete", "bookmark": "2025-11-21-0"});
    assert_eq!(serde_json::to_value(&output).unwrap(), expected);
    let item = fixture.item(0);
    assert_eq!((item.status, item.revision, item.published_at), (HourStatus::Published, 1, Some(now())));
    assert_eq!(item.publication, Some(publication(0, V1, 5_000)));
    let [run] = fixture.runs().try_into().unwrap();
    assert_eq!((run.hour, run.status, run.rows, run.error), (hour(0), HourStatus::Published, Some(5_000), None));
    assert_eq!((run.started_at, run.ended_at), (published(0).started_at, now()));
    assert_eq!(fixture.bookmark(), Some(0));
    assert_eq!(fixture.dynamodb.calls_of("TransactWriteItems").len(), 1, "one transaction");
}

#[tokio::test]
async fn items_have_the_documented_attributes() {
    let fixture = fixture_with_job();
    fixture.run(&published(0)).await.unwrap();
    let [item] = fixture.dynamodb.with(|tables| tables.raw_items("hours")).try_into().unwrap();
    assert_eq!(item["version"], json!({"S": V1}));
    assert_eq!(item["counts"]["M"]["rows"], json!({"N": "5000"}));
    assert_eq!(item["hour"], json!({"S": "2025-11-21T00"}));
    let [run] = fixture.dynamodb.with(|tables| tables.raw_items("runs")).try_into().unwrap();
    let time = run["job_run_time"]["N"].as_str().unwrap();
    assert!(time.starts_with(&format!("{}.", published(0).started_at.as_millisecond())), "{time}");
    assert_eq!(time.len(), 13 + 1 + 12);
}

#[tokio::test]
async fn second_commit_changes_nothing() {
    let fixture = fixture_with_job();
    let output = fixture.run(&published(0)).await.unwrap();
    let tables = fixture.tables();
    assert_eq!(fixture.run(&published(0)).await.unwrap(), output);
    assert_eq!(fixture.tables(), tables);
    assert_eq!(fixture.dynamodb.calls_of("TransactWriteItems").len(), 1, "nothing to write");
}

#[tokio::test]
async fn three_runs_leave_one_ledger_item() {
    let fixture = fixture_with_job();
    fixture.run(&published(0)).await.unwrap();
    let ledger = fixture.ledger();
    for execution in ["second", "third"] {
        let again = input(0, execution, RunOutcome::Published(publication(0, V1, 5_000)));
        fixture.run(&again).await.unwrap();
    }
    assert_eq!(fixture.ledger(), ledger);
    assert_eq!((fixture.runs().len(), fixture.bookmark()), (3, Some(0)));
}

#[tokio::test]
async fn bookmark_waits_for_earlier_hours() {
    let fixture = fixture_with_job();
    fixture.dynamodb.with(|tables| tables.page_items(1));
    for (number, bookmark) in [(2, None), (1, None), (4, None), (0, Some(2)), (3, Some(4))] {
        let output = fixture.run(&published(number)).await.unwrap();
        assert_eq!(fixture.bookmark(), bookmark, "after hour {number}");
        assert_eq!(output.bookmark, bookmark.map(hour), "after hour {number}");
    }
}

#[tokio::test]
async fn bookmark_ignores_hours_before_the_job() {
    let without_job = fixture();
    let output = without_job.run(&published(0)).await.unwrap();
    assert_eq!((output.status, output.bookmark), (CommitStatus::Published, None));
    assert_eq!((without_job.ledger().len(), without_job.runs().len()), (1, 1));
    let fixture = fixture_with_job();
    let early = Input { hour: hour(0).minus(1).unwrap(), ..published(0) };
    let mut publication = publication(0, V1, 10);
    publication.partition_location = format!("s3://lake/{}", keys::parquet_prefix(early.hour, V1.parse().unwrap()));
    fixture.run(&Input { outcome: RunOutcome::Published(publication), ..early }).await.unwrap();
    assert_eq!(fixture.bookmark(), None);
}

#[tokio::test]
async fn replaced_version_is_deleted() {
    let fixture = fixture_with_job();
    fixture.run(&published(0)).await.unwrap();
    for version in [V1, V2] {
        fixture.put_objects(0, version);
    }
    fixture.s3.put(&keys::landing(hour(0)), "landing");
    fixture.put_objects(1, V1);
    let before = fixture.s3.keys();
    let later = |execution| {
        let outcome = RunOutcome::Published(publication(0, V2, 6_000));
        Input { started_at: now() + SignedDuration::from_secs(1), ..input(0, execution, outcome) }
    };
    fixture.s3.fail("DeleteObjects", 3, S3Fault::Error(503, "ServiceUnavailable"));
    assert_eq!(name_of(fixture.run(&later("other")).await), "AwsUnavailable");
    assert_eq!(fixture.previous(0), [V1], "committed but not cleaned up");
    fixture.run(&later("other")).await.unwrap();
    let gone = objects(0, V1.parse().unwrap());
    let expected: Vec<_> = before.into_iter().filter(|key| !gone.contains(key)).collect();
    assert_eq!(fixture.s3.keys(), expected, "the second run cleans up");
    assert_eq!(fixture.item(0).revision, 2);
}

#[tokio::test]
async fn next_commit_deletes_version_of_ended_run() {
    let fixture = fixture_with_job();
    for (at, version, rows) in [(0, V1, 1), (1, V2, 2), (2, V3, 3)] {
        fixture.put_objects(0, version);
        let outcome = RunOutcome::Published(publication(0, version, rows));
        let run = Input { started_at: now() + SignedDuration::from_secs(at), ..input(0, version, outcome) };
        if version == V2 {
            fixture.s3.fail("ListObjectsV2", 3, S3Fault::Error(503, "ServiceUnavailable"));
            assert!(fixture.run(&run).await.is_err());
        } else {
            // The lease of the ended run has expired.
            fixture.take_lease_at(&run, now() + lease::LEASE).await;
            fixture.commit(&run).await.unwrap();
        }
    }
    assert_eq!(fixture.s3.keys(), objects(0, V3.parse().unwrap()));
}

#[tokio::test]
async fn kept_versions_can_be_rolled_back_to() {
    let mut fixture = fixture_with_job();
    fixture.context.rules.keep_versions = 1;
    let at = |seconds, version, outcome: fn(Publication) -> RunOutcome| {
        let outcome = outcome(publication(0, version, 1_000));
        let started_at = now() + SignedDuration::from_secs(seconds);
        Input { started_at, ..input(0, &format!("at-{seconds}"), outcome) }
    };
    for (seconds, version) in [(0, V1), (1, V2), (2, V3)] {
        fixture.put_objects(0, version);
        fixture.run(&at(seconds, version, RunOutcome::Published)).await.unwrap();
    }
    let mut kept = [objects(0, V2.parse().unwrap()), objects(0, V3.parse().unwrap())].concat();
    kept.sort();
    assert_eq!((fixture.s3.keys(), fixture.previous(0)), (kept.clone(), vec![V2.to_owned(), V1.to_owned()]));

    fixture.run(&at(3, V2, RunOutcome::RolledBack)).await.unwrap();
    let item = fixture.item(0);
    assert_eq!(
        (item.publication.unwrap().version, item.rolled_back_from),
        (V2.parse().unwrap(), Some(V3.parse().unwrap()))
    );
    assert_eq!((fixture.s3.keys(), fixture.previous(0)), (kept.clone(), vec![V3.to_owned()]));
    assert_eq!(fixture.bookmark(), Some(0));
    let before = fixture.tables();
    fixture.run(&at(3, V2, RunOutcome::RolledBack)).await.unwrap();
    assert_eq!(fixture.tables(), before, "a second run changes nothing");

    fixture.run(&at(4, V3, RunOutcome::Published)).await.unwrap();
    assert_eq!((fixture.item(0).rolled_back_from, fixture.s3.keys()), (None, kept), "fetched again");
}

#[tokio::test]
async fn commit_without_lease_is_lease_lost() {
    let fixture = fixture_with_job();
    assert_eq!(name_of(fixture.commit(&published(0)).await), "LeaseLost", "not registered");
    assert!(fixture.ledger().is_empty() && fixture.runs().is_empty());
    fixture.take_lease(&published(0)).await;
    let other = input(0, "other", RunOutcome::Published(publication(0, V1, 5_000)));
    assert_eq!(name_of(fixture.commit(&other).await), "LeaseLost", "registered by another run");
    let output = fixture.commit(&published(0)).await.unwrap();
    assert!(fixture.leases().is_empty(), "lease given back");
    assert_eq!(fixture.commit(&published(0)).await.unwrap(), output, "second call after a lost response");
}

#[tokio::test]
async fn lease_lost_before_commit_stops_it() {
    let fixture = fixture_with_job();
    fixture.take_lease(&published(0)).await;
    let leases = fixture.context.tables.leases.clone();
    let lost = input(0, "publishes-0", RunOutcome::Published(publication(0, V1, 5_000)));
    fixture.dynamodb.before("TransactWriteItems", |tables| {
        let mut lease = tables.raw_items("leases").remove(0);
        let holder = lease["holders"]["M"].as_object_mut().unwrap();
        let hold = holder.values().next().unwrap().clone();
        *holder = serde_json::Map::from_iter([("arn:other".to_owned(), hold)]);
        lease["revision"] = json!({"N": "9"});
        tables.replace_raw("leases", lease);
    });
    assert_eq!(name_of(fixture.commit(&lost).await), "LeaseLost");
    assert!(fixture.ledger().is_empty());
    assert!(
        leases.get(hour(0)).await.unwrap().unwrap().lease.holders.contains_key("arn:other"),
        "held by the other run"
    );
}

#[tokio::test]
async fn run_without_lease_deletes_nothing() {
    let fixture = fixture_with_job();
    fixture.run(&published(0)).await.unwrap();
    fixture.put_objects(0, V1);
    let outcome = RunOutcome::Published(publication(0, V2, 6_000));
    let later = Input { started_at: now() + SignedDuration::from_secs(1), ..input(0, "other", outcome) };
    fixture.s3.fail("ListObjectsV2", 3, S3Fault::Error(503, "ServiceUnavailable"));
    assert_eq!(name_of(fixture.run(&later).await), "AwsUnavailable", "committed but not cleaned up");
    fixture.dynamodb.with(|tables| tables.clear("leases"));
    assert_eq!(fixture.commit(&later).await.unwrap().status, CommitStatus::Published);
    assert_eq!(fixture.s3.keys(), objects(0, V1.parse().unwrap()), "the objects may belong to another run");
}

#[tokio::test]
async fn version_of_later_run_is_not_replaced() {
    let fixture = fixture_with_job();
    fixture.run(&published(0)).await.unwrap();
    fixture.put_objects(0, V1);
    let slow = input(0, "slow", RunOutcome::Published(publication(0, V2, 6_000)));
    assert_eq!(name_of(fixture.run(&slow).await), "VersionOvertaken");
    assert_eq!(fixture.s3.keys(), objects(0, V1.parse().unwrap()));
    assert_eq!(fixture.item(0).publication.unwrap().version, V1.parse().unwrap());
}

#[tokio::test]
async fn verdict_compares_with_earlier_days() {
    let fixture = fixture();
    for days in 1..=3 {
        let mut item = LedgerItem { hour: hour(0).minus(24 * days).unwrap().ledger_key(), ..seed() };
        item.publication = Some(publication(0, V1, 100_000));
        fixture.dynamodb.with(|tables| tables.put("hours", &item));
    }
    for (number, rows, verdict) in [(0, 18, Verdict::Tiny), (24, 100_000, Verdict::Complete)] {
        let outcome = RunOutcome::Published(publication(number, V1, rows));
        let output = fixture.run(&input(number, "any", outcome)).await.unwrap();
        assert_eq!(output.verdict, Some(verdict), "hour {number}");
    }
    let degraded = input(48, "degraded", RunOutcome::Published(publication(48, V1, 40_000)));
    assert_eq!(fixture.run(&degraded).await.unwrap().verdict, Some(Verdict::Degraded));
}

#[test]
fn input_parses_state_machine_event() {
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
