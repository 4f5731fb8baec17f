//! CPU time of the handler: PAYLOAD ROUNDS, with the function's environment. Prints records and CPU seconds as JSON.
//!
//! `bench/events/compare.py` runs it against endpoints that answer at once, beside a handler in Python.

#![allow(clippy::unwrap_used, reason = "what a measurement cannot go on without ends it")]

use process_events::{Context, Input, handle};
use rustix::time::{ClockId, clock_gettime};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (payload, rounds) = (std::fs::read_to_string(&arguments[1]).unwrap(), arguments[2].parse::<u32>().unwrap());
    let context = Context::try_from_env().await.unwrap();
    round(&payload, &context).await; // connections
    let begun = cpu_secs();
    let mut records = 0;
    for _ in 0..rounds {
        records += round(&payload, &context).await;
    }
    println!("{{\"events\": {records}, \"cpu_secs\": {}}}", cpu_secs() - begun);
}

/// What the runtime does with an invocation: text to input, input to output, output to text.
async fn round(payload: &str, context: &Context) -> usize {
    let input: Input = serde_json::from_str(payload).unwrap();
    let records = input.records.len();
    let output = handle(input, context).await.unwrap();
    assert!(output.batch_item_failures.is_empty());
    assert!(!serde_json::to_vec(&output).unwrap().is_empty());
    records
}

fn cpu_secs() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
