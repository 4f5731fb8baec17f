//! What a person sees while executions run: bars on a terminal, a line for each hour that ends elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::poll::Followed;
use super::run::Notice;
use super::summary::HourSummary;

const OVERALL: &str = "{bar:24} {pos} of {len} hours, {msg}, {eta} left";
const OVERALL_OPEN: &str = "{spinner} {pos} hours, {msg}";
const HOUR: &str = "  {prefix:14} {bar:20} {pos:>4} of {len} chunks  {msg}";
const HOUR_OPEN: &str = "  {prefix:14} {spinner} {msg}";
/// Lines of running hours at once; more are only counted.
const MOST_LINES: usize = 12;

/// Standard error, as far as progress goes.
#[derive(Clone)]
pub(crate) struct Board {
    bars: MultiProgress,
    overall: Option<ProgressBar>,
    hours: BTreeMap<String, ProgressBar>,
    lines: bool,
}

impl Board {
    /// A board; with a line over all hours if there may be several.
    pub(super) fn new(several: bool) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let overall = several.then(|| {
            let bar = bars.add(ProgressBar::no_length().with_style(style(OVERALL_OPEN)));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { bars, overall, hours: BTreeMap::new(), lines: !std::io::stderr().is_terminal() }
    }

    /// Prints a line above the bars.
    pub(super) fn say(&self, line: &str) {
        self.bars.suspend(|| eprintln!("{line}"));
    }

    pub(super) fn notice(&self, hour: &str, notice: &Notice) {
        let Notice { state, error, message } = notice;
        self.say(&format!("  {hour:14} {state}: {error}: {message}"));
    }

    /// Draws an hour that is running, or says how it ended.
    pub(super) fn hour(&mut self, followed: &Followed, now: f64) {
        if followed.end.is_some() {
            if let Some(bar) = self.hours.remove(&followed.arn) {
                bar.finish_and_clear();
            }
            if self.lines || self.overall.is_some() {
                self.say(&format!("  {}", HourSummary::of(followed, now).line()));
            }
            return;
        }
        if !self.hours.contains_key(&followed.arn) && self.hours.len() == MOST_LINES {
            return;
        }
        let bar = self.hours.entry(followed.arn.clone()).or_insert_with(|| {
            let bar = self.bars.add(ProgressBar::no_length().with_style(style(HOUR_OPEN)));
            bar.set_prefix(followed.hour.clone());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        if let Some(chunks) = followed.run.chunks.filter(|_| bar.length().is_none()) {
            bar.set_length(chunks);
            bar.set_style(style(HOUR));
        }
        bar.set_position(followed.run.chunks_done);
        bar.set_message(state_of(followed));
    }

    /// Draws the line over all hours.
    pub(super) fn overall(&self, named: u64, ended: u64, records: u64, retries: u64, seconds: f64) {
        let Some(bar) = &self.overall else { return };
        if named > 0 && bar.length() != Some(named) {
            bar.set_length(named);
            bar.set_style(style(OVERALL));
        }
        bar.set_position(ended);
        let mut text = rate(records, seconds);
        if retries > 0 {
            text.push_str(&format!(", {} retries", HumanCount(retries)));
        }
        bar.set_message(text);
    }

    /// The bars.
    pub(super) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Takes the bars away.
    pub(super) fn clear(&self) {
        clear(&self.bars);
    }
}

/// Takes bars away for good.
pub(super) fn clear(bars: &MultiProgress) {
    let _ = bars.clear();
    bars.set_draw_target(ProgressDrawTarget::hidden());
}

fn state_of(followed: &Followed) -> String {
    let retries = followed.run.retries();
    let again = if retries > 0 { format!(", {retries} retries") } else { String::new() };
    let records = followed.run.records;
    let records = if records > 0 { format!(", {} records", HumanCount(records)) } else { String::new() };
    let state = if followed.run.state.is_empty() { "begins" } else { &followed.run.state };
    format!("{state}{records}{again}")
}

/// `30,000 records, 12,345/s`.
pub(super) fn rate(records: u64, seconds: f64) -> String {
    let a_second = HumanCount((records as f64 / seconds.max(0.001)) as u64);
    format!("{} records, {a_second}/s", HumanCount(records))
}

pub(super) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
