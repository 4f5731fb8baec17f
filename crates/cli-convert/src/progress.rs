//! The progress bar of a run. It appears only on a terminal.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cli_core::format::{count, per_second};
use cli_core::progress::style;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState};

use crate::inputs::{HourInput, InputLocation};

const WITH_END: &str = "{bar:30} {decimal_bytes} of {decimal_total_bytes}, {records}, {eta} left";
const WITHOUT_END: &str = "{spinner} {decimal_bytes}, {records}, {elapsed}";

pub(crate) struct ConvertProgress {
    bar: ProgressBar,
    records: Arc<AtomicU64>,
    /// The length of the only input is known once it is opened.
    announced: bool,
}

impl ConvertProgress {
    /// A bar for these inputs, with a length if all sizes are known.
    pub(crate) fn new(inputs: &[HourInput]) -> Self {
        let sizes = inputs.iter().map(|input| match &input.location {
            InputLocation::File(path) => match path.metadata() {
                Ok(facts) => facts.is_file().then_some(facts.len()),
                // The input will fail before a byte is read.
                Err(_) => Some(0),
            },
            InputLocation::Stdin | InputLocation::Url(_) => None,
        });
        let total: Option<u64> = sizes.sum();
        let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let records = Arc::new(AtomicU64::new(0));
        let progress = Self { bar, records, announced: total.is_none() && inputs.len() == 1 };
        progress.set_style(total.is_some());
        progress.bar.enable_steady_tick(Duration::from_millis(200));
        progress
    }

    fn set_style(&self, with_end: bool) {
        let records = Arc::clone(&self.records);
        let style = style(if with_end { WITH_END } else { WITHOUT_END });
        self.bar.set_style(style.with_key("records", move |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            let records = records.load(Ordering::Relaxed);
            let rate = per_second(records, state.elapsed().as_secs_f64());
            // Writing to a string never fails.
            let _ = write!(text, "{} records, {rate}/s", count(records));
        }));
    }

    /// Counts the bytes that are read from an input of `bytes` bytes.
    pub(crate) fn count<R>(&self, input: R, bytes: Option<u64>) -> CountingReader<R> {
        if let Some(bytes) = bytes.filter(|_| self.announced) {
            self.bar.set_length(bytes);
            self.set_style(true);
        }
        CountingReader { input, bar: self.bar.clone(), count: Count::default() }
    }

    /// Adds converted records.
    pub(crate) fn records(&self, records: u64) {
        self.records.fetch_add(records, Ordering::Relaxed);
    }

    /// Prints a line to standard error, above the bar.
    pub(crate) fn complain(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// Removes the bar permanently, even if other threads still count.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
        self.bar.set_draw_target(ProgressDrawTarget::hidden());
    }
}

/// The number of bytes read so far.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<AtomicU64>);

impl Count {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A reader that moves the bar.
pub(crate) struct CountingReader<R> {
    input: R,
    bar: ProgressBar,
    count: Count,
}

impl<R> CountingReader<R> {
    pub(crate) fn count(&self) -> Count {
        self.count.clone()
    }
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.bar.inc(length as u64);
        self.count.0.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}
