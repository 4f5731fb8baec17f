//! The Lambda `process-events`; see the library for what it does.

use std::process::ExitCode;

use process_events::{Context, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    function_runtime::run_on_batches(Context::try_from_env(), handle).await
}
