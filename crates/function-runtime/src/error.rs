//! How an error leaves a Lambda.

use std::error::Error;

use lambda_runtime::Diagnostic;

use crate::{InvalidConfiguration, InvalidInput};

/// The longest `errorMessage` in bytes; Step Functions passes it on inside a state's 256 KiB.
const MAX_MESSAGE_BYTES: usize = 8 << 10;

/// An error with a stable name: Lambda's `errorType`, which Retry and Catch of the state machines match.
pub trait ErrorName: Error {
    /// The name, PascalCase. Usually a constant; a failure that is passed on keeps the name it came with.
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

/// What Lambda answers for `error`: its name, and its message with those of all its causes.
pub fn diagnostic(error: &(impl ErrorName + ?Sized)) -> Diagnostic {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // A transparent wrapper says what its cause says.
        if !message.ends_with(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = error.source();
    }
    if message.len() > MAX_MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
    }
    Diagnostic { error_type: error.name().to_owned(), error_message: message }
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
    fn name_and_causes_reach_the_state_machine() {
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
    fn a_long_message_is_cut_between_characters() {
        assert_eq!(diagnostic(&Failure::Long).error_message, "ü".repeat(MAX_MESSAGE_BYTES / 2));
    }
}
