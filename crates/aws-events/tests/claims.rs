//! The claims of events on the wire: what is asked, what is made of the answers, and what the table holds then.

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

/// The record that all events came in.
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

/// The change of an event's claim from a version to the next, for an object.
fn change<'a>(uuid: &'a str, from: u64, object: &'a str) -> Transition<'a> {
    let (arrived_ms, claimed_until_ms, expires_secs) = (10, 20, 30);
    Transition { uuid, from, object, record: part(), arrived_ms, claimed_until_ms, expires_secs }
}

fn claim(version: u64, object: &str) -> Option<Claim> {
    let record = "shardId-000000000000:1#0".to_owned();
    Some(Claim { version, object: object.to_owned(), record, arrived_ms: 10, claimed_until_ms: 20 })
}

fn statements(tables: &Memory<FakeTables>) -> Vec<Vec<Value>> {
    let calls = tables.calls_of("BatchExecuteStatement").into_iter();
    calls.map(|body| body["Statements"].as_array().unwrap().clone()).collect()
}

#[tokio::test]
async fn a_first_claim_is_an_insert_which_fails_if_there_is_one() {
    let (tables, claims) = table();
    assert_eq!(claims.take(&[change("a", 0, KEY), change("b", 0, KEY)]).await.unwrap(), [ClaimResult::Won; 2]);
    let [call] = &statements(&tables)[..] else { panic!("one call") };
    let insert = "INSERT INTO \"claims\" VALUE {'event_uuid':?,'version':?,'object':?,'record':?,'arrived_at':?,\
                  'claimed_until':?,'expires_at':?}";
    let values = |uuid: &str| json!([{"S": uuid}, {"N": "1"}, {"S": KEY}, {"S": "shardId-000000000000:1#0"}, {"N": "10"}, {"N": "20"}, {"N": "30"}]);
    for (statement, uuid) in call.iter().zip(["a", "b"]) {
        assert_eq!(*statement, json!({"Statement": insert, "Parameters": values(uuid)}));
    }
    let stored = tables.with(|tables| tables.raw_items("claims"));
    assert_eq!(stored[0]["object"], json!({"S": KEY}));
    assert_eq!(stored[0]["record"], json!({"S": part().to_string()}), "as the protocol compares it");
    assert_eq!(stored[0]["expires_at"], json!({"N": "30"}), "TTL counts in seconds, as a number");
}

#[tokio::test]
async fn a_takeover_is_an_update_under_the_version_that_was_seen() {
    let (tables, claims) = table();
    claims.take(&[change("a", 0, "old")]).await.unwrap();
    assert_eq!(claims.take(&[change("a", 1, "new")]).await.unwrap(), [ClaimResult::Won]);
    let update = "UPDATE \"claims\" SET \"version\"=? SET \"object\"=? SET \"record\"=? SET \"arrived_at\"=? \
                  SET \"claimed_until\"=? SET \"expires_at\"=? WHERE \"event_uuid\"=? AND \"version\"=?";
    let values = json!([{"N": "2"}, {"S": "new"}, {"S": "shardId-000000000000:1#0"}, {"N": "10"}, {"N": "20"}, {"N": "30"}, {"S": "a"}, {"N": "1"}]);
    assert_eq!(statements(&tables)[1], [json!({"Statement": update, "Parameters": values})]);
    assert_eq!(claims.read(&["a"]).await.unwrap(), [claim(2, "new")]);
}

#[tokio::test]
async fn a_condition_that_fails_changes_nothing_and_what_is_there_is_read() {
    let (tables, claims) = table();
    claims.take(&[change("a", 0, "first")]).await.unwrap();
    for (phrase, late) in [
        ("there is a claim already", change("a", 0, "late")),
        ("it has another version", change("a", 7, "late")),
        ("there is none to take over", change("b", 1, "late")),
    ] {
        let taken = claims.take(&[late, change(phrase, 0, "free")]).await.unwrap();
        assert_eq!(taken, [ClaimResult::Lost, ClaimResult::Won], "{phrase}: each statement by itself");
    }
    assert_eq!(claims.read(&["b", "a", "c"]).await.unwrap(), [None, claim(1, "first"), None]);
    let read = tables.calls_of("BatchGetItem").pop().unwrap();
    assert_eq!(read["RequestItems"]["claims"]["ConsistentRead"], json!(true), "{read}");
}

#[tokio::test]
async fn a_service_that_fails_is_asked_again_with_the_same_body() {
    for (phrase, fault) in [
        ("503", Fault::Answer(503, "ServiceUnavailable")),
        ("500", Fault::Answer(500, "InternalServerError")),
        ("throttled", Fault::Answer(400, THROTTLED)),
    ] {
        let (tables, claims) = table();
        tables.fail("BatchExecuteStatement", 1, fault);
        assert_eq!(claims.take(&[change("a", 0, "one")]).await.expect(phrase), [ClaimResult::Won], "{phrase}");
        let calls = statements(&tables);
        assert_eq!((calls.len(), &calls[0]), (2, &calls[1]), "{phrase}");
    }
}

#[tokio::test]
async fn a_call_that_goes_on_failing_says_why() {
    for (fault, name, tries) in [
        (Fault::Answer(400, THROTTLED), "AwsThrottled", 3),
        (Fault::Answer(503, "ServiceUnavailable"), "AwsUnavailable", 3),
        (Fault::LostAnswer, "AwsUnavailable", 3),
        (Fault::Answer(400, "ResourceNotFoundException"), "AwsRefused", 1),
    ] {
        let (tables, claims) = table();
        tables.fail("BatchExecuteStatement", 9, fault);
        let error = claims.take(&[change("a", 0, "one")]).await.unwrap_err();
        assert_eq!((error.name(), statements(&tables).len()), (name, tries), "{fault:?}");
        assert!(error.to_string().contains("claims"), "{error}");
    }
}

#[tokio::test]
async fn a_statement_that_is_throttled_alone_is_made_again_alone() {
    for code in
        ["ProvisionedThroughputExceeded", "ThrottlingError", "InternalServerError", "TransactionConflict", "New"]
    {
        let (tables, claims) = table();
        tables.with(|tables| tables.fail_statement(1, code));
        let changes = [change("a", 0, "x"), change("b", 0, "x"), change("c", 0, "x")];
        assert_eq!(claims.take(&changes).await.unwrap(), [ClaimResult::Won; 3], "{code}");
        let calls = statements(&tables);
        assert_eq!((calls.len(), &calls[1][..]), (2, &calls[0][1..2]), "{code}");
    }
}

#[tokio::test]
async fn a_statement_that_goes_on_failing_leaves_its_claim_open() {
    let (tables, claims) = table();
    for _ in 0..6 {
        tables.before("BatchExecuteStatement", |tables| tables.fail_statement(0, "ThrottlingError"));
    }
    let changes = [change("a", 0, "x"), change("b", 0, "x")];
    assert_eq!(claims.take(&changes).await.unwrap(), [ClaimResult::Unknown, ClaimResult::Won], "neither won nor lost");
    assert_eq!(statements(&tables).len(), 6);
    assert_eq!(claims.read(&["a", "b"]).await.unwrap(), [None, claim(1, "x")]);
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_found_to_be_ours() {
    let (tables, claims) = table();
    tables.fail("BatchExecuteStatement", 1, Fault::LostAnswer);
    // The second try of the SDK meets what the first one wrote.
    assert_eq!(claims.take(&[change("a", 0, "ours")]).await.unwrap(), [ClaimResult::Lost]);
    assert_eq!(claims.read(&["a"]).await.unwrap(), [claim(1, "ours")], "and the claim says whose it is");
    tables.fail("BatchExecuteStatement", 1, Fault::LostAnswer);
    assert_eq!(claims.take(&[change("a", 1, "ours again")]).await.unwrap(), [ClaimResult::Lost]);
    assert_eq!(claims.read(&["a"]).await.unwrap(), [claim(2, "ours again")]);
}

#[tokio::test]
async fn an_answer_that_is_not_for_all_is_no_answer() {
    let (tables, claims) = table();
    tables.with(FakeTables::answer_few);
    let throttled = |error: AwsError| assert_eq!(error.name(), "AwsThrottled");
    throttled(claims.take(&[change("a", 0, "x"), change("b", 0, "x")]).await.unwrap_err());
    tables.with(FakeTables::answer_few);
    throttled(claims.read(&["a", "b"]).await.unwrap_err());
    tables.with(FakeTables::answer_few);
    throttled(claims.marked_stored(&["x"]).await.unwrap_err());
}

#[tokio::test]
async fn an_item_that_is_no_claim_is_refused() {
    let (tables, claims) = table();
    tables.with(|tables| tables.replace_raw("claims", json!({"event_uuid": {"S": "a"}, "version": {"S": "one"}})));
    assert_eq!(claims.read(&["a"]).await.unwrap_err().name(), "AwsRefused");
}

#[tokio::test]
async fn text_is_json_whatever_is_in_it() {
    let (_, claims) = table();
    let odd = "events/a\"b\\c/\u{7}ü\n";
    claims.take(&[change("a", 0, odd)]).await.unwrap();
    assert_eq!(claims.read(&["a"]).await.unwrap(), [claim(1, odd)]);
}

#[tokio::test]
async fn notes_of_objects_are_no_claims_and_may_be_made_again() {
    let (tables, claims) = table();
    for _ in 0..2 {
        claims.mark_stored(&["one", "two"], 30).await.unwrap();
    }
    assert_eq!(claims.marked_stored(&["two", "three", "one"]).await.unwrap(), [true, false, true]);
    assert_eq!(claims.read(&["one"]).await.unwrap(), [None]);
    let note = json!({"event_uuid": {"S": "stored one"}, "expires_at": {"N": "30"}});
    assert_eq!(tables.with(|tables| tables.raw_items("claims"))[0], note);
}
