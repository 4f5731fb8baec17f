//! CPU time of the handler. Arguments: `PAYLOAD ROUNDS`, with the environment of the function. Prints records and CPU seconds as
//! JSON.
//!
//! `bench/events/compare.py` runs it against endpoints that respond immediately, and compares it with a handler in Python.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use process_events::{Context, Input, handle};
use rustix::time::{ClockId, clock_gettime};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (payload, rounds) = (std::fs::read_to_string(&arguments[1]).unwrap(), arguments[2].parse::<u32>().unwrap());
    let context = Context::try_from_env().await.unwrap();
    round(&payload, &context).await; // connections
    let begun = cpu_secs();
    for _ in 0..rounds {
        round(&payload, &context).await;
    }
    let cpu_secs = cpu_secs() - begun;
    let records = serde_json::from_str::<Input>(&payload).unwrap().records.len() * rounds as usize;
    println!("{{\"events\": {records}, \"cpu_secs\": {cpu_secs}}}");
}

/// One invocation as the runtime makes it: text to output, output to text.
async fn round(payload: &str, context: &Context) {
    let output = handle(payload, context).await.unwrap();
    assert!(output.batch_item_failures.is_empty());
    assert!(!serde_json::to_vec(&output).unwrap().is_empty());
}

fn cpu_secs() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
