//! Clients, set up from the environment.
//!
//! Region, credentials, `AWS_ENDPOINT_URL` and the number of attempts are read as the SDK reads them. Another variable is
//! ours, for functions of little time and for tests: `AWS_READ_TIMEOUT_MS`, how long a call waits until its answer begins
//! (30,000).

use std::time::Duration;

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

/// The environment variable that names another endpoint than AWS, for example a local AWS.
pub const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL";

const READ_TIMEOUT_VARIABLE: &str = "AWS_READ_TIMEOUT_MS";

/// Reads the configuration that all clients share.
///
/// The SDK retries a call (three attempts unless `AWS_MAX_ATTEMPTS` says otherwise); the state machine retries a task.
///
/// # Panics
/// If `AWS_READ_TIMEOUT_MS` is no number from 1 on; as the SDK does if `AWS_MAX_ATTEMPTS` is none.
pub async fn load() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts()).load().await
}

/// A client for S3; its addresses are of the path style if another endpoint is named.
pub fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    let path_style = config.endpoint_url().is_some() || std::env::var_os(ENDPOINT_VARIABLE).is_some();
    let config = aws_sdk_s3::config::Builder::from(config).force_path_style(path_style).build();
    aws_sdk_s3::Client::from_conf(config)
}

/// A client for DynamoDB. Its bodies are short, so that the time limits are all that a stalled one needs.
pub fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let unwatched = StalledStreamProtectionConfig::disabled();
    let config = aws_sdk_dynamodb::config::Builder::from(config).stalled_stream_protection(unwatched).build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

/// Well above what a healthy call takes, well below a function's own timeout.
///
/// Reading means: until the answer begins, so it includes sending a part of an upload. What comes after that is watched
/// by the SDK's stalled stream protection, where bodies may be long.
pub fn timeouts() -> TimeoutConfig {
    let read_timeout = std::env::var(READ_TIMEOUT_VARIABLE).ok();
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .read_timeout(milliseconds(read_timeout.as_deref().unwrap_or("30000")))
        .operation_attempt_timeout(Duration::from_secs(45))
        .operation_timeout(Duration::from_secs(150))
        .build()
}

fn milliseconds(text: &str) -> Duration {
    match text.parse() {
        Ok(milliseconds @ 1..) => Duration::from_millis(milliseconds),
        _ => panic!("environment variable {READ_TIMEOUT_VARIABLE} is '{text}': expected milliseconds, 1 or more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_a_number_of_milliseconds() {
        assert_eq!(milliseconds("250"), Duration::from_millis(250));
        for text in ["", "0", "-1", "1s"] {
            let refused = std::panic::catch_unwind(|| milliseconds(text)).unwrap_err();
            let message = refused.downcast_ref::<String>().unwrap();
            assert!(message.contains("AWS_READ_TIMEOUT_MS") && message.contains(text), "{message}");
        }
    }
}
