//! A bucket in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::{HttpRequest, HttpResponse};
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::result::ConnectorError;

use aws_client::s3::Bucket;
use response::Response;

mod response;

/// A bucket in memory. Clones share its objects.
#[derive(Clone, Default)]
pub struct MemoryS3 {
    state: Arc<Mutex<BucketState>>,
}

/// A fault of one call.
#[derive(Clone, Copy, Debug)]
pub enum S3Fault {
    /// The call returns this HTTP status and error code and changes nothing.
    Error(u16, &'static str),
    /// The call takes effect, but its response is lost.
    LostResponse,
    /// The body of the response ends after this number of bytes.
    CutBody(usize),
    /// `DeleteObjects` keeps the last key and reports this error code for it.
    KeepLast(&'static str),
}

#[derive(Default)]
struct BucketState {
    objects: BTreeMap<String, FakeObject>,
    uploads: BTreeMap<String, MultipartUpload>,
    begun_uploads: usize,
    calls: Vec<String>,
    faults: Vec<(String, usize, S3Fault)>,
    page_keys: Option<usize>,
    forgets_parts: bool,
    yields: bool,
    waiting: usize,
    most_waiting: usize,
}

#[derive(Clone)]
struct FakeObject {
    bytes: Vec<u8>,
    etag: String,
    metadata: BTreeMap<String, String>,
}

#[derive(Clone, Default)]
struct MultipartUpload {
    parts: BTreeMap<u32, Vec<u8>>,
    /// The checksum algorithm of its parts.
    checksum: Option<String>,
    metadata: BTreeMap<String, String>,
}

/// The objects and open uploads of a bucket.
#[derive(Clone)]
pub struct S3Snapshot {
    objects: BTreeMap<String, FakeObject>,
    uploads: BTreeMap<String, MultipartUpload>,
}

/// Creates an SDK client whose calls go to a connector: a fake, or one that a test puts before it.
pub fn client_of(connector: SharedHttpConnector, retries: RetryConfig) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url("http://s3.memory")
        .force_path_style(true)
        .retry_config(retries)
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    Client::from_conf(config)
}

impl MemoryS3 {
    /// Returns the bucket `name` with an SDK client that makes up to three attempts without a wait.
    pub fn bucket(&self, name: &str) -> Bucket {
        let connector = SharedHttpConnector::new(self.clone());
        let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
        Bucket::new(client_of(connector, retries), name)
    }

    /// Writes an object without a call.
    pub fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        self.state().put(key, bytes.into(), BTreeMap::new());
    }

    /// Removes an object without a call.
    pub fn remove(&self, key: &str) {
        self.state().objects.remove(key);
    }

    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.state().objects.get(key).map(|stored| stored.bytes.clone())
    }

    pub fn etag(&self, key: &str) -> Option<String> {
        self.state().objects.get(key).map(|stored| stored.etag.clone())
    }

    /// Returns the user metadata of an object, empty if it is absent.
    pub fn metadata(&self, key: &str) -> BTreeMap<String, String> {
        self.state().objects.get(key).map(|stored| stored.metadata.clone()).unwrap_or_default()
    }

    /// Copies all objects and open uploads.
    pub fn snapshot(&self) -> S3Snapshot {
        let state = self.state();
        S3Snapshot { objects: state.objects.clone(), uploads: state.uploads.clone() }
    }

    /// Replaces all objects and open uploads by those of a snapshot.
    pub fn restore(&self, snapshot: &S3Snapshot) {
        let mut state = self.state();
        state.objects.clone_from(&snapshot.objects);
        state.uploads.clone_from(&snapshot.uploads);
    }

    /// Returns all keys, in order.
    pub fn keys(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.state().objects.iter().map(|(key, stored)| (key.clone(), stored.bytes.clone())).collect()
    }

    /// Returns every call so far, such as `PutObject some/key`, including failed ones.
    pub fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    /// Counts multipart uploads that are neither completed nor aborted.
    pub fn open_uploads(&self) -> usize {
        self.state().uploads.len()
    }

    /// Makes the next `times` calls fail that begin with `call`, for example `PutObject` or `PutObject some/key`.
    pub fn fail(&self, call: &str, times: usize, fault: S3Fault) {
        self.state().faults.push((call.to_owned(), times, fault));
    }

    /// Sets the largest page of a list.
    pub fn page_keys(&self, keys: usize) {
        self.state().page_keys = Some(keys);
    }

    /// Discards the bytes of uploaded parts, for tests that measure memory.
    pub fn forget_parts(&self) {
        self.state().forgets_parts = true;
    }

    /// Makes every call yield once, so that concurrent calls interleave.
    pub fn yield_before_calls(&self) {
        self.state().yields = true;
    }

    /// Returns the largest number of calls that waited at the same time.
    pub fn most_at_once(&self) -> usize {
        self.state().most_waiting
    }

    fn state(&self) -> MutexGuard<'_, BucketState> {
        self.state.lock().expect("no call panicked")
    }

    fn wait(&self, change: isize) {
        let mut state = self.state();
        state.waiting = state.waiting.saturating_add_signed(change);
        state.most_waiting = state.most_waiting.max(state.waiting);
    }

    fn call(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = S3Request::parse(request);
        let mut state = self.state();
        let call = format!("{} {}", request.operation(), request.key);
        state.calls.push(call.clone());
        let fault = state.take_fault(&call);
        if let Some(S3Fault::Error(status, code)) = fault {
            return Ok(Response::error(status, code).into_response(None));
        }
        let response = match fault {
            Some(S3Fault::KeepLast(code)) => response::delete_all_but_last(&mut state, &request, code),
            _ => response::respond(&mut state, &request),
        };
        match fault {
            Some(S3Fault::LostResponse) => Err(ConnectorError::io("the response was lost".into())),
            Some(S3Fault::CutBody(bytes)) => Ok(response.into_response(Some(bytes))),
            _ => Ok(response.into_response(None)),
        }
    }
}

impl fmt::Debug for MemoryS3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryS3").field("keys", &self.keys()).finish()
    }
}

impl HttpConnector for MemoryS3 {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if !self.state().yields {
            return HttpConnectorFuture::ready(Self::call(self, &request));
        }
        let memory = self.clone();
        HttpConnectorFuture::new(async move {
            memory.wait(1);
            tokio::task::yield_now().await;
            memory.wait(-1);
            Self::call(&memory, &request)
        })
    }
}

impl BucketState {
    fn put(&mut self, key: &str, bytes: Vec<u8>, metadata: BTreeMap<String, String>) -> String {
        let etag = response::etag(&[&bytes]);
        self.objects.insert(key.to_owned(), FakeObject { bytes, etag: etag.clone(), metadata });
        etag
    }

    /// Evaluates the condition of a write.
    fn condition_holds(&self, request: &S3Request) -> bool {
        let stored = self.objects.get(&request.key);
        match (request.headers.get("if-match"), request.headers.get("if-none-match")) {
            (Some(etag), _) => stored.is_some_and(|stored| stored.etag == *etag),
            (None, Some(_)) => stored.is_none(),
            (None, None) => true,
        }
    }

    fn take_fault(&mut self, call: &str) -> Option<S3Fault> {
        let (_, times, fault) =
            self.faults.iter_mut().find(|(prefix, times, _)| *times > 0 && call.starts_with(prefix.as_str()))?;
        *times -= 1;
        Some(*fault)
    }
}

/// A parsed request.
struct S3Request {
    method: String,
    key: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl S3Request {
    fn parse(request: &HttpRequest) -> Self {
        let uri = request.uri();
        let path_and_query = uri.split_once("://").map_or(uri, |(_, rest)| rest);
        let path_and_query = path_and_query.split_once('/').map_or("", |(_, path)| path);
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let key = path.split_once('/').map_or("", |(_bucket, key)| key);
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self {
            method: request.method().to_owned(),
            key: decoded(key),
            query: pairs.map(|(name, value)| (decoded(name), decoded(value))).collect(),
            headers: request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: request.body().bytes().expect("bodies are sent from memory").to_vec(),
        }
    }

    fn operation(&self) -> &'static str {
        let has = |name: &str| self.query.contains_key(name);
        match self.method.as_str() {
            "GET" if has("list-type") => "ListObjectsV2",
            "GET" => "GetObject",
            "HEAD" => "HeadObject",
            "PUT" if has("partNumber") => "UploadPart",
            "PUT" if self.headers.contains_key("x-amz-copy-source") => "CopyObject",
            "PUT" => "PutObject",
            "POST" if has("uploads") => "CreateMultipartUpload",
            "POST" if has("uploadId") => "CompleteMultipartUpload",
            "POST" if has("delete") => "DeleteObjects",
            "DELETE" if has("uploadId") => "AbortMultipartUpload",
            _ => "Unknown",
        }
    }

    fn metadata(&self) -> BTreeMap<String, String> {
        let named = |(name, value): (&String, &String)| {
            name.strip_prefix("x-amz-meta-").map(|name| (name.to_owned(), value.clone()))
        };
        self.headers.iter().filter_map(named).collect()
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = hex.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| first == b'%') {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).expect("keys are UTF-8")
}
