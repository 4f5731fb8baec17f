"""A proxy between the functions and the local AWS that can make one call fail.

It numbers the calls to S3, DynamoDB and Glue that pass through it. From a chosen call on it cuts every connection (the function
is stopped there and goes no further), either before the call takes effect or after it has, with the reply lost; or it refuses
the chosen call alone, as a service that is too busy does.
"""

from __future__ import annotations

import enum
import http.client
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "proxy-connection", "te", "trailer", "upgrade"}


class Fault(enum.Enum):
    """What happens to the chosen call."""

    CUT = "cut off before it takes effect"
    REPLY_LOST = "takes effect, reply lost"
    THROTTLED = "refused as one too many"


#: How a busy service answers: S3 with 503 and XML, the others with 400 and JSON.
THROTTLED = {
    "S3": (503, "application/xml", b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"),
    "DynamoDB": (
        400,
        "application/x-amz-json-1.0",
        b'{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"Too many requests"}',
    ),
    "AWSGlue": (400, "application/x-amz-json-1.1", b'{"__type":"ThrottlingException","message":"Rate exceeded"}'),
}


class FaultProxy:
    """Forwards to `upstream`; `stop_at(n, fault)` arms it, `disarm()` makes it a plain proxy again."""

    def __init__(self, upstream: str, port: int = 0) -> None:
        self.upstream = urlsplit(upstream)
        self.calls: list[str] = []
        self._lock = threading.Lock()
        self._stop_at: int | None = None
        self._fault = Fault.CUT
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # otherwise a reply's body waits 40 ms for its head to be acknowledged

            def log_message(self, *_: object) -> None:
                pass

            def handle_call(self) -> None:
                proxy._handle(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_call

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop_at(self, call: int, fault: Fault) -> None:
        """Makes call number `call` (from 0) fail; unless it is throttled, all later ones are cut off."""
        with self._lock:
            self.calls, self._stop_at, self._fault = [], call, fault

    def disarm(self) -> None:
        with self._lock:
            self.calls, self._stop_at = [], None

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        body = _read_body(request)
        with self._lock:
            number = len(self.calls)
            self.calls.append(_name(request))
            chosen = number == self._stop_at
            throttled = self._stop_at is not None and self._fault is Fault.THROTTLED
            answer = self._stop_at is None or number < self._stop_at or (throttled and not chosen)
            forward = answer or (chosen and self._fault is Fault.REPLY_LOST)
        if throttled and chosen:
            status, content_type, payload = THROTTLED[re.split(r"[ _.]", _name(request))[0]]
            _send(request, status, [("Content-Type", content_type)], payload)
            return
        reply = self._forward(request, body) if forward else None
        if not answer or reply is None:
            request.close_connection = True
            request.connection.close()
            return
        try:
            _send(request, *reply)
        except ConnectionError:  # the function has been stopped by another call's end
            request.close_connection = True

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.upstream.hostname, self.upstream.port, timeout=60)
        headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP | {"expect"}}
        headers["Content-Length"] = str(len(body))
        connection.request(request.command, request.path, body=body, headers=headers)
        reply = connection.getresponse()
        payload = reply.read()
        connection.close()
        return reply.status, reply.getheaders(), payload


def _send(request: BaseHTTPRequestHandler, status: int, headers: list[tuple[str, str]], payload: bytes) -> None:
    request.send_response(status)
    for name, value in headers:
        if name.lower() not in HOP_BY_HOP | {"content-length", "date", "server"}:
            request.send_header(name, value)
    length = next((value for name, value in headers if name.lower() == "content-length"), None)
    request.send_header("Content-Length", length if request.command == "HEAD" and length else str(len(payload)))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(payload)


def _read_body(request: BaseHTTPRequestHandler) -> bytes:
    if "chunked" in request.headers.get("Transfer-Encoding", ""):
        body = b""
        while size := int(request.rfile.readline().split(b";")[0], 16):
            body += request.rfile.read(size)
            request.rfile.readline()
        request.rfile.readline()
        return body
    return request.rfile.read(int(request.headers.get("Content-Length") or 0))


def _name(request: BaseHTTPRequestHandler) -> str:
    target = request.headers.get("X-Amz-Target")
    return target if target else f"S3 {request.command} {urlsplit(request.path).path}"
