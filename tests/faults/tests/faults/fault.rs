//! The faults and how each AWS service reports one.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::primitives::SdkBody;

/// What happens to the chosen call. The names are those of `tests/e2e/fault_proxy.py`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    CrashBefore,
    CrashAfter,
    /// The crash of [`Fault::CrashBefore`], with the call performed after the hour has run again.
    CrashLate,
    Cut,
    ReplyLost,
    ReplyCut,
    Delayed,
    Unavailable,
    Throttled,
    Repeated,
}

/// The service that a call goes to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Service {
    S3,
    DynamoDb,
    Glue,
}

impl Fault {
    /// All faults that are injected; [`Fault::CrashLate`] is tested together with [`Fault::CrashBefore`].
    pub(crate) const INJECTED: [Self; 9] = [
        Self::CrashBefore,
        Self::CrashAfter,
        Self::Cut,
        Self::ReplyLost,
        Self::ReplyCut,
        Self::Delayed,
        Self::Unavailable,
        Self::Throttled,
        Self::Repeated,
    ];

    pub(crate) fn is_crash(self) -> bool {
        matches!(self, Self::CrashBefore | Self::CrashAfter)
    }

    /// The line of the table of points.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::CrashBefore => "process killed, call not performed",
            Self::CrashAfter => "process killed, call performed",
            Self::CrashLate => "process killed, call performed after the hour has run again",
            Self::Cut => "connection cut, call not performed",
            Self::ReplyLost => "call performed, connection cut",
            Self::ReplyCut => "call performed, connection cut in the middle of the reply",
            Self::Delayed => "call performed, reply later than the client waits",
            Self::Unavailable => "500 or 503, call not performed",
            Self::Throttled => "throttled, call not performed",
            Self::Repeated => "call performed, connection cut, repeated by the client itself",
        }
    }

    /// The error names that a step may end with. `RecordLanded` is the state machine's own call.
    pub(crate) fn allows(self, error: &str, call: &str) -> bool {
        let is_head = call.starts_with("S3 HEAD");
        let completes_upload = call.starts_with("S3 CompleteMultipartUpload");
        match error {
            "RecordLanded" => true,
            "Runtime.ExitError" => self.is_crash(),
            "AwsTimeout" => self == Self::Delayed,
            "AwsThrottled" => self == Self::Throttled,
            // The first attempt of the client took effect, so its second attempt finds a conflict.
            "BookmarkConflict" | "PartitionConflict" => self == Self::Repeated,
            // The reply to HEAD has no body that names the reason; a second completion finds no upload.
            "AwsUnavailable" => match self {
                Self::Throttled => is_head,
                Self::Repeated => completes_upload,
                Self::Cut | Self::ReplyLost | Self::ReplyCut | Self::Unavailable => true,
                _ => false,
            },
            _ => false,
        }
    }
}

/// The HTTP response with which the service refuses a call.
pub(crate) fn refusal(fault: Fault, service: Service, is_head: bool) -> HttpResponse {
    let throttled = fault == Fault::Throttled;
    let (status, content_type, body) = match (service, throttled) {
        (Service::S3, true) => (503, "application/xml", s3_error("SlowDown")),
        (Service::S3, false) => (503, "application/xml", s3_error("ServiceUnavailable")),
        (Service::DynamoDb, true) => {
            (400, "application/x-amz-json-1.0", json_error("ProvisionedThroughputExceededException"))
        }
        (Service::DynamoDb, false) => (500, "application/x-amz-json-1.0", json_error("InternalServerError")),
        (Service::Glue, true) => (400, "application/x-amz-json-1.1", json_error("ThrottlingException")),
        (Service::Glue, false) => (500, "application/x-amz-json-1.1", json_error("InternalServiceException")),
    };
    let body = if is_head { SdkBody::empty() } else { SdkBody::from(body) };
    let mut response = HttpResponse::new(u16::try_into(status).expect("a valid status"), body);
    response.headers_mut().insert("content-type", content_type);
    response
}

fn s3_error(code: &str) -> String {
    format!("<Error><Code>{code}</Code><Message>injected by the test</Message></Error>")
}

fn json_error(code: &str) -> String {
    format!(r#"{{"__type":"{code}","message":"injected by the test"}}"#)
}
