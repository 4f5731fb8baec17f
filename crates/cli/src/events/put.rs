//! `ghactivity events put`: records into the stream, and a note of each.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_client::AwsError;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use bytes::Bytes;
use clap::Args;
use event_stream::record::MAX_RECORD_BYTES;
use event_stream::simulate::Message;
use event_stream::{Event, EventRejectReason};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Mutex;

use super::lines::{Line, Lines};
use super::sent::{SentLine, Simulated};
use crate::output;
use crate::stack::{EventStream, Problem, Stack, StackArguments, one_line};

/// Records and bytes, partition keys included, that one `PutRecords` takes. Source: the Kinesis API.
const MOST_RECORDS: usize = 500;
const MOST_BYTES: usize = 5 << 20;
/// Tries in a row that the stream takes nothing of a request, before it is given up: about a minute.
const MOST_TRIES: u32 = 20;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Bad lines that are named one by one.
const MOST_NAMED: u64 = 10;

const WITH_END: &str = "{bar:30} {human_pos} of {human_len} records, {msg}, {eta} left";
const WITHOUT_END: &str = "{spinner} {human_pos} records, {msg}, {elapsed}";

/// What to put.
#[derive(Args)]
#[command(after_help = AFTER_HELP, group = clap::ArgGroup::new("what").required(true).args(["file", "simulate"]))]
pub(super) struct Arguments {
    /// JSON lines, one event a line; - is standard input
    file: Option<PathBuf>,
    /// Write each record that the stream took to this new file, with its shard and sequence number
    #[arg(long, value_name = "FILE")]
    sent: Option<PathBuf>,
    /// Send lines that are no events as they are: they go to quarantine
    #[arg(long, conflicts_with = "simulate")]
    as_is: bool,
    /// At most N records a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    simulated: Simulated,
    #[command(flatten)]
    stack: StackArguments,
}

const AFTER_HELP: &str = "\
An event is a JSON object with event_uuid (a UUID), event_name (type:rest) and created_at (whole milliseconds since 1970); any
other fields are kept. A line that is none is named and not sent. Records that the stream does not take for want of capacity are
sent again. Ctrl-C stops between two requests, so that --sent has exactly what was sent.

Examples:
  ghactivity events put events.jsonl
  ghactivity events put events.jsonl --sent sent.jsonl --rate 500
  zcat events.jsonl.gz | ghactivity events put - --sent sent.jsonl
  ghactivity events put --simulate 1000
  ghactivity events put --simulate 200000 --duplicates 0.05 --out-of-order --poison 0.001 --seed 7

Exit status:
  0        all records were sent
  1        the command line makes no sense, or a file cannot be read or made; nothing was sent
  2        something was not sent: it is named
  130, 143 stopped by a signal";

#[derive(Default, Serialize)]
struct Told {
    stream: String,
    /// Records that the stream took.
    records: u64,
    /// Lines that are no events and were not sent.
    skipped: u64,
    /// Records that the stream refused for want of capacity, each time that it did.
    resent: u64,
    seconds: f64,
    sent: Option<PathBuf>,
}

impl Arguments {
    pub(super) async fn run(self) -> Result<(), Problem> {
        let simulation = self.simulated.simulation();
        let input = match &self.file {
            Some(path) => Some(open(path)?),
            None => None,
        };
        let stack = self.stack.find().await?;
        let stream = stack.event_stream()?;
        let mut putter = Putter::new(&stack, &stream, &self)?;
        let begun = Instant::now();
        match (input, simulation) {
            (Some(input), _) => putter.lines(Lines::new(input, MAX_RECORD_BYTES), self.as_is).await?,
            (None, Some(simulation)) => {
                putter.bar.set_length(simulation.messages().count() as u64);
                putter.bar.set_style(style(WITH_END));
                for message in simulation.messages() {
                    putter.add(message).await?;
                }
            }
            (None, None) => unreachable!("the command line names one of them"),
        }
        putter.send().await?;
        let told = putter.finish(begun.elapsed());
        if self.json {
            output::json(&told);
        } else {
            output::text(&told.text(&self));
        }
        if told.skipped == 0 {
            return Ok(());
        }
        let path = self.file.unwrap_or_default().display().to_string();
        Err(Problem::BadLines { path, lines: lines(told.skipped) })
    }
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, Problem> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let unreadable =
        |error: io::Error| Problem::Unreadable { path: path.display().to_string(), reason: error.to_string() };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(unreadable(io::ErrorKind::IsADirectory.into()));
    }
    Ok(Box::new(BufReader::new(file)))
}

fn lines(count: u64) -> String {
    if count == 1 { "1 line".to_owned() } else { format!("{} lines", HumanCount(count)) }
}

impl Told {
    fn text(&self, arguments: &Arguments) -> String {
        let Self { stream, records, resent, seconds, .. } = self;
        let a_second = HumanCount((*records as f64 / seconds.max(0.001)) as u64);
        let mut text = format!("{} records put into {stream} in {seconds:.1} s, {a_second}/s", HumanCount(*records));
        if *resent > 0 {
            text += &format!("; {} were sent again, as the stream was busy", HumanCount(*resent));
        }
        let what = match (&self.sent, &arguments.file) {
            (Some(sent), _) => sent.display().to_string(),
            (None, None) => arguments.simulated.options(),
            (None, Some(_)) => return text + "\n",
        };
        text + &format!("\nto verify them: ghactivity events verify {what}\n")
    }
}

/// Gathers records into requests.
struct Putter<'a> {
    stack: &'a Stack,
    stream: &'a EventStream,
    client: aws_sdk_kinesis::Client,
    sent: Option<BufWriter<File>>,
    /// Held while a request is under way: whoever wants to stop waits for it.
    at_work: Arc<Mutex<()>>,
    bar: ProgressBar,
    begun: Instant,
    rate: Option<u32>,
    most_records: usize,
    waiting: Vec<Message>,
    waiting_bytes: usize,
    told: Told,
}

impl<'a> Putter<'a> {
    fn new(stack: &'a Stack, stream: &'a EventStream, arguments: &Arguments) -> Result<Self, Problem> {
        let sent = match &arguments.sent {
            Some(path) => {
                // What was sent before must not be forgotten.
                let file = OpenOptions::new().write(true).create_new(true).open(path);
                Some(BufWriter::new(file.map_err(|error| Problem::Unreadable {
                    path: path.display().to_string(),
                    reason: error.to_string(),
                })?))
            }
            None => None,
        };
        let bar = ProgressBar::no_length().with_style(style(WITHOUT_END));
        bar.enable_steady_tick(Duration::from_millis(200));
        let at_work = Arc::new(Mutex::new(()));
        let (busy, shown) = (Arc::clone(&at_work), bar.clone());
        let stop = move || {
            std::mem::forget(busy.blocking_lock());
            shown.finish_and_clear();
            eprintln!("ghactivity: stopped after {} records", HumanCount(shown.position()));
        };
        if let Err(error) = crate::interrupt::on_stop(stop) {
            eprintln!("ghactivity: Ctrl-C will end this without a word: {error}");
        }
        // A slow rate in small requests, not in one of 500 records now and then.
        let most_records = arguments.rate.map_or(MOST_RECORDS, |rate| (rate as usize / 4).clamp(1, MOST_RECORDS));
        Ok(Self {
            stack,
            stream,
            client: stack.kinesis(),
            sent,
            at_work,
            bar,
            begun: Instant::now(),
            rate: arguments.rate,
            most_records,
            waiting: Vec::new(),
            waiting_bytes: 0,
            told: Told { stream: stream.name.clone(), sent: arguments.sent.clone(), ..Told::default() },
        })
    }

    /// Puts all lines but those that are no events, unless those are wanted too.
    async fn lines(&mut self, mut lines: Lines<Box<dyn BufRead>>, as_is: bool) -> Result<(), Problem> {
        loop {
            let broken =
                |error: io::Error| Problem::Unreadable { path: "the input".to_owned(), reason: error.to_string() };
            let Some(line) = lines.next().map_err(broken)? else { return Ok(()) };
            match message(line, as_is, Timestamp::now().as_millisecond()) {
                Ok(message) => self.add(message).await?,
                Err((number, poison)) => {
                    self.told.skipped += 1;
                    if self.told.skipped <= MOST_NAMED {
                        self.say(&format!("line {number}: {}: {poison}", poison.name()));
                    } else if self.told.skipped == MOST_NAMED + 1 {
                        self.say("further lines that are no events are counted only");
                    }
                }
            }
        }
    }

    fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    async fn add(&mut self, message: Message) -> Result<(), Problem> {
        let bytes = message.data.len() + message.partition_key.len();
        if self.waiting.len() == self.most_records || self.waiting_bytes + bytes > MOST_BYTES {
            self.send().await?;
        }
        self.waiting_bytes += bytes;
        self.waiting.push(message);
        Ok(())
    }

    /// Sends what waits, until the stream has all of it.
    async fn send(&mut self) -> Result<(), Problem> {
        let (mut left, mut tries) = (std::mem::take(&mut self.waiting), 0);
        self.waiting_bytes = 0;
        while !left.is_empty() {
            let at_work = Arc::clone(&self.at_work);
            let guard = at_work.lock().await;
            let before = left.len();
            let reason;
            (left, reason) = self.put(left).await?;
            drop(guard);
            if left.is_empty() {
                break;
            }
            self.told.resent += left.len() as u64;
            tries = if left.len() < before { 0 } else { tries + 1 };
            if tries == MOST_TRIES {
                let resource = self.stream.name.clone();
                return Err(Problem::Passing { call: "PutRecords", resource, reason });
            }
            let longest = LONGEST_WAIT.min(FIRST_WAIT * 2_u32.pow(tries.min(6)));
            tokio::time::sleep(rand::random_range(Duration::ZERO..=longest)).await;
        }
        self.pace().await;
        Ok(())
    }

    /// One request; what the stream did not take, and why.
    async fn put(&mut self, records: Vec<Message>) -> Result<(Vec<Message>, String), Problem> {
        let entry = |message: &Message| {
            let entry = PutRecordsRequestEntry::builder().data(Blob::new(&message.data[..]));
            entry.partition_key(&message.partition_key).build().expect("data and key are given")
        };
        let request = self.client.put_records().stream_name(&self.stream.name);
        let answer = request.set_records(Some(records.iter().map(entry).collect())).send().await;
        let answer = match answer.map_err(|error| AwsError::classify("PutRecords", &self.stream.name, error)) {
            Ok(answer) => answer,
            Err(AwsError::Throttled { source, .. }) => return Ok((records, one_line(&source.to_string()))),
            Err(error) => return Err(Problem::of(&self.stack.aws, error)),
        };
        let (mut left, mut reason, mut taken) = (Vec::new(), String::new(), 0);
        let now_ms = Timestamp::now().as_millisecond();
        for (record, result) in records.into_iter().zip(answer.records) {
            match (result.error_code, result.shard_id, result.sequence_number) {
                (None, Some(shard), Some(sequence)) => {
                    taken += 1;
                    self.note(&SentLine::new(&shard, &sequence, now_ms, &record.data))?;
                }
                (code, ..) => {
                    let message = result.error_message.unwrap_or_default();
                    reason = one_line(&format!("{}: {message}", code.unwrap_or_default()));
                    left.push(record);
                }
            }
        }
        self.note_all()?;
        self.told.records += taken;
        self.bar.inc(taken);
        let a_second = self.told.records as f64 / self.begun.elapsed().as_secs_f64().max(0.001);
        self.bar.set_message(format!("{}/s", HumanCount(a_second as u64)));
        Ok((left, reason))
    }

    fn note(&mut self, line: &SentLine<'_>) -> Result<(), Problem> {
        let Some(file) = &mut self.sent else { return Ok(()) };
        let written =
            serde_json::to_writer(&mut *file, line).map_err(io::Error::from).and_then(|()| file.write_all(b"\n"));
        written.map_err(|error| self.not_noted(&error))
    }

    fn note_all(&mut self) -> Result<(), Problem> {
        let flushed = self.sent.as_mut().map_or(Ok(()), Write::flush);
        flushed.map_err(|error| self.not_noted(&error))
    }

    fn not_noted(&self, error: &io::Error) -> Problem {
        let path = self.told.sent.clone().unwrap_or_default().display().to_string();
        Problem::File { path, reason: format!("{error}, after records had been sent that it does not have") }
    }

    /// Waits until the rate allows more.
    async fn pace(&self) {
        let Some(rate) = self.rate else { return };
        let due = Duration::from_secs_f64(self.told.records as f64 / f64::from(rate));
        tokio::time::sleep(due.saturating_sub(self.begun.elapsed())).await;
    }

    fn finish(self, took: Duration) -> Told {
        self.bar.finish_and_clear();
        Told { seconds: took.as_secs_f64(), ..self.told }
    }
}

/// The record of a line, or why it is no event.
fn message(line: Line, as_is: bool, now_ms: i64) -> Result<Message, (u64, EventRejectReason)> {
    let Line { number, bytes, length } = line;
    // An event's key is its UUID: all records of one event come in order.
    let (partition_key, poison) = match Event::parse(&bytes, now_ms) {
        Ok(event) => (event.uuid, None),
        Err(poison) => (format!("line-{number}"), Some(poison)),
    };
    // The key counts too, and no stream takes more, unless it is set up for it.
    if length + partition_key.len() > MAX_RECORD_BYTES {
        return Err((number, EventRejectReason::TooLarge(length)));
    }
    match poison.filter(|_| !as_is) {
        Some(poison) => Err((number, poison)),
        None => Ok(Message { partition_key, data: Bytes::from(bytes) }),
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_763_683_200_000;
    const GOOD: &str =
        r#"{"event_uuid":"6F1B4C1E-0000-4000-8000-00000000000a","event_name":"a:b","created_at":1763683200000}"#;

    fn line(bytes: &[u8]) -> Line {
        Line { number: 3, bytes: bytes.to_vec(), length: bytes.len() }
    }

    #[test]
    fn an_event_is_sent_as_it_is_under_its_uuid() {
        let sent = message(line(GOOD.as_bytes()), false, NOW_MS).unwrap();
        assert_eq!((&*sent.partition_key, &*sent.data), ("6f1b4c1e-0000-4000-8000-00000000000a", GOOD.as_bytes()));
    }

    #[test]
    fn what_is_no_event_is_sent_only_as_it_is() {
        let (number, poison) = message(line(b"no event"), false, NOW_MS).unwrap_err();
        assert_eq!((number, poison.name()), (3, "not_json"));
        let sent = message(line(b"no event"), true, NOW_MS).unwrap();
        assert_eq!((&*sent.partition_key, &*sent.data), ("line-3", &b"no event"[..]));
    }

    #[test]
    fn what_the_stream_would_refuse_is_never_sent() {
        let filler = "x".repeat(MAX_RECORD_BYTES - 36 - GOOD.len() - r#","f":"""#.len());
        let largest = GOOD.replace('}', &format!(r#","f":"{filler}"}}"#));
        assert!(message(line(largest.as_bytes()), false, NOW_MS).is_ok());
        let larger = largest.replace("\"f\"", "\"ff\"");
        for as_is in [false, true] {
            let (_, poison) = message(line(larger.as_bytes()), as_is, NOW_MS).unwrap_err();
            assert_eq!(poison.name(), "too_large");
        }
    }
}
