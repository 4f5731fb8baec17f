//! `commit-bookmark` against DynamoDB and S3 in memory: the real clients, faults and other runs included.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

#[path = "handler/conflicts.rs"]
mod conflicts;
#[path = "handler/failures.rs"]
mod failures;
#[path = "handler/world.rs"]
mod world;

use aws_fakes::S3Fault;
use commit_bookmark::{Input, Outcome, Status};
use jiff::SignedDuration;
use pipeline::ledger::{HourStatus, LedgerItem, Publication, Verdict};
use pipeline::{keys, lease};
use serde_json::json;

use world::*;

#[tokio::test]
async fn a_published_hour_is_in_ledger_history_and_bookmark() {
    let world = world_with_job();
    let output = world.run(&published(0)).await.unwrap();
    let expected =
        json!({"hour": "2025-11-21-0", "status": "published", "verdict": "complete", "bookmark": "2025-11-21-0"});
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
    publication.partition_location = format!("s3://lake/{}", keys::parquet_prefix(early.hour, V1.parse().unwrap()));
    world.run(&Input { outcome: Outcome::Published(publication), ..early }).await.unwrap();
    assert_eq!(world.bookmark(), None);
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
    assert_eq!(world.previous(0), [V1], "committed, but not cleaned up");
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
            // The ended run's lease is over by then.
            world.take_lease_at(&run, now() + lease::LEASE).await;
            world.commit(&run).await.unwrap();
        }
    }
    assert_eq!(world.s3.keys(), objects(0, V3.parse().unwrap()));
}

#[tokio::test]
async fn as_many_versions_as_are_kept_stay_and_can_be_rolled_back_to() {
    let mut world = world_with_job();
    world.context.rules.keep_versions = 1;
    let at = |seconds, version, outcome: fn(Publication) -> Outcome| {
        let outcome = outcome(publication(0, version, 1_000));
        let started_at = now() + SignedDuration::from_secs(seconds);
        Input { started_at, ..input(0, &format!("at-{seconds}"), outcome) }
    };
    for (seconds, version) in [(0, V1), (1, V2), (2, V3)] {
        world.put_objects(0, version);
        world.run(&at(seconds, version, Outcome::Published)).await.unwrap();
    }
    let mut kept = [objects(0, V2.parse().unwrap()), objects(0, V3.parse().unwrap())].concat();
    kept.sort();
    assert_eq!((world.s3.keys(), world.previous(0)), (kept.clone(), vec![V2.to_owned(), V1.to_owned()]));

    world.run(&at(3, V2, Outcome::RolledBack)).await.unwrap();
    let item = world.item(0);
    assert_eq!(
        (item.publication.unwrap().version, item.rolled_back_from),
        (V2.parse().unwrap(), Some(V3.parse().unwrap()))
    );
    assert_eq!((world.s3.keys(), world.previous(0)), (kept.clone(), vec![V3.to_owned()]));
    assert_eq!(world.bookmark(), Some(0));
    let before = world.tables();
    world.run(&at(3, V2, Outcome::RolledBack)).await.unwrap();
    assert_eq!(world.tables(), before, "once more changes nothing");

    world.run(&at(4, V3, Outcome::Published)).await.unwrap();
    assert_eq!((world.item(0).rolled_back_from, world.s3.keys()), (None, kept), "fetched again");
}

#[tokio::test]
async fn a_version_is_committed_by_the_holder_of_the_lease_alone() {
    let world = world_with_job();
    assert_eq!(name_of(world.commit(&published(0)).await), "LeaseLost", "nobody registered it");
    assert!(world.ledger().is_empty() && world.runs().is_empty());
    world.take_lease(&published(0)).await;
    let other = input(0, "other", Outcome::Published(publication(0, V1, 5_000)));
    assert_eq!(name_of(world.commit(&other).await), "LeaseLost", "another run registered it");
    let output = world.commit(&published(0)).await.unwrap();
    assert!(world.leases().is_empty(), "the lease is given back");
    assert_eq!(world.commit(&published(0)).await.unwrap(), output, "again, after a lost answer");
}

#[tokio::test]
async fn a_lease_that_goes_to_another_run_right_before_the_commit_stops_it() {
    let world = world_with_job();
    world.take_lease(&published(0)).await;
    let leases = world.context.tables.leases.clone();
    let lost = input(0, "publishes-0", Outcome::Published(publication(0, V1, 5_000)));
    world.dynamodb.before("TransactWriteItems", |tables| {
        let mut lease = tables.raw_items("leases").remove(0);
        let holder = lease["holders"]["M"].as_object_mut().unwrap();
        let hold = holder.values().next().unwrap().clone();
        *holder = serde_json::Map::from_iter([("arn:other".to_owned(), hold)]);
        lease["revision"] = json!({"N": "9"});
        tables.replace_raw("leases", lease);
    });
    assert_eq!(name_of(world.commit(&lost).await), "LeaseLost");
    assert!(world.ledger().is_empty());
    assert!(leases.get(hour(0)).await.unwrap().unwrap().lease.holders.contains_key("arn:other"), "it is the other's");
}

#[tokio::test]
async fn nothing_is_deleted_by_a_run_that_has_lost_its_lease() {
    let world = world_with_job();
    world.run(&published(0)).await.unwrap();
    world.put_objects(0, V1);
    let outcome = Outcome::Published(publication(0, V2, 6_000));
    let later = Input { started_at: now() + SignedDuration::from_secs(1), ..input(0, "other", outcome) };
    world.s3.fail("ListObjectsV2", 3, S3Fault::Answer(503, "ServiceUnavailable"));
    assert_eq!(name_of(world.run(&later).await), "AwsUnavailable", "committed, but not cleaned up");
    world.dynamodb.with(|tables| tables.clear("leases"));
    assert_eq!(world.commit(&later).await.unwrap().status, Status::Published);
    assert_eq!(world.s3.keys(), objects(0, V1.parse().unwrap()), "its objects may be another run's by now");
}

#[tokio::test]
async fn a_version_published_by_another_run_meanwhile_is_not_replaced() {
    let world = world_with_job();
    world.run(&published(0)).await.unwrap();
    world.put_objects(0, V1);
    let slow = input(0, "slow", Outcome::Published(publication(0, V2, 6_000)));
    assert_eq!(name_of(world.run(&slow).await), "VersionOvertaken");
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
