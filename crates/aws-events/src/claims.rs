//! The claims of events, and the notes of the objects that are stored: `event_stream::protocol` says what they are for.
//!
//! Claims are changed by PartiQL, the one way to make conditional writes in batches without the price of a transaction:
//! each statement succeeds or fails by itself. Their requests get their body here, as those of `aws_csv::Items`.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{BatchStatementErrorCodeEnum, BatchStatementResponse, KeysAndAttributes};
use event_stream::{Claim, ClaimResult, PartId, Transition};
use serde::{Deserialize, Serialize};

use aws_client::dynamodb::{Item, from_item, text, with_body};
use aws_client::{AwsError, Backoff};

const TAKE: &str = "BatchExecuteStatement";
const READ: &str = "BatchGetItem";
/// The keys of notes begin with it, which no UUID does.
const STORED: &str = "stored ";
/// How often a statement is made that is neither won nor lost: within two seconds.
const TRIES: usize = 6;

/// The table of claims.
#[derive(Clone, Debug)]
pub struct Claims {
    client: Client,
    table: String,
    insert: Statement,
    update: Statement,
    note: Statement,
}

/// A statement, as the beginning of its JSON.
#[derive(Clone, Debug)]
struct Statement(String);

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

    /// Makes the transitions, at most 25, each by itself; one answer for each. Those that the service was too busy for, which
    /// it says in an answer that the SDK takes for a success, are made again some times: one that had happened is lost then,
    /// and the claim says whose it is.
    ///
    /// # Errors
    /// If the call as a whole failed: whether any of the transitions happened is not known then.
    pub async fn take(&self, transitions: &[Transition<'_>]) -> Result<Vec<ClaimResult>, AwsError> {
        let mut taken = self.take_once(transitions).await?;
        let mut backoff = Backoff::default();
        for _ in 1..TRIES {
            let open: Vec<usize> = (0..taken.len()).filter(|at| taken[*at] == ClaimResult::Unknown).collect();
            if open.is_empty() {
                break;
            }
            tokio::time::sleep(backoff.next_wait()).await;
            let again: Vec<Transition<'_>> = open.iter().map(|at| transitions[*at].clone()).collect();
            for (at, answer) in open.into_iter().zip(self.take_once(&again).await?) {
                taken[at] = answer;
            }
        }
        Ok(taken)
    }

    async fn take_once(&self, transitions: &[Transition<'_>]) -> Result<Vec<ClaimResult>, AwsError> {
        let mut statements = Statements::new(transitions.len());
        transitions.iter().for_each(|transition| self.statement(transition, &mut statements));
        let answers = self.execute(statements).await?;
        let answers = answers.into_iter().map(|answer| match answer.error.as_ref().and_then(|error| error.code()) {
            None if answer.error.is_none() => ClaimResult::Won,
            Some(BatchStatementErrorCodeEnum::DuplicateItem | BatchStatementErrorCodeEnum::ConditionalCheckFailed) => {
                ClaimResult::Lost
            }
            code => {
                tracing::warn!(?code, "a claim was neither won nor lost");
                ClaimResult::Unknown
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
        let mut statements = Statements::new(keys.len());
        keys.iter()
            .for_each(|key| statements.begin(&self.note).text(&format!("{STORED}{key}")).number(expires_secs).end());
        self.execute(statements).await.map(drop)
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
        let asked = statements.count;
        let request = self.client.batch_execute_statement().set_statements(Some(Vec::new())).customize();
        let answer = request.mutate_request(with_body(statements.into_body())).send().await;
        let answer = answer.map_err(|error| AwsError::classify(TAKE, &self.table, error))?;
        let responses = answer.responses.unwrap_or_default();
        if responses.len() == asked { Ok(responses) } else { Err(incomplete(TAKE, &self.table)) }
    }

    async fn get(&self, keys: impl Iterator<Item = String>) -> Result<Vec<Item>, AwsError> {
        let keys = keys.map(|key| HashMap::from([("event_uuid".to_owned(), text(key))])).collect();
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let request = self.client.batch_get_item().request_items(&self.table, keys.expect("the keys are given"));
        let answer = request.send().await.map_err(|error| AwsError::classify(READ, &self.table, error))?;
        if answer.unprocessed_keys.is_some_and(|keys| !keys.is_empty()) {
            return Err(incomplete(READ, &self.table));
        }
        Ok(answer.responses.unwrap_or_default().remove(&self.table).unwrap_or_default())
    }
}

impl Statement {
    fn new(text: String) -> Self {
        let json = serde_json::to_string(&text).expect("a text is JSON");
        Self(format!(r#"{{"Statement":{json},"Parameters":["#))
    }
}

/// The body of a request, statement by statement.
struct Statements {
    body: Vec<u8>,
    count: usize,
}

impl Statements {
    /// Room for so many.
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
        // Hardly any text of a claim has anything to escape, and looking at all bytes at once is quick.
        let is_odd = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
        if value.bytes().fold(false, |odd, byte| odd | is_odd(byte)) {
            serde_json::to_writer(&mut self.body, value).expect("writing to memory does not fail");
        } else {
            self.body.push(b'"');
            self.body.extend_from_slice(value.as_bytes());
            self.body.push(b'"');
        }
        self.body.extend_from_slice(b"},");
        self
    }

    /// What a stream delivers has shards and sequence numbers of letters, digits and `-`.
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

    /// Ends a statement, which has parameters.
    fn end(&mut self) {
        self.body.pop();
        self.body.extend_from_slice(b"]}");
    }

    fn into_body(mut self) -> bytes::Bytes {
        self.body.extend_from_slice(b"]}");
        self.body.into()
    }
}

/// The service answered for some items only, as it does when it is busy.
fn incomplete(call: &'static str, table: &str) -> AwsError {
    let source = "the answer is not for all items";
    AwsError::Throttled { call, resource: table.to_owned(), source: source.into() }
}
