//! The bootstrap of the Lambda `convert-chunk`.

use convert_chunk::context::Context;
use convert_chunk::handler::handle;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    function_runtime::run(Context::try_from_env(), handle).await
}
