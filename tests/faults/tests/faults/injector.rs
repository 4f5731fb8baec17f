//! A connector between the SDK clients and the fakes: it numbers all calls and lets the chosen one meet its fault.

use std::sync::{Arc, Mutex, MutexGuard};

use aws_sdk_s3::config::http::{HttpRequest, HttpResponse};
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::result::ConnectorError;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::sync::Notify;

use crate::fault::{Fault, Service, refusal};

/// The calls of all three services, in one count. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Injector {
    state: Arc<Mutex<State>>,
    crash: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<String>,
    armed: Option<(usize, Fault)>,
    struck: Option<String>,
    /// Set by a crash: later calls of the killed process reach no service.
    crashed: bool,
    withheld: Option<(SharedHttpConnector, HttpRequest)>,
}

impl Injector {
    /// Lets call number `call`, counted from 0, meet the fault.
    pub(crate) fn arm(&self, call: usize, fault: Fault) {
        *self.state() = State { armed: Some((call, fault)), ..State::default() };
    }

    /// Lets every call pass from now on. A withheld call is kept.
    pub(crate) fn disarm(&self) {
        let mut state = self.state();
        (state.calls, state.armed, state.crashed) = (Vec::new(), None, false);
    }

    /// The calls since the injector was armed or disarmed.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    /// The call that met the fault. Calls that run at the same time come in any order.
    pub(crate) fn struck(&self) -> Option<String> {
        self.state().struck.clone()
    }

    /// Returns once a fault has killed the process.
    pub(crate) async fn crashed(&self) {
        self.crash.notified().await;
    }

    /// Performs the call that [`Fault::CrashBefore`] withheld.
    pub(crate) async fn deliver_late(&self) {
        let withheld = self.state().withheld.take();
        let (service, request) = withheld.expect("a crash withheld a call");
        service.call(request).await.expect("a fake replies to every call");
    }

    /// A connector to `fake` whose calls are numbered here.
    pub(crate) fn connector(&self, service: Service, fake: SharedHttpConnector) -> SharedHttpConnector {
        SharedHttpConnector::new(FaultyConnector { service, fake, injector: self.clone() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no call panics")
    }

    /// Counts a call. Returns the fault that it meets.
    fn count(&self, call: String) -> Option<Fault> {
        let mut state = self.state();
        let fault = state.armed.filter(|(number, _)| *number == state.calls.len()).map(|(_, fault)| fault);
        if fault.is_some() {
            state.struck = Some(call.clone());
        }
        state.calls.push(call);
        fault
    }

    async fn kill(&self) -> ! {
        self.state().crashed = true;
        self.crash.notify_one();
        std::future::pending().await
    }
}

#[derive(Clone, Debug)]
struct FaultyConnector {
    service: Service,
    fake: SharedHttpConnector,
    injector: Injector,
}

impl HttpConnector for FaultyConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            if this.injector.state().crashed {
                std::future::pending::<()>().await;
            }
            match this.injector.count(call_name(this.service, &request)) {
                Some(fault) => this.fail(fault, request).await,
                None => this.fake.call(request).await,
            }
        })
    }
}

impl FaultyConnector {
    async fn fail(&self, fault: Fault, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let is_head = request.method() == "HEAD";
        match fault {
            Fault::CrashBefore | Fault::CrashLate => {
                self.injector.state().withheld = Some((self.fake.clone(), request));
                self.injector.kill().await
            }
            Fault::CrashAfter => {
                self.fake.call(request).await?;
                self.injector.kill().await
            }
            Fault::Cut => Err(cut()),
            Fault::ReplyLost | Fault::Repeated => {
                self.fake.call(request).await?;
                Err(cut())
            }
            Fault::ReplyCut => cut_in_the_middle(self.fake.call(request).await?, is_head),
            Fault::Delayed => {
                self.fake.call(request).await?;
                Err(ConnectorError::timeout("no reply in time, injected by the test".into()))
            }
            Fault::Unavailable | Fault::Throttled => Ok(refusal(fault, self.service, is_head)),
        }
    }
}

fn cut() -> ConnectorError {
    ConnectorError::io("connection cut by the test".into())
}

/// A reply that ends after half of its body, or after half of its head if it has no body.
fn cut_in_the_middle(mut reply: HttpResponse, is_head: bool) -> Result<HttpResponse, ConnectorError> {
    let body = reply.body().bytes().expect("the fakes reply from memory").to_vec();
    if is_head || body.is_empty() {
        return Err(cut());
    }
    let half = Bytes::copy_from_slice(&body[..body.len() / 2]);
    let frames = [Ok(Frame::data(half)), Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))];
    *reply.body_mut() = SdkBody::from_body_1_x(StreamBody::new(futures::stream::iter(frames)));
    Ok(reply)
}

/// The operation and, for S3, the path: `DynamoDB_20120810.GetItem`, `S3 UploadPart /lake/landing/…`.
fn call_name(service: Service, request: &HttpRequest) -> String {
    if !matches!(service, Service::S3) {
        return request.headers().get("x-amz-target").unwrap_or_default().to_owned();
    }
    let uri = request.uri().strip_prefix("http://s3.memory").unwrap_or(request.uri());
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    let operation = match request.method() {
        "POST" if has("uploads") => "CreateMultipartUpload",
        "PUT" if has("partNumber") => "UploadPart",
        "POST" if has("uploadId") => "CompleteMultipartUpload",
        "DELETE" if has("uploadId") => "AbortMultipartUpload",
        method => method,
    };
    format!("S3 {operation} {path}")
}
