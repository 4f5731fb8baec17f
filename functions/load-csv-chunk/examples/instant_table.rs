//! A DynamoDB that replies to every call immediately and stores nothing, so a measurement shows the cost of the caller alone.
//!
//! Listens on 127.0.0.1 at the given port, and counts the items of the batches that arrive.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The response of a successful `BatchWriteItem`.
const ANSWER: &str = r#"{"UnprocessedItems":{}}"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let port: u16 = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(0);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let items = Arc::new(AtomicU64::new(0));
    loop {
        let (connection, _) = listener.accept().await?;
        let items = Arc::clone(&items);
        tokio::spawn(async move {
            // A caller may close the connection.
            let _ = answer(connection, &items).await;
        });
    }
}

async fn answer(connection: TcpStream, items: &AtomicU64) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let mut connection = BufReader::with_capacity(256 << 10, connection);
    let mut body = Vec::new();
    loop {
        let (mut length, mut line, mut counts) = (0, String::new(), false);
        loop {
            line.clear();
            if connection.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let lower = line.trim_end().to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            counts |= lower.starts_with("get /items");
            if lower.is_empty() {
                break;
            }
        }
        body.resize(length, 0);
        connection.read_exact(&mut body).await?;
        items.fetch_add(memchr::memmem::find_iter(&body, b"\"PutRequest\"").count() as u64, Ordering::Relaxed);
        let text = if counts { items.swap(0, Ordering::Relaxed).to_string() } else { ANSWER.to_owned() };
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n",
            text.len()
        );
        connection.get_mut().write_all((head + &text).as_bytes()).await?;
    }
}
