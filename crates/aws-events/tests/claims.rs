//! The claims of events on the wire: requests, handling of responses, and items left in the table.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]

use std::sync::LazyLock;

use aws_client::AwsError;
use aws_events::Claims;
use aws_fakes::dynamodb::{FakeTables, client, memory};
use aws_fakes::{Fault, Memory};
use event_stream::record::RecordId;
use event_stream::{Claim, ClaimResult, PartId, Transition};
use serde_json::{Value, json};

const THROTTLED: &str = "ProvisionedThroughputExceededException";
const KEY: &str = "events/event_type=lesson/event_date=2025-11-21/shardId-000000000000-1-9-ab.snappy.parquet";

/// The record that contains all events.
static RECORD: LazyLock<RecordId> =
    LazyLock::new(|| RecordId { shard: "shardId-000000000000".into(), sequence: "1".into() });

fn part() -> PartId<'static> {
    PartId { record: &RECORD, part: 0 }
}

fn table() -> (Memory<FakeTables>, Claims) {
    let tables = memory(&[("claims", "event_uuid", None)]);
    let claims = Claims::new(client(&tables), "claims");
    (tables, claims)
}

/// The transition of a claim from version `from` to the next one, for an object.
fn change<'a>(uuid: &'a str, from: u64, object: &'a str) -> Transition<'a> {
    let (arrived_ms, claimed_until_ms, expires_secs) = (10, 20, 30);
    Transition { uuid, from, object, record: part(), arrived_ms, claimed_until_ms, expires_secs }
}

#[expect(clippy::unnecessary_wraps, reason = "cases are compared with found claims, which are options")]
fn claim(version: u64, object: &str) -> Option<Claim> {
    let record = "shardId-000000000000:1#0".to_owned();
    Some(Claim { version, object: object.to_owned(), record, arrived_ms: 10, claimed_until_ms: 20 })
}

fn statements(tables: &Memory<FakeTables>) -> Vec<Vec<Value>> {
    let calls = tables.calls_of("BatchExecuteStatement").into_iter();
    calls.map(|body| body["Statements"].as_array().unwrap().clone()).collect()
}

#[tokio::test]
async fn claim_first_version_is_insert() {
    let (tables, claims) = table();
    assert_eq!(claims.claim(&[change("a", 0, KEY), change("b", 0, KEY)]).await.unwrap(), [ClaimResult::Won; 2]);
    let [call] = &statements(&tables)[..] else { panic!("one call") };
    let insert = "INSERT INTO \"claims\" VALUE {'event_uuid':?,'version':?,'object':?,'record':?,'arrived_at':?,\
                  'claimed_until':?,'expires_at':?}";
    let values = |uuid: &str| json!([{"S": uuid}, {"N": "1"}, {"S": KEY}, {"S": "shardId-000000000000:1#0"}, {"N": "10"}, {"N": "20"}, {"N": "30"}]);
    for (statement, uuid) in call.iter().zip(["a", "b"]) {
        assert_eq!(*statement, json!({"Statement": insert, "Parameters": values(uuid)}));
    }
    let stored = tables.with(|tables| tables.raw_items("claims"));
    assert_eq!(stored[0]["object"], json!({"S": KEY}));
    assert_eq!(stored[0]["record"], json!({"S": part().to_string()}), "the form that the protocol compares");
    assert_eq!(stored[0]["expires_at"], json!({"N": "30"}), "TTL: a number, in seconds");
}

#[tokio::test]
async fn claim_takeover_is_update_on_version() {
    let (tables, claims) = table();
    claims.claim(&[change("a", 0, "old")]).await.unwrap();
    assert_eq!(claims.claim(&[change("a", 1, "new")]).await.unwrap(), [ClaimResult::Won]);
    let update = "UPDATE \"claims\" SET \"version\"=? SET \"object\"=? SET \"record\"=? SET \"arrived_at\"=? \
                  SET \"claimed_until\"=? SET \"expires_at\"=? WHERE \"event_uuid\"=? AND \"version\"=?";
    let values = json!([{"N": "2"}, {"S": "new"}, {"S": "shardId-000000000000:1#0"}, {"N": "10"}, {"N": "20"}, {"N": "30"}, {"S": "a"}, {"N": "1"}]);
    assert_eq!(statements(&tables)[1], [json!({"Statement": update, "Parameters": values})]);
    assert_eq!(claims.read(&["a"]).await.unwrap(), [claim(2, "new")]);
}

#[tokio::test]
async fn claim_failed_condition_changes_nothing() {
    let (tables, claims) = table();
    claims.claim(&[change("a", 0, "first")]).await.unwrap();
    for (phrase, late) in [
        ("the claim exists", change("a", 0, "late")),
        ("the version differs", change("a", 7, "late")),
        ("no claim to take over", change("b", 1, "late")),
    ] {
        let taken = claims.claim(&[late, change(phrase, 0, "free")]).await.unwrap();
        assert_eq!(taken, [ClaimResult::Lost, ClaimResult::Won], "{phrase}: each statement by itself");
    }
    assert_eq!(claims.read(&["b", "a", "c"]).await.unwrap(), [None, claim(1, "first"), None]);
    let read = tables.calls_of("BatchGetItem").pop().unwrap();
    assert_eq!(read["RequestItems"]["claims"]["ConsistentRead"], json!(true), "{read}");
}

#[tokio::test]
async fn claim_transient_error_is_retried_by_sdk() {
    for (phrase, fault) in [
        ("503", Fault::Error(503, "ServiceUnavailable")),
        ("500", Fault::Error(500, "InternalServerError")),
        ("throttled", Fault::Error(400, THROTTLED)),
    ] {
        let (tables, claims) = table();
        tables.fail("BatchExecuteStatement", 1, fault);
        assert_eq!(claims.claim(&[change("a", 0, "one")]).await.expect(phrase), [ClaimResult::Won], "{phrase}");
        let calls = statements(&tables);
        assert_eq!((calls.len(), &calls[0]), (2, &calls[1]), "{phrase}");
    }
}

#[tokio::test]
async fn claim_persistent_error_is_classified() {
    for (fault, name, tries) in [
        (Fault::Error(400, THROTTLED), "AwsThrottled", 3),
        (Fault::Error(503, "ServiceUnavailable"), "AwsUnavailable", 3),
        (Fault::LostResponse, "AwsUnavailable", 3),
        (Fault::Error(400, "ResourceNotFoundException"), "AwsRefused", 1),
    ] {
        let (tables, claims) = table();
        tables.fail("BatchExecuteStatement", 9, fault);
        let error = claims.claim(&[change("a", 0, "one")]).await.unwrap_err();
        assert_eq!((error.name(), statements(&tables).len()), (name, tries), "{fault:?}");
        assert!(error.to_string().contains("claims"), "{error}");
    }
}

#[tokio::test]
async fn claim_throttled_statement_is_repeated_alone() {
    for code in
        ["ProvisionedThroughputExceeded", "ThrottlingError", "InternalServerError", "TransactionConflict", "New"]
    {
        let (tables, claims) = table();
        tables.with(|tables| tables.fail_statement(1, code));
        let changes = [change("a", 0, "x"), change("b", 0, "x"), change("c", 0, "x")];
        assert_eq!(claims.claim(&changes).await.unwrap(), [ClaimResult::Won; 3], "{code}");
        let calls = statements(&tables);
        assert_eq!((calls.len(), &calls[1][..]), (2, &calls[0][1..2]), "{code}");
    }
}

#[tokio::test]
async fn claim_persistent_throttling_is_unknown() {
    let (tables, claims) = table();
    for _ in 0..6 {
        tables.before("BatchExecuteStatement", |tables| tables.fail_statement(0, "ThrottlingError"));
    }
    let changes = [change("a", 0, "x"), change("b", 0, "x")];
    assert_eq!(claims.claim(&changes).await.unwrap(), [ClaimResult::Unknown, ClaimResult::Won], "neither won nor lost");
    assert_eq!(statements(&tables).len(), 6);
    assert_eq!(claims.read(&["a", "b"]).await.unwrap(), [None, claim(1, "x")]);
}

#[tokio::test]
async fn claim_lost_response_leaves_our_claim() {
    let (tables, claims) = table();
    tables.fail("BatchExecuteStatement", 1, Fault::LostResponse);
    // The SDK's second attempt meets the item of the first one.
    assert_eq!(claims.claim(&[change("a", 0, "ours")]).await.unwrap(), [ClaimResult::Lost]);
    assert_eq!(claims.read(&["a"]).await.unwrap(), [claim(1, "ours")], "the stored claim shows the owner");
    tables.fail("BatchExecuteStatement", 1, Fault::LostResponse);
    assert_eq!(claims.claim(&[change("a", 1, "ours again")]).await.unwrap(), [ClaimResult::Lost]);
    assert_eq!(claims.read(&["a"]).await.unwrap(), [claim(2, "ours again")]);
}

#[tokio::test]
async fn incomplete_response_is_throttled() {
    let (tables, claims) = table();
    tables.with(FakeTables::return_few);
    let throttled = |error: AwsError| assert_eq!(error.name(), "AwsThrottled");
    throttled(claims.claim(&[change("a", 0, "x"), change("b", 0, "x")]).await.unwrap_err());
    tables.with(FakeTables::return_few);
    throttled(claims.read(&["a", "b"]).await.unwrap_err());
    tables.with(FakeTables::return_few);
    throttled(claims.marked_stored(&["x"]).await.unwrap_err());
}

#[tokio::test]
async fn read_malformed_claim_is_refused() {
    let (tables, claims) = table();
    tables.with(|tables| tables.replace_raw("claims", json!({"event_uuid": {"S": "a"}, "version": {"S": "one"}})));
    assert_eq!(claims.read(&["a"]).await.unwrap_err().name(), "AwsRefused");
}

#[tokio::test]
async fn claim_text_is_escaped() {
    let (_, claims) = table();
    let odd = "events/a\"b\\c/\u{7}ü\n";
    claims.claim(&[change("a", 0, odd)]).await.unwrap();
    assert_eq!(claims.read(&["a"]).await.unwrap(), [claim(1, odd)]);
}

#[tokio::test]
async fn stored_notes_are_not_claims() {
    let (tables, claims) = table();
    for _ in 0..2 {
        claims.mark_stored(&["one", "two"], 30).await.unwrap();
    }
    assert_eq!(claims.marked_stored(&["two", "three", "one"]).await.unwrap(), [true, false, true]);
    assert_eq!(claims.read(&["one"]).await.unwrap(), [None]);
    let note = json!({"event_uuid": {"S": "stored one"}, "expires_at": {"N": "30"}});
    assert_eq!(tables.with(|tables| tables.raw_items("claims"))[0], note);
}
