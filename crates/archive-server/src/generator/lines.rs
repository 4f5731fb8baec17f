//! Puts events on lines, and what was asked for in between: duplicates, bad records, joined records, blank lines.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::mem;

use pipeline::ArchiveHour;

use super::event::GeneratedEvent;
use super::random::{SeededRandom, mix};
use super::{GeneratedCounts, HourSettings};

/// A duplicate repeats one of this many lines before it: the archive's crawler compares a page with the page before.
const REMEMBERED_LINES: usize = 64;

pub(crate) struct LineWriter<W> {
    out: W,
    /// Not the random source of the events: what comes in between does not change them.
    random: SeededRandom,
    settings: HourSettings,
    recent: VecDeque<String>,
    /// The first record of the open line; kept only if there are to be duplicates.
    first_on_line: String,
    records_on_line: u32,
    made_bad: u64,
    made_blank: u64,
    summary: GeneratedCounts,
}

impl<W: Write> LineWriter<W> {
    pub(crate) fn new(settings: &HourSettings, hour: ArchiveHour, out: W) -> Self {
        Self {
            out,
            random: SeededRandom::new(mix(!settings.seed, hour.start().as_second() as u64)),
            settings: settings.clone(),
            recent: VecDeque::new(),
            first_on_line: String::new(),
            records_on_line: 0,
            made_bad: 0,
            made_blank: 0,
            summary: GeneratedCounts::default(),
        }
    }

    /// Writes one event, and perhaps something after it.
    pub(crate) fn event(&mut self, event: GeneratedEvent<'_>) -> io::Result<()> {
        if self.records_on_line > 0 && !self.random.chance(self.settings.joined.per_million()) {
            self.close_line()?;
        }
        if self.records_on_line == 0 {
            self.disturb(event.json)?;
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

    /// Ends the last line.
    pub(crate) fn finish(mut self) -> io::Result<(GeneratedCounts, W)> {
        if self.records_on_line > 0 {
            self.close_line()?;
        }
        Ok((self.summary, self.out))
    }

    /// Whole lines that come before the line of `next`.
    fn disturb(&mut self, next: &str) -> io::Result<()> {
        if self.random.chance(self.settings.bad.per_million()) {
            let bad = self.bad_record(next);
            self.write(&bad)?;
            self.summary.records += 1;
            self.summary.bad_records += 1;
            self.close_line()?;
        }
        if self.random.chance(self.settings.blank.per_million()) {
            let blank = BLANKS[self.made_blank as usize % BLANKS.len()];
            self.made_blank += 1;
            self.write(blank)?;
            self.summary.blank_lines += 1;
            self.close_line()?;
        }
        if !self.recent.is_empty() && self.random.chance(self.settings.duplicates.per_million()) {
            let at = self.random.below(self.recent.len() as u64) as usize;
            let line = self.recent[at].clone();
            self.write(line.as_bytes())?;
            self.summary.records += 1;
            self.summary.duplicates += 1;
            self.close_line()?;
        }
        Ok(())
    }

    /// Each kind in turn; no two are equal.
    fn bad_record(&mut self, next: &str) -> Vec<u8> {
        let number = self.made_bad;
        self.made_bad += 1;
        match number % 6 {
            0 => torn(next),
            1 => cut_off(next),
            2 => with_bytes(next, &[0; 4][..1 + number as usize % 4]),
            3 => with_bytes(next, INVALID_UTF8[number as usize / 6 % INVALID_UTF8.len()]),
            4 => not_an_object(number),
            _ => not_an_event(number),
        }
    }

    fn close_line(&mut self) -> io::Result<()> {
        self.write(b"\n")?;
        self.summary.lines += 1;
        let record = mem::take(&mut self.first_on_line);
        // Only lines of one record are repeated: what a line of several is to a reader is another question.
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

/// A second record began to be written in the middle of the first.
fn torn(record: &str) -> Vec<u8> {
    let at = place_after(record, r#""url":"https://api."#);
    format!("{}{record}", &record[..at]).into_bytes()
}

/// The writer stopped in the middle of a word.
fn cut_off(record: &str) -> Vec<u8> {
    let at = place_after(record, r#""repo":"#);
    format!("{}nul", &record[..at]).into_bytes()
}

/// Bytes that no JSON text may hold, in the middle of a string.
fn with_bytes(record: &str, bytes: &[u8]) -> Vec<u8> {
    let at = place_after(record, r#""login":""#);
    [&record.as_bytes()[..at], bytes, &record.as_bytes()[at..]].concat()
}

fn not_an_object(number: u64) -> Vec<u8> {
    match number / 6 % 3 {
        0 => format!(r#"["{number}"]"#),
        1 => format!(r#""{number}""#),
        _ => number.to_string(),
    }
    .into_bytes()
}

fn not_an_event(number: u64) -> Vec<u8> {
    match number / 6 % 2 {
        0 => format!(r#"{{"message":"API rate limit exceeded","request":{number}}}"#),
        _ => format!(r#"{{"index":{{"_index":"gharchive","_id":"{number}"}}}}"#),
    }
    .into_bytes()
}

/// Every event has the markers asked for; the end of the record serves where one has not.
fn place_after(record: &str, marker: &str) -> usize {
    record.find(marker).map_or(record.len(), |at| at + marker.len())
}

const BLANKS: [&[u8]; 5] = [b"", b"  ", b"\r", b"\t", b"\0\0\0"];

/// A byte that never occurs, a sequence cut short, an overlong form, a surrogate.
const INVALID_UTF8: [&[u8]; 4] = [b"\xff", b"\xe2\x82", b"\xc0\xaf", b"\xed\xa0\x80"];
