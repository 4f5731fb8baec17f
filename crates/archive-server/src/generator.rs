//! Generates hours of GH Archive: gzip files of events in the format of 2015 to now.
//!
//! - The same hour and settings give the same bytes on every machine.
//! - Memory does not grow with the number of events.
//! - Unless the settings ask for it, each line is one valid JSON object, and no two lines are equal.
//! - The shares of types, organisations, bots and repeated repositories are those of real hours.

mod era;
mod event;
mod lines;
mod objects;
mod payload;
mod population;
mod random;
mod settings;
mod share;
mod text;

use std::io::{self, Write};

use flate2::{Compression, GzBuilder};
use pipeline::ArchiveHour;

pub use era::{EventType, Shape};
pub use settings::{GeneratedCounts, HourSettings};
pub use share::{Share, ShareError};

use event::EventGenerator;
use lines::LineWriter;

/// The archive's crawler closes the file of an hour this long after its end (source: the gzip headers of real files).
pub const SECONDS_UNTIL_PUBLISHED: i64 = 5 * 60 + 3;

/// The hour cannot be generated.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// Hours before 2015 have another format.
    #[error("hour {hour}: only hours from 2015-01-01-0 on can be generated")]
    BeforeEventsShape { hour: ArchiveHour },
    #[error("hour {hour}: cannot write the file")]
    Write { hour: ArchiveHour, source: io::Error },
}

/// Writes the gzip file of `hour` to `out`.
pub fn generate(hour: ArchiveHour, settings: &HourSettings, out: impl Write) -> Result<GeneratedCounts, GenerateError> {
    if hour.partition_values()[0].as_str() < "2015" {
        return Err(GenerateError::BeforeEventsShape { hour });
    }
    let published = u32::try_from(hour.end().as_second() + SECONDS_UNTIL_PUBLISHED);
    let gzip = GzBuilder::new()
        .filename(format!("{hour}.json"))
        .mtime(published.unwrap_or(u32::MAX))
        .operating_system(3) // Unix, independently of this machine
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
