//! `next-file` against a fake DynamoDB and an HTTP source.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use aws_fakes::{
    Fault, Memory,
    dynamodb::{self, FakeTables},
};
use aws_lake::{Jobs, Ledger};
use function_runtime::{Clock, ErrorName};
use jiff::{SignedDuration, Timestamp};
use next_file::{Context, Input, NextFileError, Output, SourceArchive, handle};
use pipeline::ArchiveHour;
use pipeline::ledger::record::{self, Attempt, MissingRules, PublishKind};
use pipeline::ledger::{self, BookmarkDetails, HourFailure, HourStatus, JobItem, LedgerItem, Publication, Verdict};
use pipeline::receipt::RecordCounts;
use serde_json::json;

const RULES: MissingRules = MissingRules { missing_after_hours: 48, missing_retry_days: 30 };

fn hour(number: u32) -> ArchiveHour {
    "2025-11-21-0".parse::<ArchiveHour>().unwrap().plus(number)
}

/// Ten minutes after the end of hour 29.
fn now() -> Timestamp {
    hour(29).end() + SignedDuration::from_mins(10)
}

/// A source that has some hours, returns a status for others or no response, and records its requests.
#[derive(Clone, Default)]
struct FakeSource {
    has: BTreeSet<ArchiveHour>,
    answers: Vec<(ArchiveHour, u16)>,
    silent: BTreeSet<ArchiveHour>,
    /// Further response headers of an hour.
    headers: Vec<(ArchiveHour, &'static str)>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl FakeSource {
    fn with(hours: impl IntoIterator<Item = u32>) -> Self {
        Self { has: hours.into_iter().map(hour).collect(), ..Self::default() }
    }

    fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/archive", listener.local_addr().unwrap());
        let source = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut line = String::new();
                BufReader::new(&stream).read_line(&mut line).unwrap();
                source.asked.lock().unwrap().push(line.trim_end().to_owned());
                let name = line.strip_prefix("HEAD /archive/").and_then(|rest| rest.split(".json.gz ").next());
                let Some(Ok(at)) = name.map(str::parse::<ArchiveHour>) else { continue };
                if source.silent.contains(&at) {
                    continue;
                }
                let status = source.answers.iter().find(|(hour, _)| *hour == at).map(|(_, status)| *status);
                let status = status.unwrap_or(if source.has.contains(&at) { 200 } else { 404 });
                let headers = source.headers.iter().find(|(hour, _)| *hour == at).map_or("", |(_, headers)| headers);
                let fixed = "Content-Length: 127\r\nConnection: close";
                let _ = write!(stream, "HTTP/1.1 {status} Status\r\n{headers}{fixed}\r\n\r\n");
            }
        });
        address
    }

    fn requests(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

struct NextFileFixture {
    dynamodb: Memory<FakeTables>,
    context: Context,
    source: FakeSource,
}

fn fixture(source: FakeSource) -> NextFileFixture {
    let dynamodb = dynamodb::memory(&[("jobs", "job_id", None), ("hours", "archive", Some("hour"))]);
    let client = dynamodb::client(&dynamodb);
    let context = Context {
        archive: SourceArchive::new(source.serve().parse().unwrap()).unwrap(),
        jobs: Jobs::new(client.clone(), "jobs"),
        ledger: Ledger::new(client, "hours"),
        baseline_days: 1,
        rules: RULES,
        clock: Clock::fixed(now()),
    };
    NextFileFixture { dynamodb, context, source }
}

fn input(max_hours: u32) -> Input {
    let max_hours = max_hours.try_into().unwrap();
    Input { job_id: "ghactivity_ingest".to_owned(), max_hours, from: None, after: None, recheck_days: None }
}

fn job(first: u32, bookmark: Option<u32>) -> JobItem {
    JobItem {
        job_id: "ghactivity_ingest".to_owned(),
        job_description: "for the tests".to_owned(),
        baseline_days: 1,
        first_hour: hour(first),
        job_run_bookmark_details: bookmark.map(|number| BookmarkDetails::at(hour(number), HourStatus::Published)),
    }
}

impl NextFileFixture {
    async fn run(&self, input: Input) -> Result<Output, NextFileError> {
        handle(input, &self.context).await
    }

    fn put_job(&self, job: &JobItem) {
        self.dynamodb.with(|tables| tables.put("jobs", job));
    }

    /// Writes the item of a failure `minutes_ago`, with this status.
    fn put(&self, number: u32, status: HourStatus, minutes_ago: i64) {
        let now = now() - SignedDuration::from_mins(minutes_ago);
        let attempt = Attempt { hour: hour(number), execution_arn: "arn", now };
        let failure = HourFailure::new("CorruptArchive", "");
        let failed = record::failed(None, &attempt, &failure, &RULES);
        self.dynamodb.with(|tables| tables.put("hours", &LedgerItem { status, ..failed }));
    }
}

fn numbers(output: &Output) -> Vec<i64> {
    output.hours.iter().map(|at| at.hours_since(hour(0))).collect()
}

#[tokio::test]
async fn new_job_begins_baseline_days_ago() {
    let fixture = fixture(FakeSource::with(0..30));
    let output = fixture.run(input(3)).await.unwrap();
    let expected = json!({
        "hours": ["2025-11-21-5", "2025-11-21-6", "2025-11-21-7"], "caught_up": false, "newest_hour_over": "2025-11-22-5"
    });
    assert_eq!(serde_json::to_value(output).unwrap(), expected);
    let [job]: [JobItem; 1] = fixture.dynamodb.with(|tables| tables.items("jobs")).try_into().unwrap();
    assert_eq!((job.first_hour, job.baseline_days, job.job_run_bookmark_details), (hour(5), 1, None));
}

#[tokio::test]
async fn from_applies_to_new_jobs_only() {
    let fixture = fixture(FakeSource::with(0..30));
    let from = |number| Input { from: Some(hour(number)), ..input(2) };
    assert_eq!(numbers(&fixture.run(from(20)).await.unwrap()), [20, 21]);
    assert_eq!(numbers(&fixture.run(from(10)).await.unwrap()), [20, 21], "the job exists and began at hour 20");
}

#[tokio::test]
async fn concurrent_first_runs_create_one_job() {
    let fixture = fixture(FakeSource::with(0..30));
    fixture.dynamodb.before("PutItem", |tables| tables.put("jobs", &job(25, None)));
    assert_eq!(numbers(&fixture.run(input(2)).await.unwrap()), [25, 26]);
}

#[tokio::test]
async fn hour_not_over_is_never_returned() {
    let fixture = fixture(FakeSource::with(0..40));
    fixture.put_job(&job(0, Some(27)));
    let output = fixture.run(input(10)).await.unwrap();
    assert_eq!((numbers(&output), output.caught_up), (vec![28, 29], true));
    assert_eq!(fixture.source.requests(), 2);
    assert!(fixture.source.asked.lock().unwrap()[0].starts_with("HEAD /archive/2025-11-22-"));
}

#[tokio::test]
async fn caught_up_job_sends_one_request() {
    let fixture = fixture(FakeSource::with(0..29));
    fixture.put_job(&job(0, Some(28)));
    fixture.put(28, HourStatus::Published, 0);
    let output = fixture.run(input(10)).await.unwrap();
    assert_eq!((numbers(&output), output.caught_up, fixture.source.requests()), (vec![], true, 1));
}

#[tokio::test]
async fn due_hours_are_returned_oldest_first() {
    let fixture = fixture(FakeSource::with((0..30).filter(|number| *number != 27)));
    fixture.dynamodb.with(|tables| tables.page_items(1));
    fixture.put_job(&job(0, Some(19)));
    fixture.put(20, HourStatus::Failed, 60);
    fixture.put(21, HourStatus::Failed, 10);
    fixture.put(22, HourStatus::Published, 0);
    fixture.put(24, HourStatus::Landed, 10);
    fixture.put(25, HourStatus::NotPublished, 60);
    let output = fixture.run(input(10)).await.unwrap();
    assert_eq!((numbers(&output), output.caught_up), (vec![20, 23, 25, 26, 27, 28, 29], true));
    let after = Input { after: Some(hour(25)), ..input(2) };
    assert_eq!(numbers(&fixture.run(after).await.unwrap()), [26, 27]);
}

#[tokio::test]
async fn missing_hour_is_requested_again() {
    let fixture = fixture(FakeSource::with(0..30));
    fixture.put_job(&job(0, Some(29)));
    fixture.put(3, HourStatus::Missing, 60);
    fixture.put(4, HourStatus::Missing, 10);
    fixture.put(29, HourStatus::Published, 0);
    assert_eq!(numbers(&fixture.run(input(10)).await.unwrap()), [3]);
}

#[tokio::test]
async fn failed_source_blocks_only_new_hours() {
    let silent = |has: u32| FakeSource { silent: [hour(28), hour(29)].into(), ..FakeSource::with(0..has) };
    let world_with_known = fixture(silent(28));
    world_with_known.put_job(&job(0, Some(25)));
    world_with_known.put(26, HourStatus::Failed, 60);
    let output = world_with_known.run(input(10)).await.unwrap();
    assert_eq!((numbers(&output), output.caught_up), (vec![26, 27], false));
    for (phrase, answers, silent, name) in [
        ("no response", vec![], vec![28], "SourceUnavailable"),
        ("server error", vec![(hour(28), 503)], vec![], "SourceUnavailable"),
        ("throttled", vec![(hour(28), 429)], vec![], "SourceUnavailable"),
        ("forbidden", vec![(hour(28), 403)], vec![], "SourceRefused"),
    ] {
        let silent = silent.into_iter().map(hour).collect();
        let fixture = fixture(FakeSource { answers, silent, ..FakeSource::with(0..30) });
        fixture.put_job(&job(0, Some(27)));
        let error = fixture.run(input(10)).await.unwrap_err();
        assert_eq!(error.name(), name, "{phrase}");
        assert!(error.to_string().contains("/archive/2025-11-22-4.json.gz"), "{phrase}: {error}");
    }
}

#[tokio::test]
async fn failed_call_is_classified() {
    let fixture = fixture(FakeSource::default());
    for (operation, fault, name) in [
        ("GetItem", Fault::Error(500, "InternalServerError"), "AwsUnavailable"),
        ("PutItem", Fault::Error(400, "ThrottlingException"), "AwsThrottled"),
        ("Query", Fault::Error(400, "ResourceNotFoundException"), "AwsRefused"),
    ] {
        fixture.dynamodb.fail(operation, 3, fault);
        assert_eq!(fixture.run(input(1)).await.unwrap_err().name(), name, "{operation}");
        fixture.dynamodb.heal();
    }
}

#[tokio::test]
async fn invalid_input_names_the_field() {
    let fixture = fixture(FakeSource::default());
    for (phrase, input, field) in [
        ("empty job id", Input { job_id: String::new(), ..input(1) }, "job_id"),
        ("from is not over", Input { from: Some(hour(30)), ..input(1) }, "from"),
        ("after is not over", Input { after: Some(hour(30)), ..input(1) }, "after"),
    ] {
        let error = fixture.run(input).await.unwrap_err();
        assert_eq!(error.name(), "InvalidInput", "{phrase}");
        assert!(error.to_string().contains(field), "{phrase}: {error}");
    }
    for (phrase, field, value) in [
        ("zero", "max_hours", json!(0)),
        ("a negative number", "max_hours", json!(-1)),
        ("no hour", "after", json!("2025-11-21-24")),
        ("an unknown field", "hour", json!("2025-11-21-0")),
    ] {
        let mut event = json!({"job_id": "j", "max_hours": 5, "from": null, "after": null});
        event[field] = value;
        let error = function_runtime::parse::<Input>(event).unwrap_err();
        assert!(error.to_string().contains(field), "{phrase}: {error}");
    }
}

#[tokio::test]
async fn hour_is_due_if_any_source_has_it() {
    let both = |first: &FakeSource, second: &FakeSource| {
        let sources = format!("{},{}", first.serve(), second.serve());
        let mut fixture = fixture(FakeSource::default());
        fixture.context.archive = SourceArchive::new(sources.parse().unwrap()).unwrap();
        fixture.put_job(&job(28, None));
        fixture
    };
    let (all, none) = (FakeSource::with(0..30), FakeSource::default());
    let down = FakeSource { answers: (28..30).map(|number| (hour(number), 503)).collect(), ..FakeSource::default() };
    let silent = FakeSource { silent: (28..30).map(hour).collect(), ..FakeSource::default() };
    for (phrase, first, second, named) in [
        ("first has it", &all, &none, Some(vec![28, 29])),
        ("second has it", &none, &all, Some(vec![28, 29])),
        ("first is down", &down, &all, Some(vec![28, 29])),
        ("first does not respond", &silent, &all, Some(vec![28, 29])),
        ("first has it, second is down", &all, &down, Some(vec![28, 29])),
        ("none has it", &none, &none, Some(Vec::new())),
        ("first is down, second returns 404", &down, &none, None),
        ("first returns 404, second is down", &none, &down, None),
    ] {
        let ended = both(first, second).run(input(5)).await;
        assert_eq!(ended.as_ref().ok().map(numbers), named, "{phrase}: {ended:?}");
    }
}

#[tokio::test]
async fn recheck_uses_most_preferred_source() {
    let tagged = |tag| FakeSource { headers: vec![(hour(5), tag)], ..FakeSource::with([5]) };
    let (same, other) = (tagged("ETag: \"a\"\r\n"), tagged("ETag: \"b\"\r\n"));
    for (phrase, first, second, replaced) in [
        ("first has the same file", &same, &other, vec![]),
        ("first has another file", &other, &same, vec![5]),
        ("first returns 404", &FakeSource::default(), &same, vec![]),
    ] {
        let sources = format!("{},{}", first.serve(), second.serve());
        let mut fixture = fixture(FakeSource::default());
        fixture.context.archive = SourceArchive::new(sources.parse().unwrap()).unwrap();
        put_published(&fixture, 5, Some("\"a\""), None);
        let recheck = Input { recheck_days: Some(2.try_into().unwrap()), ..input(5) };
        assert_eq!(numbers(&fixture.run(recheck).await.unwrap()), replaced, "{phrase}");
    }
}

#[tokio::test]
async fn recheck_continues_when_a_source_is_down() {
    let tagged = |tag| FakeSource { headers: vec![(hour(5), tag)], ..FakeSource::with([5]) };
    let down = FakeSource { answers: vec![(hour(5), 503)], ..FakeSource::default() };
    for (phrase, second, came_from_second, replaced) in [
        ("fetched from second, which has another file", tagged("ETag: \"b\"\r\n"), true, vec![5]),
        ("fetched from second, which has the same file", tagged("ETag: \"a\"\r\n"), true, vec![]),
        ("fetched from the source that is down", tagged("ETag: \"b\"\r\n"), false, vec![]),
    ] {
        let (first, second) = (down.serve(), second.serve());
        let mut fixture = fixture(FakeSource::default());
        fixture.context.archive = SourceArchive::new(format!("{first},{second}").parse().unwrap()).unwrap();
        let from = if came_from_second { second } else { first };
        put_published_from(&fixture, 5, format!("{from}/{}.json.gz", hour(5)), Some("\"a\""), None);
        let recheck = Input { recheck_days: Some(2.try_into().unwrap()), ..input(5) };
        assert_eq!(numbers(&fixture.run(recheck).await.unwrap()), replaced, "{phrase}");
    }
}

/// Writes a published hour with this ETag and `Last-Modified`.
fn put_published(fixture: &NextFileFixture, number: u32, etag: Option<&str>, last_modified: Option<&str>) {
    put_published_from(fixture, number, format!("http://archive/{}", hour(number)), etag, last_modified);
}

fn put_published_from(
    fixture: &NextFileFixture,
    number: u32,
    url: String,
    etag: Option<&str>,
    last_modified: Option<&str>,
) {
    let hour = hour(number);
    let text = |text: &str| text.to_owned();
    let source = ledger::SourceFile { url, etag: etag.map(text), last_modified: last_modified.map(text) };
    let publication = Publication {
        version: "0123456789ab".parse().unwrap(),
        source,
        landing_etag: "\"e\"".to_owned(),
        landing_md5: "m".to_owned(),
        landing_bytes: 1,
        counts: RecordCounts::default(),
        types: BTreeMap::new(),
        chunks: 1,
        parquet_bytes: 1,
        partition_location: "s3://lake/raw/".to_owned(),
    };
    let attempt = Attempt { hour, execution_arn: "arn", now: now() };
    let item = record::published(None, &attempt, &publication, PublishKind::Converted, Verdict::Complete, 1);
    fixture.dynamodb.with(|tables| tables.put("hours", &item));
}

fn recheck(days: u32, after: Option<u32>) -> Input {
    Input { recheck_days: Some(days.try_into().unwrap()), after: after.map(hour), ..input(2) }
}

#[tokio::test]
async fn recheck_returns_replaced_hours() {
    let headers = [
        (20, "ETag: \"new\"\r\n"),
        (21, "ETag: \"old\"\r\n"),
        (22, "Last-Modified: Sat, 22 Nov 2025 00:00:00 GMT\r\n"),
        (23, "Last-Modified: Fri, 21 Nov 2025 00:00:00 GMT\r\n"),
        (24, "ETag: \"new\"\r\n"),
        (27, "ETag: \"new\"\r\n"),
        (28, "ETag: \"new\"\r\n"),
        (29, "ETag: W/\"old\"\r\n"),
    ];
    let headers = headers.map(|(number, headers)| (hour(number), headers)).into();
    let fixture = fixture(FakeSource { headers, ..FakeSource::with([2, 20, 21, 22, 23, 24, 25, 27, 28, 29]) });
    let friday = Some("Fri, 21 Nov 2025 00:00:00 GMT");
    for number in [2, 20, 21, 25, 26, 27, 28, 29] {
        put_published(&fixture, number, Some("\"old\""), friday);
    }
    put_published(&fixture, 22, None, friday);
    put_published(&fixture, 23, None, friday);
    fixture.put(24, HourStatus::Failed, 1);
    let output = fixture.run(recheck(1, None)).await.unwrap();
    assert_eq!((numbers(&output), output.caught_up), (vec![20, 22], false), "at most two");
    let output = fixture.run(recheck(1, Some(22))).await.unwrap();
    assert_eq!((numbers(&output), output.caught_up), (vec![27, 28], true));
    let output = fixture.run(recheck(1, Some(28))).await.unwrap();
    assert_eq!((numbers(&output), output.caught_up), (vec![], true));
    assert!(fixture.dynamodb.with(|tables| tables.raw_items("jobs")).is_empty(), "no job is created");
}

#[tokio::test]
async fn failed_source_ends_the_recheck() {
    let new = |number| (hour(number), "ETag: \"new\"\r\n");
    let headers = vec![new(19), new(21)];
    let fixture = fixture(FakeSource {
        answers: vec![(hour(18), 403), (hour(20), 503)],
        headers,
        ..FakeSource::with([19, 20, 21])
    });
    put_published(&fixture, 20, Some("\"old\""), None);
    assert_eq!(fixture.run(recheck(1, None)).await.unwrap_err().name(), "SourceUnavailable");
    for number in [18, 19, 21] {
        put_published(&fixture, number, Some("\"old\""), None);
    }
    let output = fixture.run(recheck(1, None)).await.unwrap();
    assert_eq!(numbers(&output), [19], "hours before the failure; a refused hour is omitted");
}
