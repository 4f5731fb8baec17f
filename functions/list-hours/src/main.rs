//! The Lambda `list-hours`; the library has its documentation.

use std::process::ExitCode;

use list_hours::{Context, handle};

#[tokio::main]
async fn main() -> ExitCode {
    function_runtime::run(Context::try_from_env(), handle).await
}
