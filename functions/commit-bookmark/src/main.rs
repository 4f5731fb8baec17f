//! The Lambda `commit-bookmark`; the library has its documentation.

use std::process::ExitCode;

use commit_bookmark::{Context, handle};

#[tokio::main]
async fn main() -> ExitCode {
    function_runtime::run(Context::try_from_env(), handle).await
}
