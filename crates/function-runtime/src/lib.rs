//! What every Lambda of the pipeline does the same way.
//!
//! Promise: an event is parsed in full before a handler sees it, and what does not parse is `InvalidInput` naming the
//! field; a failure leaves as Lambda's `errorType` with the name that the state machines match, and as `errorMessage`
//! with the whole chain of causes; a bad environment variable stops the cold start as `InvalidConfiguration` with its
//! name; every log line is JSON and carries request, execution, hour and chunk.
//!
//! A function's `main.rs` is [`run`] with its context and its handler:
//!
//! ```no_run
//! # struct Context;
//! # #[derive(Debug, thiserror::Error)] #[error("no")] struct Error;
//! # impl function_runtime::ErrorName for Error { fn name(&self) -> &'static str { "Nothing" } }
//! # impl Context { async fn try_from_env() -> Result<Self, function_runtime::InvalidConfiguration> { Ok(Self) } }
//! async fn handle(input: serde_json::Value, context: &Context) -> Result<(), Error> {
//!     Ok(())
//! }
//!
//! #[tokio::main]
//! async fn main() -> std::process::ExitCode {
//!     function_runtime::run(Context::try_from_env(), handle).await
//! }
//! ```

mod env;
mod error;
mod init_error;
mod input;
mod logs;
mod metrics;
mod run;

pub use env::{Env, InvalidConfiguration};
pub use error::{ErrorName, diagnostic};
pub use input::{InvalidInput, parse, parse_text};
pub use lambda_runtime::Diagnostic;
pub use metrics::{Metrics, Unit};
pub use run::{run, run_on_batches};
