//! The event loop of a Lambda.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use tracing::Instrument;

use crate::{ErrorName, InvalidConfiguration, InvalidInput, diagnostic, init_error, input, logs};

/// Runs a function until Lambda stops it: creates the context once, then calls `handler` for every event.
///
/// Every event may have an `execution` in addition to the handler's input. It is a text for the logs and is removed before the
/// input is parsed.
pub async fn run<C, I, O, E>(
    context: impl Future<Output = Result<C, InvalidConfiguration>>,
    handler: impl AsyncFn(I, &C) -> Result<O, E>,
) -> ExitCode
where
    I: DeserializeOwned,
    O: Serialize,
    E: ErrorName,
{
    serve(context, async |event, context: &C| invoke(event, context, &handler).await).await
}

/// Like [`run`], for large events such as stream batches: the handler receives the text of the event, for
/// [`parse_text`](crate::parse_text), and an event has no `execution`.
pub async fn run_on_batches<C, O, E>(
    context: impl Future<Output = Result<C, InvalidConfiguration>>,
    handler: impl AsyncFn(&str, &C) -> Result<O, E>,
) -> ExitCode
where
    O: Serialize,
    E: ErrorName,
{
    serve(context, async |event: LambdaEvent<Box<RawValue>>, context: &C| {
        let span = logs::invocation(&event.context.request_id, None, &Value::Null);
        let result =
            async { Box::pin(handler(event.payload.get(), context)).await.map_err(|error| diagnostic(&error)) };
        log_result(result).instrument(span).await
    })
    .await
}

async fn serve<C, T, O>(
    context: impl Future<Output = Result<C, InvalidConfiguration>>,
    invoke: impl AsyncFn(LambdaEvent<T>, &C) -> Result<O, Diagnostic>,
) -> ExitCode
where
    T: DeserializeOwned,
    O: Serialize,
{
    logs::start();
    let context = match Box::pin(context).await {
        Ok(context) => Arc::new(context),
        Err(error) => return stop_cold_start(&error),
    };
    let invoke = Arc::new(invoke);
    let service = service_fn(move |event: LambdaEvent<T>| {
        let (context, invoke) = (Arc::clone(&context), Arc::clone(&invoke));
        async move { invoke(event, &*context).await }
    });
    match Runtime::new(service).run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the runtime stopped");
            ExitCode::FAILURE
        }
    }
}

async fn invoke<C, I, O, E>(
    event: LambdaEvent<Value>,
    context: &C,
    handler: &impl AsyncFn(I, &C) -> Result<O, E>,
) -> Result<O, Diagnostic>
where
    I: DeserializeOwned,
    O: Serialize,
    E: ErrorName,
{
    let LambdaEvent { payload, context: invocation, .. } = event;
    let (execution, event) = match take_execution(payload) {
        Ok(taken) => taken,
        Err(error) => return Err(diagnostic(&error)),
    };
    let span = logs::invocation(&invocation.request_id, execution.as_deref(), &event);
    let result = async {
        match input::parse(event) {
            // Boxed, because the layout of a future that contains the SDK's futures is too deep for the compiler.
            Ok(input) => Box::pin(handler(input, context)).await.map_err(|error| diagnostic(&error)),
            Err(error) => Err(diagnostic(&error)),
        }
    };
    log_result(result).instrument(span).await
}

/// Logs the result of an invocation.
async fn log_result<O>(result: impl Future<Output = Result<O, Diagnostic>>) -> Result<O, Diagnostic> {
    let begin = Instant::now();
    let result = result.await;
    let milliseconds = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    match &result {
        Ok(_) => tracing::info!(milliseconds, "done"),
        Err(Diagnostic { error_type, error_message }) => {
            tracing::error!(milliseconds, error_type, error_message, "failed");
        }
    }
    result
}

/// Removes the name of the execution from an event. Without one, it is the last part of the input's `execution_arn`.
fn take_execution(mut event: Value) -> Result<(Option<String>, Value), InvalidInput> {
    let taken = event.as_object_mut().and_then(|fields| fields.remove("execution"));
    let execution = match taken {
        Some(Value::String(execution)) => Some(execution),
        Some(_) => return Err(InvalidInput::new("execution", "expected a string")),
        None => {
            event.get("execution_arn").and_then(Value::as_str).and_then(|arn| arn.rsplit(':').next()).map(str::to_owned)
        }
    };
    Ok((execution, event))
}

fn stop_cold_start(error: &InvalidConfiguration) -> ExitCode {
    let diagnostic = diagnostic(error);
    tracing::error!(error_type = diagnostic.error_type, error_message = diagnostic.error_message, "cold start failed");
    if let Ok(address) = std::env::var("AWS_LAMBDA_RUNTIME_API")
        && let Err(error) = init_error::report(&address, &diagnostic)
    {
        tracing::error!(%error, "cold start failure not reported to {address}");
    }
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use lambda_runtime::Context;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Input {
        chunk: u32,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("chunk {0} does not match")]
    struct Mismatch(u32, #[source] std::io::Error);

    impl ErrorName for Mismatch {
        fn name(&self) -> &'static str {
            "ChunkMismatch"
        }
    }

    async fn handle(input: Input, limit: &u32) -> Result<u32, Mismatch> {
        if input.chunk > *limit {
            return Err(Mismatch(input.chunk, std::io::Error::other("xxh3 differs")));
        }
        Ok(input.chunk + 1)
    }

    async fn invoked(event: Value) -> Result<u32, Diagnostic> {
        invoke(LambdaEvent::new(event, Context::default()), &5, &handle).await
    }

    #[tokio::test]
    async fn handler_result_is_returned() {
        assert_eq!(invoked(json!({"chunk": 3})).await, Ok(4));
        assert_eq!(invoked(json!({"chunk": 3, "execution": "manual-1"})).await, Ok(4), "execution is removed");
    }

    #[test]
    fn execution_name_comes_from_input_or_arn() {
        let arn = "arn:aws:states:us-east-1:123456789012:execution:process-hour:manual-1";
        for (phrase, event, name) in [
            ("given", json!({"execution": "manual-1", "execution_arn": "arn:x"}), Some("manual-1")),
            ("from the ARN", json!({"execution_arn": arn}), Some("manual-1")),
            ("not at all", json!({"chunk": 1}), None),
        ] {
            assert_eq!(take_execution(event).unwrap().0.as_deref(), name, "{phrase}");
        }
    }

    #[tokio::test]
    async fn handler_error_returns_its_name() {
        for (phrase, event, name, message) in [
            ("the handler's own error", json!({"chunk": 9}), "ChunkMismatch", "chunk 9 does not match: xxh3 differs"),
            (
                "an input that does not parse",
                json!({"chunk": "3"}),
                "InvalidInput",
                "invalid input: invalid type: string \"3\", expected u32 (field `chunk`)",
            ),
            (
                "an execution that is not a string",
                json!({"chunk": 3, "execution": 1}),
                "InvalidInput",
                "invalid input: expected a string (field `execution`)",
            ),
        ] {
            let Diagnostic { error_type, error_message } = invoked(event).await.unwrap_err();
            assert_eq!((error_type.as_str(), error_message.as_str()), (name, message), "{phrase}");
        }
    }
}
