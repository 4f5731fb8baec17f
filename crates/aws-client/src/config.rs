//! Clients, configured from the environment.
//!
//! The SDK reads region, credentials, `AWS_ENDPOINT_URL` and `AWS_MAX_ATTEMPTS`. This crate adds `AWS_READ_TIMEOUT_MS`:
//! how long a call waits for the first byte of its response, in milliseconds (default 30,000).

use std::time::Duration;

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

/// The environment variable that names an endpoint other than AWS, for example a local AWS.
pub const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL";

const READ_TIMEOUT_VARIABLE: &str = "AWS_READ_TIMEOUT_MS";

/// Loads the configuration that all clients share.
///
/// The SDK makes up to `AWS_MAX_ATTEMPTS` attempts of a call (default 3).
///
/// # Panics
/// If `AWS_READ_TIMEOUT_MS` is not a positive integer. The SDK panics if `AWS_MAX_ATTEMPTS` is not one.
pub async fn load() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts()).load().await
}

/// With an endpoint other than AWS, the client uses path-style addresses.
pub fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    let path_style = config.endpoint_url().is_some() || std::env::var_os(ENDPOINT_VARIABLE).is_some();
    let config = aws_sdk_s3::config::Builder::from(config).force_path_style(path_style).build();
    aws_sdk_s3::Client::from_conf(config)
}

/// Stalled-stream protection is off: DynamoDB bodies are short, and the timeouts cover a stalled one.
pub fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let protection = StalledStreamProtectionConfig::disabled();
    let config = aws_sdk_dynamodb::config::Builder::from(config).stalled_stream_protection(protection).build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

/// Timeouts far above the time of a healthy call and far below a function's own timeout.
///
/// The read timeout ends with the first byte of the response, so it includes sending a part of an upload. The SDK's
/// stalled-stream protection covers the rest of a long body.
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
        _ => panic!(
            "environment variable {READ_TIMEOUT_VARIABLE} is '{text}': expected a positive number of milliseconds"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_timeout_accepts_positive_milliseconds_only() {
        assert_eq!(milliseconds("250"), Duration::from_millis(250));
        for text in ["", "0", "-1", "1s"] {
            let refused = std::panic::catch_unwind(|| milliseconds(text)).unwrap_err();
            let message = refused.downcast_ref::<String>().unwrap();
            assert!(message.contains("AWS_READ_TIMEOUT_MS") && message.contains(text), "{message}");
        }
    }
}
