//! Writes events as lines, with the requested duplicates, bad records, joined records and blank lines.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::mem;

use pipeline::ArchiveHour;

use super::event::GeneratedEvent;
use super::random::{SeededRandom, mix};
use super::settings::{GeneratedCounts, HourSettings};

/// A duplicate repeats one of this many previous lines: the archive's crawler compares a page with the previous page.
const REMEMBERED_LINES: usize = 64;

pub(crate) struct LineWriter<W> {
    out: W,
    /// Separate from the random numbers of the events, so that other lines do not change the events.
    random: SeededRandom,
    settings: HourSettings,
    recent: VecDeque<String>,
    /// The first record of the open line; only if duplicates are requested.
    first_on_line: String,
    records_on_line: u32,
    made_bad: usize,
    made_blank: usize,
    summary: GeneratedCounts,
}

impl<W: Write> LineWriter<W> {
    pub(crate) fn new(settings: &HourSettings, hour: ArchiveHour, out: W) -> Self {
        Self {
            out,
            random: SeededRandom::new(mix(!settings.seed, hour.start().as_second().unsigned_abs())),
            settings: settings.clone(),
            recent: VecDeque::new(),
            first_on_line: String::new(),
            records_on_line: 0,
            made_bad: 0,
            made_blank: 0,
            summary: GeneratedCounts::default(),
        }
    }

    /// Writes an event, and possibly other lines before it.
    pub(crate) fn event(&mut self, event: GeneratedEvent<'_>) -> io::Result<()> {
        if self.records_on_line > 0 && !self.random.chance(self.settings.joined.per_million()) {
            self.close_line()?;
        }
        if self.records_on_line == 0 {
            self.write_other_lines(event.json)?;
            if self.settings.duplicates.per_million() > 0 {
                self.first_on_line.push_str(event.json);
            }
        }
        self.write(event.json.as_bytes())?;
        self.records_on_line += 1;
        self.summary.records += 1;
        self.summary.rows += 1;
        self.summary.with_organisation += u64::from(event.with_organisation);
        *self.summary.types.entry(event.event_type.name()).or_default() += 1;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<(GeneratedCounts, W)> {
        if self.records_on_line > 0 {
            self.close_line()?;
        }
        Ok((self.summary, self.out))
    }

    /// Writes the other lines before the line of `next`.
    fn write_other_lines(&mut self, next: &str) -> io::Result<()> {
        if self.random.chance(self.settings.bad.per_million()) {
            let bad = self.bad_record(next);
            self.write(&bad)?;
            self.summary.records += 1;
            self.summary.bad_records += 1;
            self.close_line()?;
        }
        if self.random.chance(self.settings.blank.per_million()) {
            let blank = BLANKS[self.made_blank % BLANKS.len()];
            self.made_blank += 1;
            self.write(blank)?;
            self.summary.blank_lines += 1;
            self.close_line()?;
        }
        if !self.recent.is_empty() && self.random.chance(self.settings.duplicates.per_million()) {
            let at = self.random.index(self.recent.len());
            let line = self.recent[at].clone();
            self.write(line.as_bytes())?;
            self.summary.records += 1;
            self.summary.duplicates += 1;
            self.close_line()?;
        }
        Ok(())
    }

    /// Returns the kinds in turn. No two records are equal.
    fn bad_record(&mut self, next: &str) -> Vec<u8> {
        let number = self.made_bad;
        self.made_bad += 1;
        match number % 6 {
            0 => torn(next),
            1 => cut_off(next),
            2 => with_bytes(next, &[0; 4][..=number % 4]),
            3 => with_bytes(next, INVALID_UTF8[number / 6 % INVALID_UTF8.len()]),
            4 => not_an_object(number),
            _ => not_an_event(number),
        }
    }

    fn close_line(&mut self) -> io::Result<()> {
        self.write(b"\n")?;
        self.summary.lines += 1;
        let record = mem::take(&mut self.first_on_line);
        // Only lines of one record are repeated: readers differ in how they count a repeated line of several records.
        if self.records_on_line == 1 && !record.is_empty() {
            if self.recent.len() == REMEMBERED_LINES {
                self.recent.pop_front();
            }
            self.recent.push_back(record);
        }
        self.records_on_line = 0;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.summary.uncompressed_bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

/// A second record starts in the middle of the first.
fn torn(record: &str) -> Vec<u8> {
    let at = index_after(record, r#""url":"https://api."#);
    format!("{}{record}", &record[..at]).into_bytes()
}

/// The record ends in the middle of a word.
fn cut_off(record: &str) -> Vec<u8> {
    let at = index_after(record, r#""repo":"#);
    format!("{}nul", &record[..at]).into_bytes()
}

/// Bytes that are not allowed in JSON, in the middle of a string.
fn with_bytes(record: &str, bytes: &[u8]) -> Vec<u8> {
    let at = index_after(record, r#""login":""#);
    [&record.as_bytes()[..at], bytes, &record.as_bytes()[at..]].concat()
}

fn not_an_object(number: usize) -> Vec<u8> {
    match number / 6 % 3 {
        0 => format!(r#"["{number}"]"#),
        1 => format!(r#""{number}""#),
        _ => number.to_string(),
    }
    .into_bytes()
}

fn not_an_event(number: usize) -> Vec<u8> {
    match number / 6 % 2 {
        0 => format!(r#"{{"message":"API rate limit exceeded","request":{number}}}"#),
        _ => format!(r#"{{"index":{{"_index":"gharchive","_id":"{number}"}}}}"#),
    }
    .into_bytes()
}

/// The index after `marker`, or the end of the record.
fn index_after(record: &str, marker: &str) -> usize {
    record.find(marker).map_or(record.len(), |at| at + marker.len())
}

const BLANKS: [&[u8]; 5] = [b"", b"  ", b"\r", b"\t", b"\0\0\0"];

/// An invalid byte, an incomplete sequence, an overlong form, a surrogate.
const INVALID_UTF8: [&[u8]; 4] = [b"\xff", b"\xe2\x82", b"\xc0\xaf", b"\xed\xa0\x80"];
