//! Errors as Lambda returns them.

use std::error::Error;

use lambda_runtime::Diagnostic;

use crate::{InvalidConfiguration, InvalidInput};

/// The longest `errorMessage`. Step Functions passes it on inside a state's 256 KiB.
const MAX_MESSAGE_BYTES: usize = 8 << 10;

/// An error with a stable name: Lambda's `errorType`, which Retry and Catch in the state machines match.
pub trait ErrorName: Error {
    /// The name in PascalCase. Usually a constant; an error that is passed on keeps its name.
    fn name(&self) -> &str;
}

impl ErrorName for InvalidInput {
    fn name(&self) -> &'static str {
        "InvalidInput"
    }
}

impl ErrorName for InvalidConfiguration {
    fn name(&self) -> &'static str {
        "InvalidConfiguration"
    }
}

/// The response of a Lambda that failed: the name of the error and its [`error_chain`].
pub fn diagnostic(error: &(impl ErrorName + ?Sized)) -> Diagnostic {
    let mut message = error_chain(error);
    if message.len() > MAX_MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
    }
    Diagnostic { error_type: error.name().to_owned(), error_message: message }
}

/// The message of an error followed by the messages of its causes, separated by `: `.
pub fn error_chain<E: Error + ?Sized>(error: &E) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // A transparent wrapper has the message of its cause.
        if !message.ends_with(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = error.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Failure {
        #[error("putting s3://lake/key failed")]
        Put(#[source] std::io::Error),
        #[error(transparent)]
        Wrapped(std::io::Error),
        #[error("{}", "ü".repeat(MAX_MESSAGE_BYTES))]
        Long,
    }

    impl ErrorName for Failure {
        fn name(&self) -> &'static str {
            "PutFailed"
        }
    }

    #[test]
    fn diagnostic_has_name_and_causes() {
        let cause = || std::io::Error::other("connection reset");
        for (phrase, error, message) in [
            ("a cause", Failure::Put(cause()), "putting s3://lake/key failed: connection reset"),
            ("a transparent wrapper", Failure::Wrapped(cause()), "connection reset"),
        ] {
            let diagnostic = diagnostic(&error);
            assert_eq!(diagnostic.error_message, message, "{phrase}");
            assert_eq!(diagnostic.error_type, "PutFailed", "{phrase}");
        }
    }

    #[test]
    fn diagnostic_long_message_is_cut() {
        assert_eq!(diagnostic(&Failure::Long).error_message, "ü".repeat(MAX_MESSAGE_BYTES / 2));
    }
}
