//! The claims of events and the notes of stored objects, as `event_stream::protocol` defines them.
//!
//! Claims are changed by PartiQL statements: only they allow conditional writes in batches without the price of a
//! transaction. Each statement succeeds or fails by itself. This module makes the bodies, because the SDK's own types cost too
//! much time for every event.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{BatchStatementErrorCodeEnum, BatchStatementResponse, KeysAndAttributes};
use event_stream::{Claim, ClaimResult, PartId, Transition};
use serde::{Deserialize, Serialize};

use aws_client::dynamodb::{Item, from_item, text, with_body};
use aws_client::{AwsError, Backoff};

const TAKE: &str = "BatchExecuteStatement";
const READ: &str = "BatchGetItem";
/// The prefix of the keys of notes; no UUID begins with it.
const STORED: &str = "stored ";
/// The attempts of a statement that is neither won nor lost, within two seconds.
const MAX_ATTEMPTS: usize = 6;

#[derive(Clone, Debug)]
pub struct Claims {
    client: Client,
    table: String,
    insert: Statement,
    update: Statement,
    note: Statement,
}

/// The beginning of the JSON of a statement.
#[derive(Clone, Debug)]
struct Statement(String);

#[derive(Deserialize)]
struct ClaimItem {
    event_uuid: String,
    version: u64,
    object: String,
    record: String,
    arrived_at: i64,
    claimed_until: i64,
}

impl Claims {
    /// The partition key of `table` is `event_uuid`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        let table = table.into();
        let insert = format!(
            "INSERT INTO \"{table}\" VALUE {{'event_uuid':?,'version':?,'object':?,'record':?,'arrived_at':?,'claimed_until':?,\
             'expires_at':?}}"
        );
        let update = format!(
            "UPDATE \"{table}\" SET \"version\"=? SET \"object\"=? SET \"record\"=? SET \"arrived_at\"=? \
             SET \"claimed_until\"=? SET \"expires_at\"=? WHERE \"event_uuid\"=? AND \"version\"=?"
        );
        let note = format!("INSERT INTO \"{table}\" VALUE {{'event_uuid':?,'expires_at':?}}");
        let [insert, update, note] = [insert, update, note].map(Statement::new);
        Self { client, table, insert, update, note }
    }

    /// Makes at most 25 transitions, independently of each other; returns one result for each.
    ///
    /// DynamoDB reports throttled statements in a response that the SDK treats as a success, so this method repeats them. A
    /// transition that had taken effect is then lost, and the stored claim shows the owner.
    ///
    /// # Errors
    /// If the call as a whole failed. Any of the transitions may have taken effect.
    pub async fn claim(&self, transitions: &[Transition<'_>]) -> Result<Vec<ClaimResult>, AwsError> {
        let mut results = self.claim_once(transitions).await?;
        let mut backoff = Backoff::default();
        for _ in 1..MAX_ATTEMPTS {
            let open: Vec<usize> = (0..results.len()).filter(|at| results[*at] == ClaimResult::Unknown).collect();
            if open.is_empty() {
                break;
            }
            tokio::time::sleep(backoff.next_wait()).await;
            let again: Vec<Transition<'_>> = open.iter().map(|at| transitions[*at].clone()).collect();
            for (at, result) in open.into_iter().zip(self.claim_once(&again).await?) {
                results[at] = result;
            }
        }
        Ok(results)
    }

    async fn claim_once(&self, transitions: &[Transition<'_>]) -> Result<Vec<ClaimResult>, AwsError> {
        let mut statements = Statements::new(transitions.len());
        transitions.iter().for_each(|transition| self.statement(transition, &mut statements));
        let answers = self.execute(statements).await?;
        let answers =
            answers.into_iter().map(|response| match response.error.as_ref().and_then(|error| error.code()) {
                None if response.error.is_none() => ClaimResult::Won,
                Some(
                    BatchStatementErrorCodeEnum::DuplicateItem | BatchStatementErrorCodeEnum::ConditionalCheckFailed,
                ) => ClaimResult::Lost,
                code => {
                    tracing::warn!(?code, "claim neither won nor lost");
                    ClaimResult::Unknown
                }
            });
        Ok(answers.collect())
    }

    /// Reads the claims of at most 100 events with strong consistency; returns one entry for each.
    ///
    /// # Errors
    /// If the call failed or returned only some of them.
    pub async fn read(&self, uuids: &[&str]) -> Result<Vec<Option<Claim>>, AwsError> {
        let mut found: HashMap<String, Claim> = HashMap::with_capacity(uuids.len());
        for item in self.get(uuids.iter().map(|uuid| (*uuid).to_owned())).await? {
            let ClaimItem { event_uuid, version, object, record, arrived_at, claimed_until } =
                from_item(READ, &self.table, item)?;
            let claim = Claim { version, object, record, arrived_ms: arrived_at, claimed_until_ms: claimed_until };
            found.insert(event_uuid, claim);
        }
        Ok(uuids.iter().map(|uuid| found.remove(*uuid)).collect())
    }

    /// Notes that at most 25 objects are stored. A second call changes nothing.
    pub async fn mark_stored(&self, keys: &[&str], expires_secs: i64) -> Result<(), AwsError> {
        let mut statements = Statements::new(keys.len());
        keys.iter()
            .for_each(|key| statements.begin(&self.note).text(&format!("{STORED}{key}")).number(expires_secs).end());
        self.execute(statements).await.map(drop)
    }

    /// Returns which of at most 100 objects are noted as stored.
    ///
    /// # Errors
    /// If the call failed or returned only some of them.
    pub async fn marked_stored(&self, keys: &[&str]) -> Result<Vec<bool>, AwsError> {
        let items = self.get(keys.iter().map(|key| format!("{STORED}{key}"))).await?;
        let key = |item: &Item| item.get("event_uuid").and_then(|value| value.as_s().ok().cloned());
        let found: std::collections::HashSet<String> = items.iter().filter_map(key).collect();
        Ok(keys.iter().map(|key| found.contains(&format!("{STORED}{key}"))).collect())
    }

    fn statement(&self, transition: &Transition<'_>, statements: &mut Statements) {
        let Transition { uuid, from, object, record, arrived_ms, claimed_until_ms, expires_secs } = *transition;
        let values = |statements: &mut Statements| {
            statements.number(from + 1).text(object).part(record);
            statements.number(arrived_ms).number(claimed_until_ms).number(expires_secs);
        };
        if from == 0 {
            values(statements.begin(&self.insert).text(uuid));
        } else {
            values(statements.begin(&self.update));
            statements.text(uuid).number(from);
        }
        statements.end();
    }

    async fn execute(&self, statements: Statements) -> Result<Vec<BatchStatementResponse>, AwsError> {
        let requested = statements.count;
        let request = self.client.batch_execute_statement().set_statements(Some(Vec::new())).customize();
        let response = request.mutate_request(with_body(statements.into_body())).send().await;
        let response = response.map_err(|error| AwsError::classify(TAKE, &self.table, error))?;
        let responses = response.responses.unwrap_or_default();
        if responses.len() == requested { Ok(responses) } else { Err(incomplete(TAKE, &self.table)) }
    }

    async fn get(&self, keys: impl Iterator<Item = String>) -> Result<Vec<Item>, AwsError> {
        let keys = keys.map(|key| HashMap::from([("event_uuid".to_owned(), text(key))])).collect();
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let request = self.client.batch_get_item().request_items(&self.table, keys.expect("the keys are given"));
        let response = request.send().await.map_err(|error| AwsError::classify(READ, &self.table, error))?;
        if response.unprocessed_keys.is_some_and(|keys| !keys.is_empty()) {
            return Err(incomplete(READ, &self.table));
        }
        Ok(response.responses.unwrap_or_default().remove(&self.table).unwrap_or_default())
    }
}

impl Statement {
    fn new(text: String) -> Self {
        let json = serde_json::to_string(&text).expect("a string can be written as JSON");
        Self(format!(r#"{{"Statement":{json},"Parameters":["#))
    }
}

/// The body of a request.
struct Statements {
    body: Vec<u8>,
    count: usize,
}

impl Statements {
    /// Reserves memory for `count` statements.
    fn new(count: usize) -> Self {
        let mut body = Vec::with_capacity(16 + count * 768);
        body.extend_from_slice(br#"{"Statements":["#);
        Self { body, count: 0 }
    }

    fn begin(&mut self, statement: &Statement) -> &mut Self {
        if self.count > 0 {
            self.body.push(b',');
        }
        self.count += 1;
        self.body.extend_from_slice(statement.0.as_bytes());
        self
    }

    fn text(&mut self, value: &str) -> &mut Self {
        self.body.extend_from_slice(br#"{"S":"#);
        // Almost no text of a claim needs an escape, and a check without branches is fast.
        let needs_escape = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
        if value.bytes().fold(false, |any, byte| any | needs_escape(byte)) {
            serde_json::to_writer(&mut self.body, value).expect("writing to memory does not fail");
        } else {
            self.body.push(b'"');
            self.body.extend_from_slice(value.as_bytes());
            self.body.push(b'"');
        }
        self.body.extend_from_slice(b"},");
        self
    }

    /// The shard ids and sequence numbers of Kinesis consist of letters, digits and `-`, so they need no escape.
    fn part(&mut self, PartId { record, part }: PartId<'_>) -> &mut Self {
        self.body.extend_from_slice(br#"{"S":""#);
        for piece in [&*record.shard, ":", &*record.sequence, "#"] {
            self.body.extend_from_slice(piece.as_bytes());
        }
        serde_json::to_writer(&mut self.body, &part).expect("writing to memory does not fail");
        self.body.extend_from_slice(br#""},"#);
        self
    }

    fn number(&mut self, value: impl Serialize) -> &mut Self {
        self.body.extend_from_slice(br#"{"N":""#);
        serde_json::to_writer(&mut self.body, &value).expect("writing to memory does not fail");
        self.body.extend_from_slice(br#""},"#);
        self
    }

    /// Ends a statement that has at least one parameter.
    fn end(&mut self) {
        self.body.pop();
        self.body.extend_from_slice(b"]}");
    }

    fn into_body(mut self) -> bytes::Bytes {
        self.body.extend_from_slice(b"]}");
        self.body.into()
    }
}

/// DynamoDB processed only some of the items, as it does under load.
fn incomplete(call: &'static str, table: &str) -> AwsError {
    let source = "the response does not cover all items";
    AwsError::Throttled { call, resource: table.to_owned(), source: source.into() }
}
