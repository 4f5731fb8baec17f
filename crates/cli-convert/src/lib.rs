//! `ghactivity convert`: converts hours of GH Archive to Parquet without AWS. No dependency of this crate calls AWS.
//!
//! [`inputs`] finds the inputs and their hours, [`source`] opens one, [`text`] inflates it and splits it into the chunks that
//! the planner of the Lambdas would make. [`chunk`] converts a chunk, [`hour`] and [`workers`] do so in one thread or several.
//! [`staging`] holds unfinished files and publishes an hour in one step, [`report`] prints the result.
//!
//! The output depends only on input and options, not on the number of threads or on how the bytes arrive.

mod arguments;
mod chunk;
mod error;
mod hour;
mod http;
mod inputs;
mod join;
mod output_file;
mod progress;
mod report;
mod source;
mod staging;
mod text;
mod usage;
mod workers;

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

pub use arguments::Arguments;

use cli_core::format::error_chain;
use cli_core::interrupt::on_stop;

use arguments::ConvertSettings;
use chunk::RunContext;
use error::FileError;
use hour::ConvertedHour;
use inputs::HourInput;
use progress::ConvertProgress;
use report::{ConvertReport, FileReport};
use staging::Staging;
use usage::ConvertUsageError;

/// Converts the inputs and returns the exit status.
pub fn run(arguments: &Arguments) -> ExitCode {
    match prepare(arguments) {
        Ok((inputs, settings, staging)) => {
            let report = convert_all(inputs, &settings, staging);
            report.print(settings.json);
            ExitCode::from(if report.all_converted() { 0 } else { cli_core::FAILED })
        }
        Err(error) => {
            eprintln!("ghactivity: {}", error_chain(&error));
            ExitCode::from(cli_core::USAGE)
        }
    }
}

/// Finds every usage error before anything is written.
fn prepare(arguments: &Arguments) -> Result<(Vec<HourInput>, ConvertSettings, Arc<Staging>), ConvertUsageError> {
    let settings = arguments.settings();
    let inputs = inputs::resolve(&arguments.inputs, arguments.hour, &arguments.source_url)?;
    let staging = Arc::new(Staging::new(&settings.out)?);
    Ok((inputs, settings, staging))
}

fn convert_all(inputs: Vec<HourInput>, settings: &ConvertSettings, staging: Arc<Staging>) -> ConvertReport {
    let begun = Instant::now();
    let progress = Arc::new(ConvertProgress::new(&inputs));
    let clean_up = {
        let (staging, progress) = (Arc::clone(&staging), Arc::clone(&progress));
        move || {
            // The lock is held until the process ends, so no thread creates or moves a file meanwhile.
            std::mem::forget(staging.clean_up());
            progress.clear();
            eprintln!("ghactivity: stopped; unfinished hours left no files");
        }
    };
    if let Err(error) = on_stop(clean_up) {
        eprintln!("ghactivity: cannot handle Ctrl-C, which will leave temporary files: {error}");
    }
    let converter = RunContext { settings, staging: &staging, progress: &progress };
    let outcomes = convert_each(&inputs, &converter);
    progress.clear();
    // The thread of the signals keeps a reference, so the staging folder is never dropped.
    drop(staging.clean_up());
    let files = inputs.into_iter().zip(outcomes).map(|(input, outcome)| FileReport::new(input, outcome)).collect();
    ConvertReport { files, threads: settings.threads, elapsed: begun.elapsed() }
}

type HourOutcome = Result<ConvertedHour, FileError>;

/// Converts one input for each thread at a time. If there are more threads than inputs, the inputs share the rest.
fn convert_each(inputs: &[HourInput], converter: &RunContext<'_>) -> Vec<HourOutcome> {
    let at_once = inputs.len().min(converter.settings.threads).max(1);
    let threads_each = converter.settings.threads / at_once;
    let next = AtomicUsize::new(0);
    let outcomes: Mutex<Vec<Option<HourOutcome>>> = Mutex::new(inputs.iter().map(|_| None).collect());
    let work = || {
        while let Some((at, input)) = take(inputs, &next) {
            let outcome = converter.convert(input, threads_each);
            if let Err(error) = &outcome {
                converter.progress.complain(&format!("ghactivity: {input}: {}", error_chain(error)));
            }
            outcomes.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(outcome);
        }
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..at_once).map(|_| scope.spawn(work)).collect();
        work();
        others.into_iter().for_each(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
    });
    outcomes.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect()
}

fn take<'a>(inputs: &'a [HourInput], next: &AtomicUsize) -> Option<(usize, &'a HourInput)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    inputs.get(at).map(|input| (at, input))
}
