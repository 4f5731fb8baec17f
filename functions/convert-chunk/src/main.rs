//! The Lambda `convert-chunk`; the library has its documentation.

use std::process::ExitCode;

use convert_chunk::{Context, handle};

#[tokio::main]
async fn main() -> ExitCode {
    function_runtime::run(Context::try_from_env(), handle).await
}
