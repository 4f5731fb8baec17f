//! The Lambda `commit-csv-load`; the library has its documentation.

use std::process::ExitCode;

use commit_csv_load::{Context, handle};

#[tokio::main]
async fn main() -> ExitCode {
    function_runtime::run(Context::try_from_env(), handle).await
}
