//! Shared by the tests: a context with fakes, inputs, and access to the written items.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_client::Backoff;
use aws_fakes::{
    Memory, MemoryS3,
    dynamodb::{self, FakeTables},
    glue,
};
use aws_lake::{Jobs, LakeTables, LeaseHolder, Leases, Ledger, Partitions, Runs};
use commit_bookmark::{CommitBookmarkError, CommitRules, Context, Input, Output, RunOutcome, handle};
use function_runtime::{Clock, ErrorName};
use jiff::{SignedDuration, Timestamp};
pub(crate) use pipeline::ledger::record::{Attempt, MissingRules, PublishKind, published as record_published};
use pipeline::ledger::{
    BookmarkDetails, HourFailure, HourStatus, JobItem, JobRunItem, LedgerItem, Publication, SourceFile, Verdict,
};
use pipeline::receipt::RecordCounts;
use pipeline::{ArchiveHour, Version, keys};

pub(crate) const V1: &str = "111111111111";
pub(crate) const V2: &str = "222222222222";
pub(crate) const V3: &str = "333333333333";

pub(crate) struct CommitFixture {
    pub(crate) dynamodb: Memory<FakeTables>,
    pub(crate) s3: MemoryS3,
    pub(crate) glue: Memory<glue::FakeTable>,
    pub(crate) context: Context,
}

pub(crate) fn hour(number: u32) -> ArchiveHour {
    "2025-11-21-0".parse::<ArchiveHour>().unwrap().plus(number)
}

/// Ten minutes after the end of hour 9.
pub(crate) fn now() -> Timestamp {
    hour(9).end() + SignedDuration::from_mins(10)
}

pub(crate) fn fixture() -> CommitFixture {
    let tables = [
        ("jobs", "job_id", None),
        ("runs", "job_id", Some("job_run_time")),
        ("hours", "archive", Some("hour")),
        ("leases", "archive", Some("hour")),
    ];
    let (dynamodb, s3, glue) = (dynamodb::memory(&tables), MemoryS3::default(), glue::memory());
    let client = dynamodb::client(&dynamodb);
    let context = Context {
        bucket: s3.bucket("lake"),
        tables: LakeTables {
            ledger: Ledger::new(client.clone(), "hours"),
            leases: Leases::new(client.clone(), "leases"),
            jobs: Jobs::new(client.clone(), "jobs"),
            runs: Runs::new(client, "runs"),
        },
        partitions: Partitions::new(glue::client(&glue), "ghactivity_db", "events"),
        rules: CommitRules {
            missing: MissingRules { missing_after_hours: 48, missing_retry_days: 30 },
            keep_versions: 0,
        },
        clock: Clock::fixed(now()),
        backoff: Backoff::new(Duration::ZERO, Duration::ZERO),
    };
    CommitFixture { dynamodb, s3, glue, context }
}

/// A fixture with a job that begins with hour 0.
pub(crate) fn fixture_with_job() -> CommitFixture {
    let fixture = fixture();
    fixture.dynamodb.with(|tables| tables.put("jobs", &job(None)));
    fixture
}

pub(crate) fn job(bookmark: Option<u32>) -> JobItem {
    JobItem {
        job_id: "ghactivity_ingest".to_owned(),
        job_description: "for the tests".to_owned(),
        baseline_days: 7,
        first_hour: hour(0),
        job_run_bookmark_details: bookmark.map(|number| BookmarkDetails::at(hour(number), HourStatus::Published)),
    }
}

pub(crate) fn publication(number: u32, version: &str, rows: u64) -> Publication {
    let version: Version = version.parse().unwrap();
    Publication {
        version,
        partition_location: format!("s3://lake/{}", keys::parquet_prefix(hour(number), version)),
        source: SourceFile {
            url: "http://source/x.json.gz".to_owned(),
            etag: Some("\"e\"".to_owned()),
            last_modified: None,
        },
        landing_etag: "\"l\"".to_owned(),
        landing_md5: "0".repeat(32),
        landing_bytes: 99,
        counts: RecordCounts { lines: rows, records: rows, rows, ..RecordCounts::default() },
        chunks: 1,
        parquet_bytes: 9,
        types: BTreeMap::from([("PushEvent".to_owned(), rows)]),
    }
}

pub(crate) fn input(number: u32, execution: &str, outcome: RunOutcome) -> Input {
    Input {
        hour: hour(number),
        job_id: "ghactivity_ingest".to_owned(),
        execution_arn: format!("arn:aws:states:us-east-1:000000000000:execution:process-hour:{execution}"),
        started_at: now() - SignedDuration::from_secs(30),
        redrive_count: 0,
        resumed_redrive: 0,
        outcome,
    }
}

pub(crate) fn published(number: u32) -> Input {
    input(number, &format!("publishes-{number}"), RunOutcome::Published(publication(number, V1, 5_000)))
}

pub(crate) fn failed(number: u32, execution: &str, name: &str) -> Input {
    let failure = HourFailure { name: name.to_owned(), message: "byte 17".to_owned() };
    input(number, execution, RunOutcome::Failed(failure))
}

impl CommitFixture {
    /// Takes the lease and commits, as the state machine does with `register-partition` and `commit-bookmark`.
    pub(crate) async fn run(&self, input: &Input) -> Result<Output, CommitBookmarkError> {
        self.take_lease(input).await;
        self.commit(input).await
    }

    /// Commits without taking the lease.
    pub(crate) async fn commit(&self, input: &Input) -> Result<Output, CommitBookmarkError> {
        handle(input.clone(), &self.context).await
    }

    /// Takes the lease as `register-partition` does.
    pub(crate) async fn take_lease(&self, input: &Input) {
        self.take_lease_at(input, now()).await;
    }

    pub(crate) async fn take_lease_at(&self, input: &Input, now: Timestamp) {
        if let RunOutcome::Published(publication) | RunOutcome::RolledBack(publication) = &input.outcome {
            let holder =
                LeaseHolder { hour: input.hour, version: publication.version, execution_arn: &input.execution_arn };
            self.context.tables.leases.take(&holder, now).await.unwrap();
        }
    }

    pub(crate) fn leases(&self) -> Vec<serde_json::Value> {
        self.dynamodb.with(|tables| tables.raw_items("leases"))
    }

    pub(crate) fn ledger(&self) -> Vec<LedgerItem> {
        self.dynamodb.with(|tables| tables.items("hours"))
    }

    pub(crate) fn item(&self, number: u32) -> LedgerItem {
        self.ledger().into_iter().find(|item| item.hour == hour(number).ledger_key()).unwrap()
    }

    /// The replaced versions of the hour.
    pub(crate) fn previous(&self, number: u32) -> Vec<String> {
        self.item(number).previous_versions.iter().map(|previous| previous.version.to_string()).collect()
    }

    pub(crate) fn runs(&self) -> Vec<JobRunItem> {
        self.dynamodb.with(|tables| tables.items("runs"))
    }

    pub(crate) fn bookmark(&self) -> Option<u32> {
        let jobs: Vec<JobItem> = self.dynamodb.with(|tables| tables.items("jobs"));
        let bookmark = jobs[0].bookmark().unwrap()?;
        Some(u32::try_from(bookmark.hours_since(hour(0))).unwrap())
    }

    /// All items of all tables.
    pub(crate) fn tables(&self) -> Vec<serde_json::Value> {
        self.dynamodb.with(|tables| ["hours", "jobs", "runs"].map(|table| tables.raw_items(table))).concat()
    }

    /// Points the partition at a version.
    pub(crate) fn show(&self, number: u32, version: &str) {
        let location = publication(number, version, 1).partition_location;
        let values = hour(number).partition_values().join("/");
        self.glue.with(|table| table.partitions.insert(values, serde_json::json!({"Location": location})));
    }

    pub(crate) fn put_objects(&self, number: u32, version: &str) {
        let version = version.parse().unwrap();
        for key in objects(number, version) {
            self.s3.put(&key, "bytes");
        }
    }
}

pub(crate) fn objects(number: u32, version: Version) -> Vec<String> {
    let hour = hour(number);
    let mut keys = vec![
        keys::parquet(hour, version, 0),
        keys::parquet(hour, version, 1),
        keys::quarantine(hour, version, 1),
        keys::receipt(hour, version, 0),
        keys::receipt(hour, version, 1),
        keys::plan(hour, version),
        keys::windows(hour, version),
    ];
    keys.sort();
    keys
}

pub(crate) fn name_of(result: Result<Output, CommitBookmarkError>) -> String {
    result.unwrap_err().name().to_owned()
}

pub(crate) fn seed() -> LedgerItem {
    let attempt = Attempt { hour: hour(0), execution_arn: "arn", now: now() };
    record_published(None, &attempt, &publication(0, V1, 1), PublishKind::Converted, Verdict::Complete, 1)
}
