//! The Lambda `process-events`; the library has its documentation.

use std::process::ExitCode;

use process_events::{Context, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    function_runtime::run_on_batches(Context::try_from_env(), handle).await
}
