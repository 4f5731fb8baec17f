//! `next-file` against DynamoDB in memory and an HTTP server of these tests.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use aws_fakes::dynamodb;
use aws_fakes::dynamodb::FakeTables;
use aws_fakes::{Fault, Memory};
use aws_lake::{Jobs, Ledger};
use function_runtime::ErrorName;
use jiff::{SignedDuration, Timestamp};
use next_file::{Archive, Context, Input, NextFileError, Output, handle};
use pipeline::ArchiveHour;
use pipeline::ledger::record::{self, Attempt, MissingRules, PublishKind};
use pipeline::ledger::{self, BookmarkDetails, HourFailure, HourStatus, JobItem, LedgerItem, Publication, Verdict};
use pipeline::receipt::RecordCounts;
use serde_json::json;

const RULES: MissingRules = MissingRules { missing_after_hours: 48, missing_retry_days: 30 };

fn hour(number: u32) -> ArchiveHour {
    "2025-11-21-0".parse::<ArchiveHour>().unwrap().plus(number)
}

/// The clock of these tests: ten minutes after hour 29 was over.
fn now() -> Timestamp {
    hour(29).end() + SignedDuration::from_mins(10)
}

/// A source: has some hours, answers with a status for some, with nothing at all for others, and notes what it is asked.
#[derive(Clone, Default)]
struct Source {
    has: BTreeSet<ArchiveHour>,
    answers: Vec<(ArchiveHour, u16)>,
    silent: BTreeSet<ArchiveHour>,
    /// Further headers of its answers about an hour.
    headers: Vec<(ArchiveHour, &'static str)>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Source {
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

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

struct World {
    dynamodb: Memory<FakeTables>,
    context: Context,
    source: Source,
}

fn world(source: Source) -> World {
    let dynamodb = dynamodb::memory(&[("jobs", "job_id", None), ("hours", "archive", Some("hour"))]);
    let client = dynamodb::client(&dynamodb);
    let context = Context {
        archive: Archive::new(source.serve().parse().unwrap()).unwrap(),
        jobs: Jobs::new(client.clone(), "jobs"),
        ledger: Ledger::new(client, "hours"),
        baseline_days: 1,
        rules: RULES,
        now: Box::new(now),
    };
    World { dynamodb, context, source }
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

impl World {
    async fn run(&self, input: Input) -> Result<Output, NextFileError> {
        handle(input, &self.context).await
    }

    fn put_job(&self, job: &JobItem) {
        self.dynamodb.with(|tables| tables.put("jobs", job));
    }

    /// Puts the item that a failure so many minutes ago leaves, but with this status.
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
async fn a_new_job_begins_its_baseline_before_the_newest_hour_over() {
    let world = world(Source::with(0..30));
    let output = world.run(input(3)).await.unwrap();
    let expected = json!({
        "hours": ["2025-11-21-5", "2025-11-21-6", "2025-11-21-7"], "caught_up": false, "newest_hour_over": "2025-11-22-5"
    });
    assert_eq!(serde_json::to_value(output).unwrap(), expected);
    let [job]: [JobItem; 1] = world.dynamodb.with(|tables| tables.items("jobs")).try_into().unwrap();
    assert_eq!((job.first_hour, job.baseline_days, job.job_run_bookmark_details), (hour(5), 1, None));
}

#[tokio::test]
async fn a_new_job_begins_where_it_is_told_and_an_old_one_does_not() {
    let world = world(Source::with(0..30));
    let from = |number| Input { from: Some(hour(number)), ..input(2) };
    assert_eq!(numbers(&world.run(from(20)).await.unwrap()), [20, 21]);
    assert_eq!(numbers(&world.run(from(10)).await.unwrap()), [20, 21], "the job began at hour 20");
}

#[tokio::test]
async fn two_first_runs_at_once_end_with_one_job() {
    let world = world(Source::with(0..30));
    world.dynamodb.before("PutItem", |tables| tables.put("jobs", &job(25, None)));
    assert_eq!(numbers(&world.run(input(2)).await.unwrap()), [25, 26]);
}

#[tokio::test]
async fn an_hour_that_is_not_over_is_never_named_or_asked_about() {
    let world = world(Source::with(0..40));
    world.put_job(&job(0, Some(27)));
    let output = world.run(input(10)).await.unwrap();
    assert_eq!((numbers(&output), output.caught_up), (vec![28, 29], true));
    assert_eq!(world.source.asked(), 2);
    assert!(world.source.asked.lock().unwrap()[0].starts_with("HEAD /archive/2025-11-22-"));
}

#[tokio::test]
async fn a_job_that_is_caught_up_costs_one_question() {
    let world = world(Source::with(0..29));
    world.put_job(&job(0, Some(28)));
    world.put(28, HourStatus::Published, 0);
    let output = world.run(input(10)).await.unwrap();
    assert_eq!((numbers(&output), output.caught_up, world.source.asked()), (vec![], true, 1));
}

#[tokio::test]
async fn holes_failures_and_new_hours_are_named_oldest_first() {
    let world = world(Source::with((0..30).filter(|number| *number != 27)));
    world.dynamodb.with(|tables| tables.page_items(1));
    world.put_job(&job(0, Some(19)));
    world.put(20, HourStatus::Failed, 60);
    world.put(21, HourStatus::Failed, 10);
    world.put(22, HourStatus::Published, 0);
    world.put(24, HourStatus::Landed, 10);
    world.put(25, HourStatus::NotPublished, 60);
    let output = world.run(input(10)).await.unwrap();
    assert_eq!((numbers(&output), output.caught_up), (vec![20, 23, 25, 26, 27, 28, 29], true));
    let after = Input { after: Some(hour(25)), ..input(2) };
    assert_eq!(numbers(&world.run(after).await.unwrap()), [26, 27]);
}

#[tokio::test]
async fn a_missing_hour_behind_the_bookmark_is_asked_for_again() {
    let world = world(Source::with(0..30));
    world.put_job(&job(0, Some(29)));
    world.put(3, HourStatus::Missing, 60);
    world.put(4, HourStatus::Missing, 10);
    world.put(29, HourStatus::Published, 0);
    assert_eq!(numbers(&world.run(input(10)).await.unwrap()), [3]);
}

#[tokio::test]
async fn a_source_that_does_not_answer_stops_only_what_needs_its_answer() {
    let silent = |has: u32| Source { silent: [hour(28), hour(29)].into(), ..Source::with(0..has) };
    let world_with_known = world(silent(28));
    world_with_known.put_job(&job(0, Some(25)));
    world_with_known.put(26, HourStatus::Failed, 60);
    let output = world_with_known.run(input(10)).await.unwrap();
    assert_eq!((numbers(&output), output.caught_up), (vec![26, 27], false));
    for (phrase, answers, silent, name) in [
        ("no answer", vec![], vec![28], "SourceUnavailable"),
        ("a server's error", vec![(hour(28), 503)], vec![], "SourceUnavailable"),
        ("too many questions", vec![(hour(28), 429)], vec![], "SourceUnavailable"),
        ("no permission", vec![(hour(28), 403)], vec![], "SourceRefused"),
    ] {
        let silent = silent.into_iter().map(hour).collect();
        let world = world(Source { answers, silent, ..Source::with(0..30) });
        world.put_job(&job(0, Some(27)));
        let error = world.run(input(10)).await.unwrap_err();
        assert_eq!(error.name(), name, "{phrase}");
        assert!(error.to_string().contains("/archive/2025-11-22-4.json.gz"), "{phrase}: {error}");
    }
}

#[tokio::test]
async fn a_failed_call_is_named() {
    let world = world(Source::default());
    for (operation, fault, name) in [
        ("GetItem", Fault::Answer(500, "InternalServerError"), "AwsUnavailable"),
        ("PutItem", Fault::Answer(400, "ThrottlingException"), "AwsThrottled"),
        ("Query", Fault::Answer(400, "ResourceNotFoundException"), "AwsRefused"),
    ] {
        world.dynamodb.fail(operation, 3, fault);
        assert_eq!(world.run(input(1)).await.unwrap_err().name(), name, "{operation}");
        world.dynamodb.heal();
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_invalid_input_and_names_the_field() {
    let world = world(Source::default());
    for (phrase, input, field) in [
        ("no job", Input { job_id: String::new(), ..input(1) }, "job_id"),
        ("a start that is not over", Input { from: Some(hour(30)), ..input(1) }, "from"),
        ("an end that is not over", Input { after: Some(hour(30)), ..input(1) }, "after"),
    ] {
        let error = world.run(input).await.unwrap_err();
        assert_eq!(error.name(), "InvalidInput", "{phrase}");
        assert!(error.to_string().contains(field), "{phrase}: {error}");
    }
    for (phrase, field, value) in [
        ("none at all", "max_hours", json!(0)),
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
async fn an_hour_is_named_if_one_of_the_sources_has_it() {
    let both = |first: &Source, second: &Source| {
        let sources = format!("{},{}", first.serve(), second.serve());
        let mut world = world(Source::default());
        world.context.archive = Archive::new(sources.parse().unwrap()).unwrap();
        world.put_job(&job(28, None));
        world
    };
    let (all, none) = (Source::with(0..30), Source::default());
    let down = Source { answers: (28..30).map(|number| (hour(number), 503)).collect(), ..Source::default() };
    let silent = Source { silent: (28..30).map(hour).collect(), ..Source::default() };
    for (phrase, first, second, named) in [
        ("the preferred one has it", &all, &none, Some(vec![28, 29])),
        ("the other one has it", &none, &all, Some(vec![28, 29])),
        ("the preferred one is down", &down, &all, Some(vec![28, 29])),
        ("the preferred one says nothing", &silent, &all, Some(vec![28, 29])),
        ("the preferred one has it, the other is down", &all, &down, Some(vec![28, 29])),
        ("none has it", &none, &none, Some(Vec::new())),
        ("one is down, the other has it not", &down, &none, None),
        ("the other is down, and the preferred one has it not", &none, &down, None),
    ] {
        let ended = both(first, second).run(input(5)).await;
        assert_eq!(ended.as_ref().ok().map(numbers), named, "{phrase}: {ended:?}");
    }
}

#[tokio::test]
async fn a_replaced_hour_is_looked_for_at_the_preferred_source_that_has_it() {
    let tagged = |tag| Source { headers: vec![(hour(5), tag)], ..Source::with([5]) };
    let (same, other) = (tagged("ETag: \"a\"\r\n"), tagged("ETag: \"b\"\r\n"));
    for (phrase, first, second, replaced) in [
        ("the preferred one has the same", &same, &other, vec![]),
        ("the preferred one has another", &other, &same, vec![5]),
        ("the preferred one does not have it", &Source::default(), &same, vec![]),
    ] {
        let sources = format!("{},{}", first.serve(), second.serve());
        let mut world = world(Source::default());
        world.context.archive = Archive::new(sources.parse().unwrap()).unwrap();
        put_published(&world, 5, Some("\"a\""), None);
        let recheck = Input { recheck_days: Some(2.try_into().unwrap()), ..input(5) };
        assert_eq!(numbers(&world.run(recheck).await.unwrap()), replaced, "{phrase}");
    }
}

#[tokio::test]
async fn a_preferred_source_that_is_down_does_not_end_the_recheck_of_hours_that_another_one_has() {
    let tagged = |tag| Source { headers: vec![(hour(5), tag)], ..Source::with([5]) };
    let down = Source { answers: vec![(hour(5), 503)], ..Source::default() };
    for (phrase, second, came_from_second, replaced) in [
        ("it came from the other one, which has another now", tagged("ETag: \"b\"\r\n"), true, vec![5]),
        ("it came from the other one, which has the same", tagged("ETag: \"a\"\r\n"), true, vec![]),
        ("it came from the one that is down, whose tag nobody knows now", tagged("ETag: \"b\"\r\n"), false, vec![]),
    ] {
        let (first, second) = (down.serve(), second.serve());
        let mut world = world(Source::default());
        world.context.archive = Archive::new(format!("{first},{second}").parse().unwrap()).unwrap();
        let from = if came_from_second { second } else { first };
        put_published_from(&world, 5, format!("{from}/{}.json.gz", hour(5)), Some("\"a\""), None);
        let recheck = Input { recheck_days: Some(2.try_into().unwrap()), ..input(5) };
        assert_eq!(numbers(&world.run(recheck).await.unwrap()), replaced, "{phrase}");
    }
}

/// Puts a published hour that came with this tag and time.
fn put_published(world: &World, number: u32, etag: Option<&str>, last_modified: Option<&str>) {
    put_published_from(world, number, format!("http://archive/{}", hour(number)), etag, last_modified);
}

fn put_published_from(world: &World, number: u32, url: String, etag: Option<&str>, last_modified: Option<&str>) {
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
    world.dynamodb.with(|tables| tables.put("hours", &item));
}

fn recheck(days: u32, after: Option<u32>) -> Input {
    Input { recheck_days: Some(days.try_into().unwrap()), after: after.map(hour), ..input(2) }
}

#[tokio::test]
async fn published_hours_that_the_source_has_replaced_are_named_on_request() {
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
    let world = world(Source { headers, ..Source::with([2, 20, 21, 22, 23, 24, 25, 27, 28, 29]) });
    let friday = Some("Fri, 21 Nov 2025 00:00:00 GMT");
    for number in [2, 20, 21, 25, 26, 27, 28, 29] {
        put_published(&world, number, Some("\"old\""), friday);
    }
    put_published(&world, 22, None, friday);
    put_published(&world, 23, None, friday);
    world.put(24, HourStatus::Failed, 1);
    let output = world.run(recheck(1, None)).await.unwrap();
    assert_eq!((numbers(&output), output.caught_up), (vec![20, 22], false), "two at most");
    let output = world.run(recheck(1, Some(22))).await.unwrap();
    assert_eq!((numbers(&output), output.caught_up), (vec![27, 28], true));
    let output = world.run(recheck(1, Some(28))).await.unwrap();
    assert_eq!((numbers(&output), output.caught_up), (vec![], true));
    assert!(world.dynamodb.with(|tables| tables.raw_items("jobs")).is_empty(), "no job begins by it");
}

#[tokio::test]
async fn a_source_that_does_not_say_what_it_has_ends_the_recheck() {
    let new = |number| (hour(number), "ETag: \"new\"\r\n");
    let headers = vec![new(19), new(21)];
    let world =
        world(Source { answers: vec![(hour(18), 403), (hour(20), 503)], headers, ..Source::with([19, 20, 21]) });
    put_published(&world, 20, Some("\"old\""), None);
    assert_eq!(world.run(recheck(1, None)).await.unwrap_err().name(), "SourceUnavailable");
    for number in [18, 19, 21] {
        put_published(&world, number, Some("\"old\""), None);
    }
    let output = world.run(recheck(1, None)).await.unwrap();
    assert_eq!(numbers(&output), [19], "what it said before, and an hour that it refuses is passed over");
}
