//! The Lambda `list-hours`; see the library for what it does.

use std::process::ExitCode;

use list_hours::{Context, handle};

#[tokio::main]
async fn main() -> ExitCode {
    function_runtime::run(Context::try_from_env(), handle).await
}
