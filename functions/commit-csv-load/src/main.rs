//! The Lambda `commit-csv-load`; see the library for what it does.

use std::process::ExitCode;

use commit_csv_load::{Context, handle};

#[tokio::main]
async fn main() -> ExitCode {
    function_runtime::run(Context::try_from_env(), handle).await
}
