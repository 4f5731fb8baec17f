//! `ghactivity events put`: puts records into the stream.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Instant;

use bytes::Bytes;
use clap::Args;
use cli_core::format::{count, per_second, plural};
use cli_core::{CliError, output};
use cli_stack::StackArguments;
use event_stream::record::MAX_RECORD_BYTES;
use event_stream::simulate::Message;
use event_stream::{Event, EventRejectReason};
use jiff::Timestamp;

use crate::lines::{InputLine, InputLines};
use crate::putter::{PutReport, Putter};
use crate::sent::SimulationArguments;

/// Most bad lines that are listed.
const MAX_NAMED: u64 = 10;

#[derive(Args)]
#[command(after_help = AFTER_HELP, group = clap::ArgGroup::new("what").required(true).args(["file", "simulate"]))]
pub(super) struct Arguments {
    /// JSON lines, one event per line; - for standard input
    file: Option<PathBuf>,
    /// Write each stored record to this new file, with its shard and sequence number
    #[arg(long, value_name = "FILE")]
    sent: Option<PathBuf>,
    /// Send lines that are not events too, unchanged; they are written to the quarantine
    #[arg(long, conflicts_with = "simulate")]
    as_is: bool,
    /// Send at most N records a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    simulated: SimulationArguments,
    #[command(flatten)]
    stack: StackArguments,
}

const AFTER_HELP: &str = "\
Puts events into the event stream. An event is a JSON object with event_uuid (a UUID), event_name (type:subtype) and created_at
(milliseconds since 1970); other fields are kept. Lines that are not events are listed and not sent. Throttled records are
retried. Ctrl-C stops between two requests, so the file of --sent has exactly the records that were sent.

Examples:
  ghactivity events put events.jsonl
  ghactivity events put events.jsonl --sent sent.jsonl --rate 500
  zcat events.jsonl.gz | ghactivity events put - --sent sent.jsonl
  ghactivity events put --simulate 1000
  ghactivity events put --simulate 200000 --duplicates 0.05 --out-of-order --poison 0.001 --seed 7

Exit status:
  0        all records were sent
  1        usage error, or a file cannot be read or created; nothing was sent
  2        some records were not sent; they are named
  130, 143 stopped by a signal";

impl Arguments {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let simulation = self.simulated.simulation();
        let input = match &self.file {
            Some(path) => Some(open(path)?),
            None => None,
        };
        let stack = self.stack.find().await?;
        let stream = stack.event_stream()?;
        let mut putter = Putter::new(&stack, &stream, self.sent.as_deref(), self.rate)?;
        let begun = Instant::now();
        match (input, simulation) {
            (Some(input), _) => self.put_lines(&mut putter, InputLines::new(input, MAX_RECORD_BYTES)).await?,
            (None, Some(simulation)) => {
                putter.expect(simulation.messages().count() as u64);
                for message in simulation.messages() {
                    putter.add(message).await?;
                }
            }
            (None, None) => unreachable!("the command line names one of them"),
        }
        putter.send().await?;
        let report = putter.finish(begun.elapsed());
        if self.json {
            output::json(&report);
        } else {
            output::text(&self.text(&report));
        }
        if report.skipped == 0 {
            return Ok(());
        }
        let path = self.file.unwrap_or_default().display().to_string();
        Err(CliError::BadLines { path, lines: plural(report.skipped, "line") })
    }

    /// Puts the lines that are events, and with `--as-is` all others too.
    async fn put_lines(
        &self,
        putter: &mut Putter<'_>,
        mut lines: InputLines<Box<dyn BufRead>>,
    ) -> Result<(), CliError> {
        loop {
            let broken =
                |error: io::Error| CliError::Unreadable { path: "the input".to_owned(), reason: error.to_string() };
            let Some(line) = lines.next().map_err(broken)? else { return Ok(()) };
            match message(line, self.as_is, Timestamp::now().as_millisecond()) {
                Ok(message) => putter.add(message).await?,
                Err((number, poison)) => {
                    putter.report.skipped += 1;
                    if putter.report.skipped <= MAX_NAMED {
                        putter.say(&format!("line {number}: {}: {poison}", poison.name()));
                    } else if putter.report.skipped == MAX_NAMED + 1 {
                        putter.say("further lines that are not events are only counted");
                    }
                }
            }
        }
    }

    fn text(&self, report: &PutReport) -> String {
        let PutReport { stream, records, resent, seconds, .. } = report;
        let a_second = per_second(*records, *seconds);
        let mut text = format!("{} records put into {stream} in {seconds:.1} s, {a_second}/s", count(*records));
        if *resent > 0 {
            text += &format!("; {} throttled and sent again", count(*resent));
        }
        let what = match (&report.sent, &self.file) {
            (Some(sent), _) => sent.display().to_string(),
            (None, None) => self.simulated.options(),
            (None, Some(_)) => return text + "\n",
        };
        text + &format!("\nto verify them: ghactivity events verify {what}\n")
    }
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, CliError> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let unreadable =
        |error: io::Error| CliError::Unreadable { path: path.display().to_string(), reason: error.to_string() };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(unreadable(io::ErrorKind::IsADirectory.into()));
    }
    Ok(Box::new(BufReader::new(file)))
}

/// The record of a line, or the line number and why it is not an event.
fn message(line: InputLine, as_is: bool, now_ms: i64) -> Result<Message, (u64, EventRejectReason)> {
    let InputLine { number, bytes, length } = line;
    // The UUID as partition key keeps the records of one event in order.
    let (partition_key, poison) = match Event::parse(&bytes, now_ms) {
        Ok(event) => (event.uuid, None),
        Err(poison) => (format!("line-{number}"), Some(poison)),
    };
    // Kinesis counts the partition key towards the record limit.
    if length + partition_key.len() > MAX_RECORD_BYTES {
        return Err((number, EventRejectReason::TooLarge(length)));
    }
    match poison.filter(|_| !as_is) {
        Some(poison) => Err((number, poison)),
        None => Ok(Message { partition_key, data: Bytes::from(bytes) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_763_683_200_000;
    const GOOD: &str =
        r#"{"event_uuid":"6F1B4C1E-0000-4000-8000-00000000000a","event_name":"a:b","created_at":1763683200000}"#;

    fn line(bytes: &[u8]) -> InputLine {
        InputLine { number: 3, bytes: bytes.to_vec(), length: bytes.len() }
    }

    #[test]
    fn event_is_sent_under_its_uuid() {
        let sent = message(line(GOOD.as_bytes()), false, NOW_MS).unwrap();
        assert_eq!((&*sent.partition_key, &*sent.data), ("6f1b4c1e-0000-4000-8000-00000000000a", GOOD.as_bytes()));
    }

    #[test]
    fn invalid_line_is_sent_only_as_is() {
        let (number, poison) = message(line(b"no event"), false, NOW_MS).unwrap_err();
        assert_eq!((number, poison.name()), (3, "not_json"));
        let sent = message(line(b"no event"), true, NOW_MS).unwrap();
        assert_eq!((&*sent.partition_key, &*sent.data), ("line-3", &b"no event"[..]));
    }

    #[test]
    fn too_large_record_is_never_sent() {
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
