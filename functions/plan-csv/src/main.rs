//! The Lambda `plan-csv`; see the library for what it does.

use std::process::ExitCode;

use plan_csv::{Context, handle};

#[tokio::main]
async fn main() -> ExitCode {
    function_runtime::run(Context::try_from_env(), handle).await
}
