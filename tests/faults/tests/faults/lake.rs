//! The functions over S3, DynamoDB and Glue in memory, and the state that a run leaves there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aws_client::Backoff;
use aws_client::s3::Bucket;
use aws_fakes::dynamodb::{self, FakeTables};
use aws_fakes::glue::{self, FakeTable};
use aws_fakes::{Memory, MemoryS3, S3Snapshot, s3};
use aws_lake::{Jobs, LakeTables, Leases, Ledger, Partitions, Runs};
use aws_sdk_s3::config::retry::RetryConfig;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use commit_bookmark::CommitRules;
use function_runtime::{Clock, ErrorName};
use jiff::{SignedDuration, Timestamp};
use pipeline::ArchiveHour;
use pipeline::ledger::record::MissingRules;
use pipeline::version::OutputOptions;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::fault::{Fault, Service};
use crate::injector::Injector;
use crate::source::Source;

pub(crate) const JOB: &str = "test_faults";
/// Three parts for the usual file.
const PART_BYTES: usize = 16_000;
const VOLATILE: [&str; 5] = ["updated_at", "published_at", "next_attempt_at", "ended_at", "revision"];
const CHUNK_RECORDS: u32 = 50;
const MISSING: MissingRules = MissingRules { missing_after_hours: 48, missing_retry_days: 30 };

pub(crate) fn hour() -> ArchiveHour {
    "2016-06-01-0".parse().unwrap()
}

/// The clock of all functions: it advances by a second whenever it is read, so two commits never have the same time.
fn now() -> Timestamp {
    static SECONDS: AtomicI64 = AtomicI64::new(0);
    let start: Timestamp = "2026-01-01T00:10:00Z".parse().unwrap();
    start + SignedDuration::from_secs(SECONDS.fetch_add(1, Ordering::Relaxed))
}

/// The name and the message of an error that a function returned.
#[derive(Debug)]
pub(crate) struct FunctionError {
    pub(crate) name: String,
    pub(crate) message: String,
}

pub(crate) struct Lake {
    pub(crate) source: Source,
    pub(crate) injector: Injector,
    pub(crate) s3: MemoryS3,
    dynamodb: Memory<FakeTables>,
    glue: Memory<FakeTable>,
    /// The state machine's own client.
    pub(crate) states: aws_sdk_dynamodb::Client,
    fetch: fetch::Context,
    convert_chunk: convert_chunk::Context,
    register_partition: register_partition::Context,
    commit_bookmark: commit_bookmark::Context,
    next_file: next_file::Context,
    list_hours: list_hours::Context,
    prove_hour: prove_hour::Context,
    export_ledger: export_ledger::Context,
}

/// Everything in the lake. A test can restore it any number of times.
#[derive(Clone)]
pub(crate) struct SavedLake {
    s3: S3Snapshot,
    dynamodb: FakeTables,
    glue: FakeTable,
}

/// What must be equal after every fault.
#[derive(Debug, PartialEq)]
pub(crate) struct LakeState {
    pub(crate) objects: BTreeMap<String, Vec<u8>>,
    pub(crate) ledger: Vec<Value>,
    pub(crate) jobs: Vec<Value>,
    pub(crate) runs: Vec<Value>,
    pub(crate) partitions: BTreeMap<String, Value>,
}

impl Lake {
    /// An empty lake. The clients make one attempt at a call, or three if the fault is that they repeat one.
    pub(crate) fn new(fault: Fault) -> Self {
        let (source, injector, s3, glue) = (Source::start(), Injector::default(), MemoryS3::default(), glue::memory());
        let tables =
            [("jobs", "job_id", None), ("runs", "job_id", Some("job_run_time")), ("hours", "archive", Some("hour"))];
        let dynamodb = dynamodb::memory(&tables);
        let clients = Clients { injector: &injector, repeats: fault == Fault::Repeated };
        let client = clients.dynamodb(&dynamodb);
        let (bucket, partitions) = (clients.bucket(&s3), clients.partitions(&glue));
        let (ledger, leases) = (Ledger::new(client.clone(), "hours"), Leases::new(client.clone(), "hours"));
        let (jobs, runs) = (Jobs::new(client.clone(), "jobs"), Runs::new(client.clone(), "runs"));
        let limits = fetch::FetchLimits { resume_wait: Duration::from_millis(1), ..Default::default() };
        Self {
            fetch: fetch::Context {
                bucket: bucket.clone(),
                sources: source.url.parse().unwrap(),
                http: fetch::http_client(&limits).unwrap(),
                options: OutputOptions { chunk_records: CHUNK_RECORDS, ..OutputOptions::default() },
                part_bytes: PART_BYTES,
                limits,
                clock: Clock::from_fn(now),
            },
            convert_chunk: convert_chunk::Context { bucket: bucket.clone() },
            register_partition: register_partition::Context {
                bucket: bucket.clone(),
                ledger: ledger.clone(),
                leases: leases.clone(),
                partitions: partitions.clone(),
                clock: Clock::from_fn(now),
            },
            next_file: next_file::Context {
                archive: next_file::SourceArchive::new(source.url.parse().unwrap()).unwrap(),
                jobs: jobs.clone(),
                ledger: ledger.clone(),
                baseline_days: 7,
                rules: MISSING,
                clock: Clock::from_fn(now),
            },
            list_hours: list_hours::Context {
                bucket: bucket.clone(),
                ledger: ledger.clone(),
                clock: Clock::from_fn(now),
            },
            prove_hour: prove_hour::Context {
                bucket: bucket.clone(),
                ledger: ledger.clone(),
                leases: leases.clone(),
                partitions: partitions.clone(),
                quarantine_retention_days: 0,
                landing_retention_days: 0,
                wait: Duration::from_millis(1),
                clock: Clock::from_fn(now),
            },
            export_ledger: export_ledger::Context { bucket: bucket.clone(), ledger: ledger.clone() },
            commit_bookmark: commit_bookmark::Context {
                bucket,
                tables: LakeTables { ledger, leases, jobs, runs },
                partitions,
                rules: CommitRules { missing: MISSING, keep_versions: 1 },
                clock: Clock::from_fn(now),
                backoff: Backoff::new(Duration::ZERO, Duration::ZERO),
            },
            states: client,
            source,
            injector,
            s3,
            dynamodb,
            glue,
        }
    }

    /// Calls a function by its name in the workspace.
    pub(crate) async fn invoke(&self, function: &str, event: Value) -> Result<Value, FunctionError> {
        match function {
            "fetch" => call(event, |input| fetch::handle(input, &self.fetch)).await,
            "convert-chunk" => call(event, |input| convert_chunk::handle(input, &self.convert_chunk)).await,
            "register-partition" => {
                call(event, |input| register_partition::handle(input, &self.register_partition)).await
            }
            "commit-bookmark" => {
                Box::pin(call(event, |input| commit_bookmark::handle(input, &self.commit_bookmark))).await
            }
            "next-file" => call(event, |input| next_file::handle(input, &self.next_file)).await,
            "list-hours" => call(event, |input| list_hours::handle(input, &self.list_hours)).await,
            "prove-hour" => Box::pin(call(event, |input| prove_hour::handle(input, &self.prove_hour))).await,
            "export-ledger" => call(event, |input| export_ledger::handle(input, &self.export_ledger)).await,
            _ => panic!("no function {function}"),
        }
    }

    /// Removes the hour's lease, as if the five minutes for which a killed run holds it had passed.
    pub(crate) fn end_lease(&self) {
        self.dynamodb.with(|tables| tables.retain("hours", |item| item["archive"]["S"] != "ghactivity#lease"));
    }

    pub(crate) fn has_lease(&self) -> bool {
        let items = self.dynamodb.with(|tables| tables.raw_items("hours"));
        items.iter().any(|item| item["archive"]["S"] == "ghactivity#lease")
    }

    pub(crate) fn save(&self) -> SavedLake {
        SavedLake {
            s3: self.s3.snapshot(),
            dynamodb: self.dynamodb.with(|tables| tables.clone()),
            glue: self.glue.with(|table| table.clone()),
        }
    }

    pub(crate) fn restore(&self, saved: &SavedLake) {
        self.s3.restore(&saved.s3);
        self.dynamodb.with(|tables| *tables = saved.dynamodb.clone());
        self.glue.with(|table| *table = saved.glue.clone());
    }

    pub(crate) fn state(&self) -> LakeState {
        let items = |table: &str| {
            self.dynamodb.with(|tables| tables.raw_items(table)).into_iter().map(comparable).collect::<Vec<_>>()
        };
        let ledger = items("hours").into_iter().filter(|item| item["archive"]["S"] == "ghactivity");
        LakeState {
            objects: self.s3.objects(),
            ledger: ledger.collect(),
            jobs: items("jobs"),
            runs: items("runs"),
            partitions: self.glue.with(|table| table.partitions.clone()),
        }
    }
}

/// The item without the attributes that differ from run to run: times, and the number of writes.
fn comparable(mut item: Value) -> Value {
    item.as_object_mut().unwrap().retain(|name, _| !VOLATILE.contains(&name.as_str()));
    item
}

async fn call<I, O, E, F>(event: Value, handle: impl FnOnce(I) -> F) -> Result<Value, FunctionError>
where
    I: DeserializeOwned,
    O: Serialize,
    E: ErrorName,
    F: Future<Output = Result<O, E>>,
{
    let input = function_runtime::parse(event).unwrap();
    match handle(input).await {
        Ok(output) => Ok(serde_json::to_value(output).unwrap()),
        Err(error) => {
            let diagnostic = function_runtime::diagnostic(&error);
            Err(FunctionError { name: diagnostic.error_type, message: diagnostic.error_message })
        }
    }
}

/// Real SDK clients whose calls pass the injector.
struct Clients<'a> {
    injector: &'a Injector,
    repeats: bool,
}

impl Clients<'_> {
    fn bucket(&self, fake: &MemoryS3) -> Bucket {
        let connector = self.injector.connector(Service::S3, SharedHttpConnector::new(fake.clone()));
        Bucket::new(s3::client_of(connector, self.retries()), "lake")
    }

    fn dynamodb(&self, fake: &Memory<FakeTables>) -> aws_sdk_dynamodb::Client {
        let connector = self.injector.connector(Service::DynamoDb, SharedHttpConnector::new(fake.clone()));
        dynamodb::client_of(connector, self.retries())
    }

    fn partitions(&self, fake: &Memory<FakeTable>) -> Partitions {
        let connector = self.injector.connector(Service::Glue, SharedHttpConnector::new(fake.clone()));
        Partitions::new(glue::client_of(connector, self.retries()), "ghactivity_db", "events")
    }

    fn retries(&self) -> RetryConfig {
        if self.repeats {
            RetryConfig::standard().with_initial_backoff(Duration::from_millis(1))
        } else {
            RetryConfig::disabled()
        }
    }
}
