//! Logs: one JSON object per line on standard output, which Lambda sends to CloudWatch.

use serde_json::Value;
use tracing::Span;
use tracing::field::Empty;
use tracing_subscriber::EnvFilter;

/// The environment variables that set the level. The first one that is set is used; the default is `info`.
const LEVEL_VARIABLES: [&str; 2] = ["RUST_LOG", "AWS_LAMBDA_LOG_LEVEL"];

/// The runtime logs a failed handler too, but without the fields of the invocation.
const REPEATS_OUR_LINES: &str = "lambda_runtime::layers::panic=off";

/// Starts logging for this process, including panics. A second call changes nothing.
pub(crate) fn start() {
    let level = LEVEL_VARIABLES.iter().find_map(|name| std::env::var(name).ok()).unwrap_or_else(|| "info".to_owned());
    let filter = EnvFilter::builder().parse_lossy(format!("{level},{REPEATS_OUR_LINES}"));
    let lines = tracing_subscriber::fmt().json().flatten_event(true).with_current_span(true).with_span_list(false);
    // Fails only if logging was started before.
    if lines.with_target(false).with_env_filter(filter).try_init().is_ok() {
        std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panicked")));
    }
}

/// The span of one invocation. Every log line has its fields.
pub(crate) fn invocation(request_id: &str, execution: Option<&str>, event: &Value) -> Span {
    let span = tracing::info_span!("invocation", request_id, execution = Empty, hour = Empty, chunk = Empty);
    if let Some(execution) = execution {
        span.record("execution", execution);
    }
    if let Some(hour) = event.get("hour").and_then(Value::as_str) {
        span.record("hour", hour);
    }
    if let Some(chunk) = event.get("chunk").and_then(Value::as_u64) {
        span.record("chunk", chunk);
    }
    span
}
