//! The Lambda `load-csv-chunk`; see the library for what it does.

use std::process::ExitCode;

use load_csv_chunk::{Context, handle};

#[tokio::main]
async fn main() -> ExitCode {
    function_runtime::run(Context::try_from_env(), handle).await
}
