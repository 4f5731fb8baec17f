//! Serves hours over HTTP the way `data.gharchive.org` does.
//!
//! Promised for `/YYYY-MM-DD-H.json.gz` (hour not padded): GET and HEAD; `Range` with 206 and 416; `If-Match`,
//! `If-None-Match`, `If-Range`; `ETag` (the quoted MD5), `X-Goog-Hash` (CRC32C and MD5), `Last-Modified`,
//! `Accept-Ranges`, `Cache-Control` and the type `application/json`; for everything else 404 with the XML body of the
//! real one. Bodies are streamed; memory does not grow with their size. [`ArchiveFault`]s make chosen hours misbehave.

mod answer;
mod body;
mod catalog;
mod conditions;
mod document;
mod fault;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use catalog::{CatalogError, GeneratedHours, HourFolder, HourRange, HourRangeError};
pub use fault::{ArchiveFault, FaultError, FaultKind};

use catalog::Catalog;
use fault::FaultQueue;

/// How many requests are remembered.
const REMEMBERED_REQUESTS: usize = 10_000;

/// What to serve, and where.
#[derive(Debug)]
pub struct ServerSettings {
    /// The address to listen at; port 0 takes any that is free.
    pub address: SocketAddr,
    /// A folder of hours. Its hours come before generated ones.
    pub folder: Option<HourFolder>,
    /// Hours to generate.
    pub generated: Option<GeneratedHours>,
    /// What is to go wrong.
    pub faults: Vec<ArchiveFault>,
    /// Write a line to standard error for each request.
    pub log: bool,
}

impl Default for ServerSettings {
    /// Any free port of 127.0.0.1, and no hour at all.
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

/// A request and how it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedRequest {
    /// `GET` or `HEAD`, mostly.
    pub method: String,
    /// The path.
    pub path: String,
    /// Its `Range` header.
    pub range: Option<String>,
    /// Its `If-Match` header.
    pub if_match: Option<String>,
    /// The status of the answer.
    pub status: u16,
}

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened at.
    #[error("cannot listen at {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// What to serve cannot be read.
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

/// Starts a server on the current tokio runtime. It listens when this returns.
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
    /// `http://127.0.0.1:PORT`, without a slash at its end.
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
    let response = answer::answer(&state.catalog, &state.faults, &request).await;
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
