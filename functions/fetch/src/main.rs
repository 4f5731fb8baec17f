//! The bootstrap of the Lambda `fetch`.

use fetch::context::Context;
use fetch::handler::handle;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    function_runtime::run(Context::try_from_env(), handle).await
}
