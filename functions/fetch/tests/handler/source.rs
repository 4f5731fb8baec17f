//! An HTTP source that returns one scripted response per connection.

use std::sync::{Arc, Mutex};

use md5::{Digest, Md5};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) struct ScriptedSource {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
pub(crate) struct SourceResponse {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    sent_bytes: usize,
    then: Then,
}

/// What the source does after it sent the bytes.
#[derive(Clone, Copy)]
enum Then {
    Close,
    Stall,
}

impl ScriptedSource {
    /// Starts a source. Requests after the script return 418.
    pub(crate) async fn start(responses: impl IntoIterator<Item = SourceResponse>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (responses, seen): (Vec<_>, _) = (responses.into_iter().collect(), Arc::clone(&requests));
        tokio::spawn(async move {
            let mut responses = responses.into_iter();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let response = responses.next().unwrap_or_else(|| SourceResponse::status(418));
                tokio::spawn(serve(stream, response, Arc::clone(&seen)));
            }
        });
        Self { url, requests }
    }

    /// Returns the heads of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl SourceResponse {
    /// A status without a body.
    pub(crate) fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), sent_bytes: 0, then: Then::Close }
            .with("content-length", "0")
    }

    /// A body with the headers of GH Archive: length, MD5 as ETag, and date.
    pub(crate) fn whole(body: &[u8]) -> Self {
        Self::bare(body)
            .with("content-length", &body.len().to_string())
            .with("etag", &etag(body))
            .with("last-modified", "Fri, 21 Nov 2025 01:05:03 GMT")
    }

    /// A body without headers; it ends with the connection.
    pub(crate) fn bare(body: &[u8]) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.to_vec(), sent_bytes: body.len(), then: Then::Close }
    }

    /// The rest of a body from byte `first` on.
    pub(crate) fn rest(body: &[u8], first: usize) -> Self {
        let range = format!("bytes {first}-{}/{}", body.len() - 1, body.len());
        let rest = &body[first..];
        Self { status: 206, ..Self::bare(rest) }
            .with("content-length", &rest.len().to_string())
            .with("etag", &etag(body))
            .with("content-range", &range)
    }

    /// Sets a header.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Removes a header.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// Closes the connection after this number of bytes of the body.
    pub(crate) fn cut(mut self, sent_bytes: usize) -> Self {
        self.sent_bytes = sent_bytes;
        self
    }

    /// Stops sending after this number of bytes of the body.
    pub(crate) fn stall(self, sent_bytes: usize) -> Self {
        Self { then: Then::Stall, ..self.cut(sent_bytes) }
    }
}

/// The MD5 of `body` as an ETag.
pub(crate) fn etag(body: &[u8]) -> String {
    format!("\"{}\"", hex::encode(Md5::digest(body)))
}

async fn serve(mut stream: TcpStream, response: SourceResponse, seen: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    seen.lock().unwrap().push(String::from_utf8(request).unwrap().to_lowercase());
    let headers: String = response.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("HTTP/1.1 {} Scripted\r\nconnection: close\r\n{headers}\r\n", response.status);
    // The client may have closed the connection.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&response.body[..response.sent_bytes]).await;
    let _ = stream.flush().await;
    if let Then::Stall = response.then {
        std::future::pending::<()>().await;
    }
}
