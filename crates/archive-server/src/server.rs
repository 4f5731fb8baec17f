//! Serves hours over HTTP like `data.gharchive.org`.
//!
//! For `/YYYY-MM-DD-H.json.gz` (hour not padded) it supports GET and HEAD; `Range` with 206 and 416; `If-Match`,
//! `If-None-Match` and `If-Range`. Responses have `ETag` (the quoted MD5), `X-Goog-Hash` (CRC32C and MD5), `Last-Modified`,
//! `Accept-Ranges`, `Cache-Control` and the type `application/json`. Any other path returns 404 with the XML body of the real
//! archive. Bodies are streamed; memory does not grow with their size. [`ArchiveFault`]s are injected faults.

mod body;
mod catalog;
mod conditions;
mod fault;
mod respond;
mod served_file;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use catalog::{CatalogError, GeneratedHours, HourFolder, HourRangeError, ServedHours};
pub use fault::{ArchiveFault, FaultError, FaultKind};

use catalog::Catalog;
use fault::FaultQueue;

/// The latest requests are kept for tests.
const REMEMBERED_REQUESTS: usize = 10_000;

#[derive(Debug)]
pub struct ServerSettings {
    /// The address to listen on; port 0 selects a free port.
    pub address: SocketAddr,
    /// Its hours take precedence over generated ones.
    pub folder: Option<HourFolder>,
    pub generated: Option<GeneratedHours>,
    pub faults: Vec<ArchiveFault>,
    /// Whether to write a line to standard error for each request.
    pub log: bool,
}

impl Default for ServerSettings {
    /// A free port of 127.0.0.1, without hours.
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            folder: None,
            generated: None,
            faults: Vec::new(),
            log: false,
        }
    }
}

/// A request and the status of its response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedRequest {
    pub method: String,
    pub path: String,
    /// The `Range` header.
    pub range: Option<String>,
    /// The `If-Match` header.
    pub if_match: Option<String>,
    pub status: u16,
}

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// A server that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct RunningServer {
    address: SocketAddr,
    state: Arc<ServerState>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct ServerState {
    catalog: Catalog,
    faults: FaultQueue,
    log: bool,
    requests: Mutex<Vec<ServedRequest>>,
}

/// Starts a server on the current tokio runtime. It accepts requests when this returns.
pub async fn start(settings: ServerSettings) -> Result<RunningServer, ServerError> {
    let ServerSettings { address, folder, generated, faults, log } = settings;
    let catalog = Catalog::new(folder, generated)?;
    let listen = |source| ServerError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let state = Arc::new(ServerState { catalog, faults: FaultQueue::new(faults), log, requests: Mutex::default() });
    let router = Router::new().fallback(handle).with_state(Arc::clone(&state));
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            eprintln!("archive-server: {error}");
        }
    });
    Ok(RunningServer { address, state, task })
}

impl RunningServer {
    /// `http://127.0.0.1:PORT`, without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The latest requests, oldest first.
    pub fn requests(&self) -> Vec<ServedRequest> {
        self.state.requests.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn handle(State(state): State<Arc<ServerState>>, request: Parts) -> Response {
    let response = respond::respond(&state.catalog, &state.faults, &request).await;
    state.remember(&request, response.status().as_u16());
    response
}

impl ServerState {
    fn remember(&self, request: &Parts, status: u16) {
        let header = |name| request.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let served = ServedRequest {
            method: request.method.to_string(),
            path: request.uri.path().to_owned(),
            range: header("range"),
            if_match: header("if-match"),
            status,
        };
        if self.log {
            let range = served.range.as_deref().unwrap_or("");
            eprintln!("{} {} {} {range}", served.status, served.method, served.path);
        }
        let mut requests = self.requests.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if requests.len() == REMEMBERED_REQUESTS {
            requests.remove(0);
        }
        requests.push(served);
    }
}
