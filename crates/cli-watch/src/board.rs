//! What standard error shows while executions run: bars on a terminal, elsewhere a line for each hour that ends.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use cli_core::format::{count, per_second};
use cli_core::progress::{bars, clear, open_bar, style};
use indicatif::{MultiProgress, ProgressBar};

use crate::poll::FollowedExecution;
use crate::progress::TaskFailure;
use crate::summary::HourReport;

const OVERALL: &str = "{bar:24} {pos} of {len} hours, {msg}, {eta} left";
const OVERALL_OPEN: &str = "{spinner} {pos} hours, {msg}";
const HOUR: &str = "  {prefix:14} {bar:20} {pos:>4} of {len} chunks  {msg}";
const HOUR_OPEN: &str = "  {prefix:14} {spinner} {msg}";
/// The most running hours with a line; further hours are only counted.
const MAX_HOUR_LINES: usize = 12;

/// The bars of an execution and of the hours that it started.
pub(crate) struct Board {
    bars: MultiProgress,
    overall: Option<ProgressBar>,
    hours: BTreeMap<String, ProgressBar>,
    lines: bool,
}

/// Sums over the hours of an execution.
pub(crate) struct BoardTotals {
    /// Hours that the execution has named so far.
    pub(crate) named: u64,
    pub(crate) ended: u64,
    pub(crate) records: u64,
    pub(crate) retries: u64,
    pub(crate) seconds: f64,
}

impl Board {
    /// A board; `several` adds a line over all hours.
    pub(crate) fn new(several: bool) -> Self {
        let bars = bars();
        let overall = several.then(|| bars.add(open_bar(OVERALL_OPEN)));
        Self { bars, overall, hours: BTreeMap::new(), lines: !std::io::stderr().is_terminal() }
    }

    /// Prints a line above the bars.
    pub(crate) fn say(&self, line: &str) {
        self.bars.suspend(|| eprintln!("{line}"));
    }

    pub(crate) fn failure(&self, hour: &str, failure: &TaskFailure) {
        let TaskFailure { state, error, message } = failure;
        self.say(&format!("  {hour:14} {state}: {error}: {message}"));
    }

    /// Draws a running hour, or prints how it ended.
    pub(crate) fn hour(&mut self, followed: &FollowedExecution, now: f64) {
        if followed.end.is_some() {
            if let Some(bar) = self.hours.remove(&followed.arn) {
                bar.finish_and_clear();
            }
            if self.lines || self.overall.is_some() {
                self.say(&format!("  {}", HourReport::of(followed, now).line()));
            }
            return;
        }
        if !self.hours.contains_key(&followed.arn) && self.hours.len() == MAX_HOUR_LINES {
            return;
        }
        let bar = self.hours.entry(followed.arn.clone()).or_insert_with(|| {
            let bar = self.bars.add(open_bar(HOUR_OPEN));
            bar.set_prefix(followed.hour.clone());
            bar
        });
        if let Some(chunks) = followed.progress.chunks.filter(|_| bar.length().is_none()) {
            bar.set_length(chunks);
            bar.set_style(style(HOUR));
        }
        bar.set_position(followed.progress.chunks_done);
        bar.set_message(state_of(followed));
    }

    /// Draws the line over all hours.
    pub(crate) fn overall(&self, totals: &BoardTotals) {
        let Some(bar) = &self.overall else { return };
        if totals.named > 0 && bar.length() != Some(totals.named) {
            bar.set_length(totals.named);
            bar.set_style(style(OVERALL));
        }
        bar.set_position(totals.ended);
        let mut text = rate(totals.records, totals.seconds);
        if totals.retries > 0 {
            text += &format!(", {} retries", count(totals.retries));
        }
        bar.set_message(text);
    }

    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Removes the bars.
    pub(crate) fn clear(&self) {
        clear(&self.bars);
    }
}

fn state_of(followed: &FollowedExecution) -> String {
    let progress = &followed.progress;
    let mut text = if progress.state.is_empty() { "begins".to_owned() } else { progress.state.clone() };
    if progress.records > 0 {
        text += &format!(", {} records", count(progress.records));
    }
    if progress.retries() > 0 {
        text += &format!(", {} retries", progress.retries());
    }
    text
}

/// `30,000 records, 12,345/s`.
fn rate(records: u64, seconds: f64) -> String {
    format!("{} records, {}/s", count(records), per_second(records, seconds))
}
