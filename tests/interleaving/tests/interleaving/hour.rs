//! The hour, its versions, and everything that its runs write to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aws_client::Backoff;
use aws_fakes::{Memory, MemoryS3, dynamodb, glue};
use aws_lake::{Jobs, LakeTables, Leases, Ledger, Partitions, Runs};
use commit_bookmark::CommitRules;
use function_runtime::Clock;
use jiff::{SignedDuration, Timestamp};
use pipeline::ledger::record::MissingRules;
use pipeline::ledger::{LedgerItem, SourceFile};
use pipeline::plan::{HourPlan, Landing};
use pipeline::receipt::{ChunkObject, ChunkReceipt, RecordCounts};
use pipeline::version::OutputOptions;
use pipeline::{ArchiveHour, Version, keys};

const VERSIONS: [&str; 3] = ["111111111111", "222222222222", "333333333333"];
const PARTITION: &str = "2025/11/21/00";

/// The bucket, tables and partitions of one hour, the clock, and the contexts of both functions.
pub(crate) struct Lake {
    s3: MemoryS3,
    dynamodb: Memory<dynamodb::FakeTables>,
    glue: Memory<glue::FakeTable>,
    seconds: Arc<AtomicI64>,
    pub(crate) register: register_partition::Context,
    pub(crate) commit: commit_bookmark::Context,
}

pub(crate) fn hour() -> ArchiveHour {
    "2025-11-21-0".parse().unwrap()
}

pub(crate) fn version(number: usize) -> Version {
    VERSIONS[number].parse().unwrap()
}

pub(crate) fn source() -> SourceFile {
    SourceFile { url: "http://source/x.json.gz".to_owned(), etag: None, last_modified: None }
}

impl Lake {
    /// A lake without a version. `seed` decides the order of calls that run at once; `keep` replaced versions stay.
    pub(crate) fn new(seed: u64, keep: usize) -> Self {
        let (s3, glue) = (MemoryS3::default(), glue::memory());
        let tables =
            [("jobs", "job_id", None), ("runs", "job_id", Some("job_run_time")), ("hours", "archive", Some("hour"))];
        let dynamodb = dynamodb::memory(&[&tables[..], &[("leases", "archive", Some("hour"))]].concat());
        s3.yield_before_calls();
        glue.shuffle(seed);
        dynamodb.shuffle(seed.wrapping_add(1));
        let seconds = Arc::new(AtomicI64::new(0));
        let clock = |seconds: &Arc<AtomicI64>| {
            let seconds = Arc::clone(seconds);
            move || now(seconds.load(Ordering::Relaxed))
        };
        let client = dynamodb::client(&dynamodb);
        let (ledger, leases) = (Ledger::new(client.clone(), "hours"), Leases::new(client.clone(), "leases"));
        let register = register_partition::Context {
            bucket: s3.bucket("lake"),
            ledger: ledger.clone(),
            leases: leases.clone(),
            partitions: Partitions::new(glue::client(&glue), "ghactivity_db", "events"),
            clock: Clock::from_fn(clock(&seconds)),
        };
        let commit = commit_bookmark::Context {
            bucket: s3.bucket("lake"),
            tables: LakeTables {
                ledger,
                leases,
                jobs: Jobs::new(client.clone(), "jobs"),
                runs: Runs::new(client, "runs"),
            },
            partitions: register.partitions.clone(),
            rules: CommitRules {
                missing: MissingRules { missing_after_hours: 48, missing_retry_days: 30 },
                keep_versions: keep,
            },
            clock: Clock::from_fn(clock(&seconds)),
            backoff: Backoff::new(Duration::ZERO, Duration::ZERO),
        };
        Self { s3, dynamodb, glue, seconds, register, commit }
    }

    pub(crate) fn now(&self) -> Timestamp {
        now(self.seconds.load(Ordering::Relaxed))
    }

    /// Advances the clock.
    pub(crate) fn pass(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Writes at once what fetch and convert-chunk write for a version.
    pub(crate) fn convert(&self, number: usize) {
        let (hour, version) = (hour(), version(number));
        self.s3.put(&keys::plan(hour, version), serde_json::to_vec(&plan(number)).unwrap());
        for chunk in 0..2 {
            let receipt = receipt(number, chunk);
            self.s3.put(&receipt.parquet.as_ref().unwrap().key, "rows");
            self.s3.put(&keys::receipt(hour, version, chunk), serde_json::to_vec(&receipt).unwrap());
        }
    }

    /// Asserts that all objects of the version that readers see exist.
    pub(crate) fn check(&self, trail: &str) {
        let location = self.location();
        let Some(location) = location.as_deref().and_then(|at| at.strip_prefix("s3://lake/")) else { return };
        let there = self.objects(location);
        assert_eq!(there, 2, "readers of {location} see {there} of 2 objects after {trail}");
    }

    fn objects(&self, prefix: &str) -> usize {
        self.s3.keys().iter().filter(|key| key.starts_with(prefix)).count()
    }

    /// Asserts that partition, ledger and objects agree, and that every kept version is whole.
    pub(crate) fn check_end(&self) {
        self.check("the end");
        let item = self.ledger().expect("a run has published");
        let publication = item.publication.expect("a run has published");
        assert_eq!(self.location(), Some(publication.partition_location), "the ledger says what readers see");
        for kept in item.previous_versions.iter().take(self.commit.rules.keep_versions) {
            let there = self.objects(&keys::parquet_prefix(hour(), kept.version));
            assert_eq!(there, 2, "version {} is kept, with {there} of 2 objects", kept.version);
        }
    }

    /// The number of the current version in the ledger.
    pub(crate) fn current(&self) -> Option<usize> {
        let current = self.ledger()?.publication?.version;
        (0..VERSIONS.len()).find(|number| version(*number) == current)
    }

    pub(crate) fn leases(&self) -> Vec<serde_json::Value> {
        self.dynamodb.with(|tables| tables.raw_items("leases"))
    }

    fn ledger(&self) -> Option<LedgerItem> {
        self.dynamodb.with(|tables| tables.items("hours")).into_iter().next()
    }

    fn location(&self) -> Option<String> {
        self.glue.with(|table| Some(table.partitions.get(PARTITION)?["Location"].as_str()?.to_owned()))
    }
}

fn now(seconds: i64) -> Timestamp {
    hour().end() + SignedDuration::from_mins(10) + SignedDuration::from_secs(seconds)
}

/// Half of the records of the last version are duplicates.
fn receipt(number: usize, chunk: u32) -> ChunkReceipt {
    let (hour, version) = (hour(), version(number));
    let rows = if number == VERSIONS.len() - 1 { 5 } else { 10 };
    ChunkReceipt {
        hour,
        version,
        chunk,
        counts: RecordCounts { lines: 10, records: 10, rows, duplicates: 10 - rows, ..RecordCounts::default() },
        types: BTreeMap::from([("PushEvent".to_owned(), rows)]),
        parquet: Some(ChunkObject { key: keys::parquet(hour, version, chunk), bytes: 4 }),
        quarantine: None,
    }
}

fn plan(number: usize) -> HourPlan {
    let chunk = |number: u64| gzip_plan::Chunk {
        access_point: 0,
        compressed_start: 0,
        compressed_end: 9,
        uncompressed_start: number * 100,
        uncompressed_end: number * 100 + 100,
        first_line: 1 + number * 10,
        lines: 10,
        blank_lines: 0,
        duplicate_lines: Vec::new(),
        xxh3: "0".repeat(16),
    };
    HourPlan {
        hour: hour(),
        version: version(number),
        options: OutputOptions::default(),
        landing: Landing { etag: "\"l\"".to_owned(), bytes: 99, md5: "0".repeat(32), sha256: "0".repeat(64) },
        gzip: gzip_plan::GzipPlan { chunks: (0..2).map(chunk).collect(), ..Default::default() },
    }
}
