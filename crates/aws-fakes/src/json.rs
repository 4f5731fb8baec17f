//! The common part of the fakes with a JSON protocol: HTTP connector, recorded calls, faults and hooks.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_sdk_s3::config::http::{HttpRequest, HttpResponse};
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::result::ConnectorError;
use serde_json::{Value, json};

/// A fault of one call.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The call returns this HTTP status and error code and changes nothing.
    Error(u16, &'static str),
    /// The call takes effect, but its response is lost.
    LostResponse,
}

#[derive(Debug)]
pub struct ErrorResponse {
    pub status: u16,
    pub body: Value,
}

impl ErrorResponse {
    /// Status 400 with an error code.
    pub fn new(code: &str) -> Self {
        Self { status: 400, body: json!({"__type": code, "message": "from the fake"}) }
    }
}

pub trait Service: Send + 'static {
    fn respond(&mut self, operation: &str, body: &Value) -> Result<Value, ErrorResponse>;
}

/// A fake service. Clones share its state.
pub struct Memory<S> {
    state: Arc<Mutex<State<S>>>,
}

type Hook<S> = Box<dyn FnOnce(&mut S) + Send>;

struct State<S> {
    service: S,
    calls: Vec<(String, Value)>,
    faults: Vec<(String, usize, Fault)>,
    hooks: Vec<(String, Hook<S>)>,
    shuffle: Option<u64>,
}

impl<S: Service> Memory<S> {
    pub fn new(service: S) -> Self {
        let state = State { service, calls: Vec::new(), faults: Vec::new(), hooks: Vec::new(), shuffle: None };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Reads or changes the service without a call.
    pub fn with<T>(&self, act: impl FnOnce(&mut S) -> T) -> T {
        act(&mut self.state().service)
    }

    /// Returns the operation and body of every call so far, including retries of the SDK.
    pub fn calls(&self) -> Vec<(String, Value)> {
        self.state().calls.clone()
    }

    /// Returns the bodies of the calls of one operation.
    pub fn calls_of(&self, operation: &str) -> Vec<Value> {
        self.calls().into_iter().filter(|(name, _)| name == operation).map(|(_, body)| body).collect()
    }

    /// Makes the next `times` calls of `operation` fail.
    pub fn fail(&self, operation: &str, times: usize, fault: Fault) {
        self.state().faults.push((operation.to_owned(), times, fault));
    }

    /// Removes all faults.
    pub fn heal(&self) {
        self.state().faults.clear();
    }

    /// Runs `act` before the next call of `operation` that has no hook yet, to simulate another run in between.
    pub fn before(&self, operation: &str, act: impl FnOnce(&mut S) + Send + 'static) {
        self.state().hooks.push((operation.to_owned(), Box::new(act)));
    }

    /// Makes concurrent calls take effect in an order that depends on `seed`.
    pub fn shuffle(&self, seed: u64) {
        self.state().shuffle = Some(seed);
    }

    fn state(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().expect("no call panics")
    }

    fn respond(&self, operation: &str, body: &Value) -> Result<HttpResponse, ConnectorError> {
        let mut state = self.state();
        state.calls.push((operation.to_owned(), body.clone()));
        if let Some(at) = state.hooks.iter().position(|(name, _)| name == operation) {
            let (_, act) = state.hooks.remove(at);
            act(&mut state.service);
        }
        let fault = state.faults.iter_mut().find(|(name, times, _)| *times > 0 && name == operation);
        let fault = fault.map(|(_, times, fault)| {
            *times -= 1;
            *fault
        });
        if let Some(Fault::Error(status, code)) = fault {
            return Ok(response(status, &ErrorResponse::new(code).body));
        }
        let result = state.service.respond(operation, body);
        if let Some(Fault::LostResponse) = fault {
            return Err(ConnectorError::io("the response was lost".into()));
        }
        Ok(match result {
            Ok(body) => response(200, &body),
            Err(ErrorResponse { status, body }) => response(status, &body),
        })
    }

    /// How often a call yields before it takes effect.
    fn yields(&self) -> u64 {
        let mut state = self.state();
        let Some(seed) = &mut state.shuffle else { return 0 };
        // Knuth's MMIX generator; its upper bits are random enough to mix calls.
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *seed >> 61
    }
}

impl<S: Service> HttpConnector for Memory<S> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = request.body().bytes().and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
        let memory = self.clone();
        HttpConnectorFuture::new(async move {
            for _ in 0..memory.yields() {
                tokio::task::yield_now().await;
            }
            memory.respond(&operation, &body)
        })
    }
}

impl<S> Clone for Memory<S> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state) }
    }
}

impl<S> fmt::Debug for Memory<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

fn response(status: u16, body: &Value) -> HttpResponse {
    let status = status.try_into().expect("a status is valid");
    let mut response = HttpResponse::new(status, SdkBody::from(body.to_string()));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}
