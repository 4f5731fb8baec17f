//! The Lambda `export-ledger`; the library has its documentation.

use std::process::ExitCode;

use export_ledger::{Context, handle};

#[tokio::main]
async fn main() -> ExitCode {
    function_runtime::run(Context::try_from_env(), handle).await
}
