//! Puts records into the stream, and writes a line for each record that the stream stored.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_client::AwsError;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use cli_core::CliError;
use cli_core::format::{count, one_line, per_second};
use cli_core::interrupt::on_stop;
use cli_core::progress::{open_bar, style};
use cli_stack::{EventStream, Stack};
use event_stream::simulate::Message;
use indicatif::ProgressBar;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::sent::SentLine;

/// Limits of one `PutRecords`; bytes include partition keys. Source: the Kinesis API.
const MAX_RECORDS: usize = 500;
const MAX_BYTES: usize = 5 << 20;
/// The most successive requests without a stored record, which last about a minute.
const MAX_TRIES: u32 = 20;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

const WITH_END: &str = "{bar:30} {human_pos} of {human_len} records, {msg}, {eta} left";
const WITHOUT_END: &str = "{spinner} {human_pos} records, {msg}, {elapsed}";

#[derive(Default, Serialize)]
pub(crate) struct PutReport {
    pub(crate) stream: String,
    /// Records that the stream stored.
    pub(crate) records: u64,
    /// Lines that are not events and were not sent.
    pub(crate) skipped: u64,
    /// Throttled records, counted each time.
    pub(crate) resent: u64,
    pub(crate) seconds: f64,
    pub(crate) sent: Option<PathBuf>,
}

/// Collects records into requests, and retries what the stream throttles.
pub(crate) struct Putter<'a> {
    stack: &'a Stack,
    stream: &'a EventStream,
    client: aws_sdk_kinesis::Client,
    sent: Option<BufWriter<File>>,
    /// Held during a request, so that Ctrl-C waits for its end.
    at_work: Arc<Mutex<()>>,
    bar: ProgressBar,
    begun: Instant,
    rate: Option<u32>,
    most_records: usize,
    waiting: Vec<Message>,
    waiting_bytes: usize,
    pub(crate) report: PutReport,
}

impl<'a> Putter<'a> {
    /// Puts into `stream`, at most `rate` records a second. `sent` must be a new file.
    pub(crate) fn new(
        stack: &'a Stack,
        stream: &'a EventStream,
        sent: Option<&Path>,
        rate: Option<u32>,
    ) -> Result<Self, CliError> {
        let sent_path = sent.map(Path::to_owned);
        let sent = match sent {
            Some(path) => {
                // A new file only: an existing one may be the only note of an earlier run.
                let file = OpenOptions::new().write(true).create_new(true).open(path);
                Some(BufWriter::new(file.map_err(|error| CliError::Unreadable {
                    path: path.display().to_string(),
                    reason: error.to_string(),
                })?))
            }
            None => None,
        };
        let bar = open_bar(WITHOUT_END);
        let at_work = Arc::new(Mutex::new(()));
        let (busy, shown) = (Arc::clone(&at_work), bar.clone());
        let stop = move || {
            std::mem::forget(busy.blocking_lock());
            shown.finish_and_clear();
            eprintln!("ghactivity: stopped after {} records", count(shown.position()));
        };
        if let Err(error) = on_stop(stop) {
            eprintln!("ghactivity: cannot handle Ctrl-C, which may leave records without a note: {error}");
        }
        // A low rate is spread over four requests a second.
        let most_records =
            rate.map_or(MAX_RECORDS, |rate| usize::try_from(rate / 4).unwrap_or(MAX_RECORDS).clamp(1, MAX_RECORDS));
        Ok(Self {
            stack,
            stream,
            client: stack.aws.kinesis(),
            sent,
            at_work,
            bar,
            begun: Instant::now(),
            rate,
            most_records,
            waiting: Vec::new(),
            waiting_bytes: 0,
            report: PutReport { stream: stream.name.clone(), sent: sent_path, ..PutReport::default() },
        })
    }

    /// The number of records, if it is known before they are sent.
    pub(crate) fn expect(&self, records: u64) {
        self.bar.set_length(records);
        self.bar.set_style(style(WITH_END));
    }

    /// Prints a line above the bar.
    pub(crate) fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    pub(crate) async fn add(&mut self, message: Message) -> Result<(), CliError> {
        let bytes = message.data.len() + message.partition_key.len();
        if self.waiting.len() == self.most_records || self.waiting_bytes + bytes > MAX_BYTES {
            self.send().await?;
        }
        self.waiting_bytes += bytes;
        self.waiting.push(message);
        Ok(())
    }

    /// Sends the waiting records until the stream has stored all of them.
    pub(crate) async fn send(&mut self) -> Result<(), CliError> {
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
            self.report.resent += left.len() as u64;
            tries = if left.len() < before { 0 } else { tries + 1 };
            if tries == MAX_TRIES {
                let resource = self.stream.name.clone();
                return Err(CliError::Transient { call: "PutRecords", resource, reason });
            }
            let longest = LONGEST_WAIT.min(FIRST_WAIT * 2_u32.pow(tries.min(6)));
            tokio::time::sleep(rand::random_range(Duration::ZERO..=longest)).await;
        }
        self.pace().await;
        Ok(())
    }

    /// Sends one request. Returns the records that were throttled, and the reason.
    async fn put(&mut self, records: Vec<Message>) -> Result<(Vec<Message>, String), CliError> {
        let entry = |message: &Message| {
            let entry = PutRecordsRequestEntry::builder().data(Blob::new(&message.data[..]));
            entry.partition_key(&message.partition_key).build().expect("data and key are given")
        };
        let request = self.client.put_records().stream_name(&self.stream.name);
        let answer = request.set_records(Some(records.iter().map(entry).collect())).send().await;
        let answer = match answer.map_err(|error| AwsError::classify("PutRecords", &self.stream.name, error)) {
            Ok(answer) => answer,
            Err(AwsError::Throttled { source, .. }) => return Ok((records, one_line(&source.to_string()))),
            Err(error) => return Err(self.stack.aws.error(error)),
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
        self.report.records += taken;
        self.bar.inc(taken);
        let a_second = per_second(self.report.records, self.begun.elapsed().as_secs_f64());
        self.bar.set_message(format!("{a_second}/s"));
        Ok((left, reason))
    }

    fn note(&mut self, line: &SentLine<'_>) -> Result<(), CliError> {
        let Some(file) = &mut self.sent else { return Ok(()) };
        let written =
            serde_json::to_writer(&mut *file, line).map_err(io::Error::from).and_then(|()| file.write_all(b"\n"));
        written.map_err(|error| self.not_noted(&error))
    }

    fn note_all(&mut self) -> Result<(), CliError> {
        let flushed = self.sent.as_mut().map_or(Ok(()), Write::flush);
        flushed.map_err(|error| self.not_noted(&error))
    }

    fn not_noted(&self, error: &io::Error) -> CliError {
        let path = self.report.sent.clone().unwrap_or_default().display().to_string();
        CliError::File { path, reason: format!("{error}; some sent records are missing in it") }
    }

    /// Waits until the rate allows more records.
    async fn pace(&self) {
        let Some(rate) = self.rate else { return };
        let due = Duration::from_secs_f64(self.report.records as f64 / f64::from(rate));
        tokio::time::sleep(due.saturating_sub(self.begun.elapsed())).await;
    }

    pub(crate) fn finish(self, took: Duration) -> PutReport {
        self.bar.finish_and_clear();
        PutReport { seconds: took.as_secs_f64(), ..self.report }
    }
}
