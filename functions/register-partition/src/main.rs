//! The Lambda `register-partition`; the library has its documentation.

use std::process::ExitCode;

use register_partition::{Context, handle};

#[tokio::main]
async fn main() -> ExitCode {
    function_runtime::run(Context::try_from_env(), handle).await
}
