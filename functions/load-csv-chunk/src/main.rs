//! The Lambda `load-csv-chunk`; the library has its documentation.

use std::process::ExitCode;

use load_csv_chunk::{Context, handle};

#[tokio::main]
async fn main() -> ExitCode {
    function_runtime::run(Context::try_from_env(), handle).await
}
