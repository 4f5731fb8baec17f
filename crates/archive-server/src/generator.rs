//! Makes hours of GH Archive: gzip files of events in the Events shape of 2015 to now.
//!
//! Promised: the same hour and settings give the same bytes, on every machine; memory does not grow with the number of
//! events; without bad lines asked for, every line is one valid JSON object; without duplicates asked for, no two lines
//! are equal. Shares of types, organisations, bots and repeated repositories are those of real hours.

mod era;
mod event;
mod lines;
mod objects;
mod payload;
mod population;
mod random;
mod share;
mod text;

use std::collections::BTreeMap;
use std::io::{self, Write};

use flate2::{Compression, GzBuilder};
use pipeline::ArchiveHour;
use serde::Serialize;

pub use era::{EventType, Shape};
pub use share::{Share, ShareError};

use event::EventGenerator;
use lines::LineWriter;

/// The archive's crawler closes an hour's file this long after the hour (source: the gzip headers of real files).
pub const SECONDS_UNTIL_PUBLISHED: i64 = 5 * 60 + 3;

/// What an hour is to hold.
#[derive(Clone, Debug, clap::Args)]
pub struct HourSettings {
    /// Events an hour, each different
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub events: u32,
    /// Another seed is another world: other people, repositories and events
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Payloads as the hour's date has them, or as before or after October 2025
    #[arg(long, value_enum, default_value_t)]
    pub shape: Shape,
    /// Lines that repeat an earlier line, as a share of the events
    #[arg(long, value_name = "SHARE", default_value_t)]
    pub duplicates: Share,
    /// Bad records in between, as a share of the events: torn, cut off, with NUL bytes, with invalid UTF-8, no object,
    /// no event
    #[arg(long, value_name = "SHARE", default_value_t)]
    pub bad: Share,
    /// Events that follow another one on the same line, as a share of the events
    #[arg(long, value_name = "SHARE", default_value_t)]
    pub joined: Share,
    /// Blank lines in between, as a share of the events
    #[arg(long, value_name = "SHARE", default_value_t)]
    pub blank: Share,
}

impl Default for HourSettings {
    fn default() -> Self {
        Self {
            events: 10_000,
            seed: 1,
            shape: Shape::Auto,
            duplicates: Share::default(),
            bad: Share::default(),
            joined: Share::default(),
            blank: Share::default(),
        }
    }
}

/// What an hour was made to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GeneratedCounts {
    /// Lines, blank ones included.
    pub lines: u64,
    /// Lines of white space or NUL bytes alone.
    pub blank_lines: u64,
    /// `rows + duplicates + bad_records`.
    pub records: u64,
    /// Different events.
    pub rows: u64,
    /// Lines that repeat an earlier line.
    pub duplicates: u64,
    /// Records that are no event.
    pub bad_records: u64,
    /// Events with an organisation.
    pub with_organisation: u64,
    /// Events by type.
    pub types: BTreeMap<&'static str, u64>,
    /// Length before compression.
    pub uncompressed_bytes: u64,
}

/// Why an hour could not be made.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The hour lies before 2015, where the archive has another record shape.
    #[error("hour {hour}: only hours from 2015-01-01-0 on can be generated")]
    BeforeEventsShape {
        /// The hour.
        hour: ArchiveHour,
    },
    /// The bytes could not be written.
    #[error("hour {hour}: cannot write the file")]
    Write {
        /// The hour.
        hour: ArchiveHour,
        /// What the writer said.
        source: io::Error,
    },
}

/// Writes the gzip file of `hour` to `out`.
pub fn generate(hour: ArchiveHour, settings: &HourSettings, out: impl Write) -> Result<GeneratedCounts, GenerateError> {
    if hour.partition_values()[0].as_str() < "2015" {
        return Err(GenerateError::BeforeEventsShape { hour });
    }
    let published = hour.end().as_second() + SECONDS_UNTIL_PUBLISHED;
    let gzip = GzBuilder::new()
        .filename(format!("{hour}.json"))
        .mtime(published as u32)
        .operating_system(3) // Unix, whatever this machine is
        .write(out, Compression::new(6));
    write_lines(hour, settings, gzip).map_err(|source| GenerateError::Write { hour, source })
}

fn write_lines(
    hour: ArchiveHour,
    settings: &HourSettings,
    gzip: flate2::write::GzEncoder<impl Write>,
) -> io::Result<GeneratedCounts> {
    let mut lines = LineWriter::new(settings, hour, io::BufWriter::with_capacity(128 << 10, gzip));
    let mut events = EventGenerator::new(hour, settings);
    while let Some(event) = events.advance() {
        lines.event(event)?;
    }
    let (summary, writer) = lines.finish()?;
    let gzip = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
    gzip.finish()?.flush()?;
    Ok(summary)
}

#[cfg(test)]
mod tests;
