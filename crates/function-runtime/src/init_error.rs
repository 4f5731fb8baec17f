//! Reports a failed cold start to Lambda.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use lambda_runtime::Diagnostic;

/// The address is on the same machine.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Sends `diagnostic` to the runtime API at `address` (`host:port`). The invocation that waits for this cold start returns it.
///
/// Source: the Lambda runtime API, `/runtime/init/error`.
pub(crate) fn report(address: &str, diagnostic: &Diagnostic) -> std::io::Result<()> {
    let body = serde_json::to_string(diagnostic)?;
    let request = format!(
        "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Lambda-Runtime-Function-Error-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        diagnostic.error_type,
        body.len()
    );
    let socket = address.to_socket_addrs()?.next().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
    let mut stream = TcpStream::connect_timeout(&socket, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(request.as_bytes())?;
    // The response has no useful content, but closing before it arrives could lose the request.
    stream.read_to_end(&mut Vec::new()).map(drop)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn report_posts_to_runtime_api() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.ends_with(b"}") {
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
            }
            stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").unwrap();
            String::from_utf8(request).unwrap()
        });
        let diagnostic =
            Diagnostic { error_type: "InvalidConfiguration".to_owned(), error_message: "DAYS is bad".to_owned() };
        report(&address, &diagnostic).unwrap();
        let request = server.join().unwrap();
        assert!(request.starts_with("POST /2018-06-01/runtime/init/error HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("\r\nLambda-Runtime-Function-Error-Type: InvalidConfiguration\r\n"), "{request}");
        assert!(
            request.ends_with("{\"errorType\":\"InvalidConfiguration\",\"errorMessage\":\"DAYS is bad\"}"),
            "{request}"
        );
    }
}
