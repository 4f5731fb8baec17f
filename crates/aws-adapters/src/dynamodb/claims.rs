//! The claims of events, and the notes of the objects that are stored: `event_stream::protocol` says what they are for.
//!
//! Claims are changed by PartiQL, the one way to make conditional writes in batches without the price of a transaction:
//! each statement succeeds or fails by itself.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementErrorCodeEnum, BatchStatementRequest, BatchStatementResponse, KeysAndAttributes,
};
use event_stream::{Claim, Taken, Transition};
use serde::Deserialize;

use super::{Item, from_item, number, text};
use crate::AwsError;

const TAKE: &str = "BatchExecuteStatement";
const READ: &str = "BatchGetItem";
/// The keys of notes begin with it, which no UUID does.
const STORED: &str = "stored ";

/// The table of claims.
#[derive(Clone, Debug)]
pub struct Claims {
    client: Client,
    table: String,
    insert: String,
    update: String,
    note: String,
}

/// An item of the table.
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
    /// The claims in `table`, whose partition key is `event_uuid`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        let table = table.into();
        let insert = format!(
            "INSERT INTO \"{table}\" VALUE {{'event_uuid': ?, 'version': ?, 'object': ?, 'record': ?, 'arrived_at': ?, \
             'claimed_until': ?, 'expires_at': ?}}"
        );
        let update = format!(
            "UPDATE \"{table}\" SET \"version\"=? SET \"object\"=? SET \"record\"=? SET \"arrived_at\"=? \
             SET \"claimed_until\"=? SET \"expires_at\"=? WHERE \"event_uuid\"=? AND \"version\"=?"
        );
        let note = format!("INSERT INTO \"{table}\" VALUE {{'event_uuid': ?, 'expires_at': ?}}");
        Self { client, table, insert, update, note }
    }

    /// Makes the transitions, at most 25, each by itself; one answer for each.
    ///
    /// # Errors
    /// If the call as a whole failed: whether any of the transitions happened is not known then.
    pub async fn take(&self, transitions: &[Transition<'_>]) -> Result<Vec<Taken>, AwsError> {
        let statements = transitions.iter().map(|transition| self.statement(transition)).collect();
        let answers = self.execute(statements).await?;
        let answers = answers.into_iter().map(|answer| match answer.error.as_ref().and_then(|error| error.code()) {
            None if answer.error.is_none() => Taken::Won,
            Some(BatchStatementErrorCodeEnum::DuplicateItem | BatchStatementErrorCodeEnum::ConditionalCheckFailed) => {
                Taken::Lost
            }
            code => {
                tracing::warn!(?code, "a claim was neither won nor lost");
                Taken::Unknown
            }
        });
        Ok(answers.collect())
    }

    /// Reads the claims of at most 100 events, strongly consistent; one answer for each.
    ///
    /// # Errors
    /// If the call failed, or did not answer for all of them.
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

    /// Notes that at most 25 objects are stored. Doing it again changes nothing.
    ///
    /// # Errors
    /// If the call as a whole failed.
    pub async fn mark_stored(&self, keys: &[&str], expires_secs: i64) -> Result<(), AwsError> {
        let note = |key: &&str| request(&self.note, vec![text(format!("{STORED}{key}")), number(expires_secs)]);
        self.execute(keys.iter().map(note).collect()).await.map(drop)
    }

    /// Which of at most 100 objects are noted as stored.
    ///
    /// # Errors
    /// If the call failed, or did not answer for all of them.
    pub async fn marked_stored(&self, keys: &[&str]) -> Result<Vec<bool>, AwsError> {
        let items = self.get(keys.iter().map(|key| format!("{STORED}{key}"))).await?;
        let key = |item: &Item| item.get("event_uuid").and_then(|value| value.as_s().ok().cloned());
        let found: std::collections::HashSet<String> = items.iter().filter_map(key).collect();
        Ok(keys.iter().map(|key| found.contains(&format!("{STORED}{key}"))).collect())
    }

    fn statement(&self, transition: &Transition<'_>) -> BatchStatementRequest {
        let Transition { uuid, from, object, record, arrived_ms, claimed_until_ms, expires_secs } = *transition;
        let mut values = vec![
            number(from + 1),
            text(object),
            text(record),
            number(arrived_ms),
            number(claimed_until_ms),
            number(expires_secs),
        ];
        if from == 0 {
            values.insert(0, text(uuid));
            return request(&self.insert, values);
        }
        values.extend([text(uuid), number(from)]);
        request(&self.update, values)
    }

    async fn execute(&self, statements: Vec<BatchStatementRequest>) -> Result<Vec<BatchStatementResponse>, AwsError> {
        let asked = statements.len();
        let answer = self.client.batch_execute_statement().set_statements(Some(statements)).send().await;
        let answer = answer.map_err(|error| AwsError::sort(TAKE, &self.table, error))?;
        let responses = answer.responses.unwrap_or_default();
        if responses.len() == asked { Ok(responses) } else { Err(incomplete(TAKE, &self.table)) }
    }

    async fn get(&self, keys: impl Iterator<Item = String>) -> Result<Vec<Item>, AwsError> {
        let keys = keys.map(|key| HashMap::from([("event_uuid".to_owned(), text(key))])).collect();
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let request = self.client.batch_get_item().request_items(&self.table, keys.expect("the keys are given"));
        let answer = request.send().await.map_err(|error| AwsError::sort(READ, &self.table, error))?;
        if answer.unprocessed_keys.is_some_and(|keys| !keys.is_empty()) {
            return Err(incomplete(READ, &self.table));
        }
        Ok(answer.responses.unwrap_or_default().remove(&self.table).unwrap_or_default())
    }
}

fn request(statement: &str, parameters: Vec<AttributeValue>) -> BatchStatementRequest {
    let request = BatchStatementRequest::builder().statement(statement).set_parameters(Some(parameters));
    request.build().expect("the statement is given")
}

/// The service answered for some items only, as it does when it is busy.
fn incomplete(call: &'static str, table: &str) -> AwsError {
    let source = "the answer is not for all items";
    AwsError::Throttled { call, resource: table.to_owned(), source: source.into() }
}
