//! The records that are sent: a simulation or files, each of which can be read again.

use std::borrow::Cow;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use cli_core::CliError;
use event_stream::Event;
use event_stream::record::MAX_RECORD_BYTES;
use event_stream::simulate::Simulation;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::lines::{InputLine, InputLines};

/// The longest line of a `--sent` file: a record of control characters, six bytes each in JSON, and its metadata.
const MAX_LINE_BYTES: usize = MAX_RECORD_BYTES * 6 + 1024;
const DAY_MS: i64 = 86_400_000;

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Simulation")]
pub(super) struct SimulationArguments {
    /// Simulate N events instead of reading a file; the same options make the same bytes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) simulate: Option<u64>,
    /// Share of events that are sent twice, 0 to 0.5
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, requires = "simulate", value_parser = share)]
    duplicates: f64,
    /// Make created_at jump back and forth
    #[arg(long, requires = "simulate")]
    out_of_order: bool,
    /// Share of additional bad records, 0 to 0.5
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, requires = "simulate", value_parser = share)]
    poison: f64,
    /// Seed of the simulation; another seed makes other events
    #[arg(long, value_name = "SEED", default_value_t = 1, requires = "simulate")]
    seed: u64,
    /// Day of created_at in UTC, not in the future
    #[arg(long, value_name = "YYYY-MM-DD", default_value = "2025-11-21", requires = "simulate", value_parser = day)]
    day: Date,
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "expected a number from 0 to 0.5".to_owned())?;
    if (0.0..=0.5).contains(&share) { Ok(share) } else { Err("expected a number from 0 to 0.5".to_owned()) }
}

fn day(text: &str) -> Result<Date, String> {
    let day: Date = text.parse().map_err(|_| "expected a day like 2025-11-21".to_owned())?;
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    if (Date::constant(2020, 1, 1)..=today).contains(&day) {
        Ok(day)
    } else {
        Err("expected a day from 2020-01-01 to today, as the stream does".to_owned())
    }
}

impl SimulationArguments {
    /// The simulation, with `--simulate`.
    pub(super) fn simulation(&self) -> Option<Simulation> {
        let Self { simulate, duplicates, out_of_order, poison, seed, day } = *self;
        let first = day.to_zoned(TimeZone::UTC).expect("a day since 2020 is a time").timestamp();
        Some(Simulation {
            events: simulate?,
            seed,
            duplicates,
            poison,
            out_of_order,
            first_ms: first.as_millisecond(),
            spread_ms: DAY_MS,
        })
    }

    /// The options that make the same simulation again.
    pub(super) fn options(&self) -> String {
        let Self { simulate, duplicates, out_of_order, poison, seed, day } = self;
        let mut options = format!("--simulate {}", simulate.unwrap_or_default());
        if *duplicates > 0.0 {
            options += &format!(" --duplicates {duplicates}");
        }
        if *out_of_order {
            options += " --out-of-order";
        }
        if *poison > 0.0 {
            options += &format!(" --poison {poison}");
        }
        options + &format!(" --seed {seed} --day {day}")
    }
}

/// A line of a `--sent` file: a record, and its position in the stream.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SentLine<'a> {
    pub(super) shard_id: Cow<'a, str>,
    pub(super) sequence_number: Cow<'a, str>,
    /// In milliseconds since 1970.
    pub(super) sent_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Cow<'a, str>>,
    /// Data that is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data_base64: Option<String>,
}

impl<'a> SentLine<'a> {
    pub(super) fn new(shard_id: &'a str, sequence_number: &'a str, sent_at: i64, data: &'a [u8]) -> Self {
        let (data, data_base64) = match std::str::from_utf8(data) {
            Ok(text) => (Some(text.into()), None),
            Err(_) => (None, Some(STANDARD.encode(data))),
        };
        Self { shard_id: shard_id.into(), sequence_number: sequence_number.into(), sent_at, data, data_base64 }
    }

    fn into_data(self) -> Option<Vec<u8>> {
        match (self.data, self.data_base64) {
            (Some(text), None) => Some(text.into_owned().into_bytes()),
            (None, Some(base64)) => STANDARD.decode(base64).ok(),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub(super) enum SentSource {
    Simulation(Simulation),
    /// Files that `put` wrote with `--sent`, or its input files.
    Files(Vec<PathBuf>),
}

impl SentSource {
    /// Calls `take` with the bytes of each record and its time of sending, in milliseconds since 1970.
    pub(super) fn each(&self, mut take: impl FnMut(Vec<u8>, i64)) -> Result<(), CliError> {
        let now_ms = Timestamp::now().as_millisecond();
        match self {
            Self::Simulation(simulation) => simulation.messages().for_each(|message| take(message.data.into(), now_ms)),
            Self::Files(paths) => {
                for path in paths {
                    let place = path.display().to_string();
                    let unreadable = |reason: String| CliError::Unreadable { path: place.clone(), reason };
                    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
                    let mut lines = InputLines::new(BufReader::new(file), MAX_LINE_BYTES);
                    while let Some(line) = lines.next().map_err(|error| unreadable(error.to_string()))? {
                        let (data, sent_ms) = record(line, now_ms).map_err(unreadable)?;
                        take(data, sent_ms);
                    }
                }
            }
        }
        Ok(())
    }
}

/// The record of a line: the data of a `--sent` line, or the line itself.
fn record(line: InputLine, now_ms: i64) -> Result<(Vec<u8>, i64), String> {
    let InputLine { number, bytes, length } = line;
    if length > MAX_LINE_BYTES {
        return Err(format!("line {number} has {length} bytes, more than any record can have"));
    }
    if !bytes.starts_with(br#"{"shard_id":"#) {
        return Ok((bytes, now_ms));
    }
    let damaged = |reason: &str| format!("line {number} is truncated or changed ({reason})");
    let sent: SentLine<'_> = match serde_json::from_slice(&bytes) {
        Ok(sent) => sent,
        // An event whose first field happens to have this name.
        Err(_) if Event::parse(&bytes, now_ms).is_ok() => return Ok((bytes, now_ms)),
        Err(error) => return Err(damaged(&error.to_string())),
    };
    let sent_ms = sent.sent_at;
    let data = sent.into_data().ok_or_else(|| damaged("its data is unreadable"))?;
    Ok((data, sent_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Vec<(Vec<u8>, bool)>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sent.jsonl");
        std::fs::write(&path, text).unwrap();
        let mut found = Vec::new();
        let source = SentSource::Files(vec![path]);
        source.each(|data, sent_ms| found.push((data, sent_ms == 7))).map_err(|error| error.to_string())?;
        Ok(found)
    }

    #[test]
    fn sent_lines_and_plain_lines_are_read() {
        let mut text = Vec::new();
        for data in [&b"{\"a\":\"\xc3\xbc\"}"[..], b"\xff\x00"] {
            serde_json::to_writer(&mut text, &SentLine::new("shardId-000000000000", "49", 7, data)).unwrap();
            text.push(b'\n');
        }
        text.extend_from_slice(b"\n{\"plain\":1}\nno event");
        let found = read(&text).unwrap();
        let expected: [(&[u8], bool); 4] =
            [(b"{\"a\":\"\xc3\xbc\"}", true), (b"\xff\x00", true), (b"{\"plain\":1}", false), (b"no event", false)];
        assert_eq!(found, expected.map(|(data, sent)| (data.to_vec(), sent)));
    }

    #[test]
    fn unusual_events_and_records_are_read() {
        let event = br#"{"shard_id":"mine","event_uuid":"6f1b4c1e-0000-4000-8000-00000000000a","event_name":"a:b","created_at":1763683200000}"#;
        assert_eq!(read(event).unwrap(), [(event.to_vec(), false)]);
        let data = vec![1; MAX_RECORD_BYTES];
        let line = serde_json::to_vec(&SentLine::new("shardId-000000000000", &"9".repeat(56), 7, &data)).unwrap();
        assert_eq!(read(&line).unwrap(), [(data, true)]);
    }

    #[test]
    fn damaged_or_absent_file_is_named() {
        let cut = read(b"{\"plain\":1}\n{\"shard_id\":\"shardId-000000000000\",\"sequence_nu").unwrap_err();
        assert!(cut.contains("sent.jsonl: line 2 is truncated or changed"), "{cut}");
        let absent = SentSource::Files(vec!["/nonexistent/sent".into()]).each(|_, _| ()).unwrap_err();
        assert_eq!(absent.exit_status(), cli_core::USAGE);
        assert!(absent.to_string().starts_with("/nonexistent/sent: No such file"), "{absent}");
    }

    #[test]
    fn options_repeat_the_simulation() {
        #[derive(clap::Parser)]
        struct TestCommandLine {
            #[command(flatten)]
            simulated: SimulationArguments,
        }
        let parse = |options: &str| {
            use clap::Parser;
            TestCommandLine::try_parse_from(format!("x {options}").split(' ')).map(|line| line.simulated)
        };
        let full = "--simulate 50 --duplicates 0.05 --out-of-order --poison 0.001 --seed 9 --day 2025-02-28";
        assert_eq!(parse(full).unwrap().options(), full);
        let messages = |options: &str| parse(options).unwrap().simulation().unwrap().messages().collect::<Vec<_>>();
        let short = parse("--simulate 50").unwrap().options();
        assert_eq!(messages(&short), messages("--simulate 50"));
        for bad in ["--simulate 0", "--simulate 5 --poison 0.6", "--simulate 5 --day 2019-12-31", "--seed 5"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
