//! The common part of all Lambdas: input parsing, error names, configuration, logs, metrics and clock.
//!
//! - An event is parsed completely before the handler runs. An invalid one returns `InvalidInput` with the field.
//! - An error returns its stable name as Lambda's `errorType`, which the state machines match, and its chain of causes as
//!   `errorMessage`.
//! - An invalid environment variable fails the cold start with `InvalidConfiguration` and the variable's name.
//! - Every log line is JSON and has the request, the execution, the hour and the chunk.
//!
//! The `main.rs` of a function calls [`run()`] with its context and its handler:
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

mod clock;
mod env;
mod error;
mod init_error;
mod input;
mod logs;
mod metrics;
mod run;

pub use clock::Clock;
pub use env::{Env, InvalidConfiguration};
pub use error::{ErrorName, diagnostic, error_chain};
pub use input::{InvalidInput, parse, parse_text};
pub use lambda_runtime::Diagnostic;
pub use metrics::{Metrics, Unit};
pub use run::{run, run_on_batches};
