//! The Lambda `prove-hour`; the library has its documentation.

use std::process::ExitCode;

use prove_hour::{Context, handle};

#[tokio::main]
async fn main() -> ExitCode {
    function_runtime::run(Context::try_from_env(), handle).await
}
