"""A proxy between the functions and the local AWS that injects one `Fault` into one call.

It numbers the calls to S3, DynamoDB and Glue. The call with the chosen number gets the fault; all other calls pass unchanged.
"""

from __future__ import annotations

import enum
import http.client
import os
import re
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

#: Names of multipart upload calls, by HTTP method and query parameter. Other calls to S3 are named by their method.
IN_PARTS = {
    ("POST", "uploads"): "CreateMultipartUpload",
    ("PUT", "partNumber"): "UploadPart",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
}
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "proxy-connection", "te", "trailer", "upgrade"}
#: Seconds after which an idle connection is replaced. The local AWS closes it after 75.
IDLE_SECS = 30
#: Argument of `strike`: inject the fault into every call.
EVERY = -1


class Fault(enum.Enum):
    """The fault of the chosen call."""

    CRASH_BEFORE = "process killed, call not performed"
    CRASH_AFTER = "process killed, call performed"
    #: Part of the test of `CRASH_BEFORE`: `deliver_late` performs the call later.
    CRASH_LATE = "process killed, call performed after the hour has run again"
    CUT = "connection cut, call not performed"
    REPLY_LOST = "call performed, connection cut"
    REPLY_CUT = "call performed, connection cut in the middle of the reply"
    DELAYED = "call performed, reply later than the client waits"
    UNAVAILABLE = "reply 500 or 503, call not performed"
    THROTTLED = "reply says throttled, call not performed"
    REPEATED = "call performed, connection cut, repeated by the client itself"


CRASHES = {Fault.CRASH_BEFORE, Fault.CRASH_AFTER}
PERFORMED = {Fault.CRASH_AFTER, Fault.REPLY_LOST, Fault.REPLY_CUT, Fault.DELAYED, Fault.REPEATED}

XML, JSON_10, JSON_11 = "application/xml", "application/x-amz-json-1.0", "application/x-amz-json-1.1"
#: Error replies by fault and service: status, content type and body.
REFUSALS = {
    Fault.THROTTLED: {
        "S3": (503, XML, b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"),
        "DynamoDB": (
            400,
            JSON_10,
            b'{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"Too many requests"}',
        ),
        "AWSGlue": (400, JSON_11, b'{"__type":"ThrottlingException","message":"Rate exceeded"}'),
    },
    Fault.UNAVAILABLE: {
        "S3": (503, XML, b"<Error><Code>ServiceUnavailable</Code><Message>Service is unable to handle request.</Message></Error>"),
        "DynamoDB": (500, JSON_10, b'{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"Try again"}'),
        "AWSGlue": (500, JSON_11, b'{"__type":"InternalServiceException","message":"Try again"}'),
    },
}

Reply = tuple[int, list[tuple[str, str]], bytes]


class FaultProxy:
    """Forwards calls to `upstream`. `strike(n)` sets the call that gets the fault, `disarm()` unsets it."""

    def __init__(self, upstream: str, fault: Fault, delay_secs: float = 1.6) -> None:
        self.upstream = urlsplit(upstream)
        self.fault = fault
        #: Delay of the reply by `Fault.DELAYED`. Must exceed the read timeout of the clients.
        self.delay_secs = delay_secs
        self.calls: list[str] = []
        #: Name of the call that got the fault. Parallel calls arrive in any order, so the number does not determine the name.
        self.struck: str | None = None
        self._lock = threading.Lock()
        self._chosen: int | None = None
        self._late: tuple[Upstream, BaseHTTPRequestHandler, bytes] | None = None
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # otherwise a reply's body waits 40 ms for its head to be acknowledged

            def setup(self) -> None:
                super().setup()
                self.upstream = proxy._connect()

            def finish(self) -> None:
                super().finish()
                self.upstream.close()

            def log_message(self, *_: object) -> None:
                pass

            def handle_call(self) -> None:
                proxy._handle(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_call  # noqa: N815  names of the base class

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def _connect(self) -> Upstream:
        assert self.upstream.hostname and self.upstream.port
        return Upstream(self.upstream.hostname, self.upstream.port)

    def strike(self, call: int) -> None:
        """Injects the fault into call number `call`, counted from 0 from now on, or into `EVERY` call."""
        with self._lock:
            self.calls, self.struck, self._chosen, self._late = [], None, call, None

    def disarm(self) -> None:
        with self._lock:
            self.calls, self._chosen = [], None

    def deliver_late(self) -> int:
        """Performs the call whose process was killed by `CRASH_BEFORE`, and returns the HTTP status of its reply."""
        assert self._late, "no process was killed during a call"
        (upstream, request, body), self._late = self._late, None
        status, _, _ = upstream.perform(request, body)
        upstream.close()
        return status

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _handle(self, request: Any) -> None:
        body = _read_body(request)
        with self._lock:
            chosen = self._chosen in (len(self.calls), EVERY)
            self.calls.append(_name(request))
            if chosen:
                self.struck = self.calls[-1]
        try:
            if chosen:
                self._meet(self.fault, request, body)
            else:
                _send(request, request.upstream.perform(request, body))
        except ConnectionError:  # the function was stopped during the call
            _hang_up(request)

    def _meet(self, fault: Fault, request: Any, body: bytes) -> None:
        if fault in REFUSALS:
            status, content_type, payload = REFUSALS[fault][re.split(r"[ _.]", _name(request))[0]]
            _send(request, (status, [("Content-Type", content_type)], payload))
            return
        reply: Any = request.upstream.perform(request, body) if fault in PERFORMED else None
        if fault is Fault.CRASH_BEFORE:
            self._late = (self._connect(), request, body)
        if fault in CRASHES:
            kill_peer(request)
        elif fault is Fault.DELAYED:
            time.sleep(self.delay_secs)
            _send(request, reply)
            return
        elif fault is Fault.REPLY_CUT:
            whole = _bytes_of(request, reply)
            head = whole.index(b"\r\n\r\n") + 4
            request.wfile.write(whole[: (head + len(whole)) // 2 if len(whole) > head else head // 2])
        _hang_up(request)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Prints the error, unless the client closed the connection, as a killed process does."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Upstream:
    """A connection to the local AWS. Each client connection has its own."""

    def __init__(self, host: str, port: int) -> None:
        self.connection = http.client.HTTPConnection(host, port, timeout=60)
        self.used_at = time.monotonic()

    def perform(self, request: BaseHTTPRequestHandler, body: bytes) -> Reply:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP | {"expect"}}
        headers["Content-Length"] = str(len(body))
        if time.monotonic() - self.used_at > IDLE_SECS:
            self.connection.close()  # before the server closes it; `request` opens it again
        self.used_at = time.monotonic()
        self.connection.request(request.command, request.path, body=body, headers=headers)
        reply = self.connection.getresponse()
        return reply.status, reply.getheaders(), reply.read()

    def close(self) -> None:
        self.connection.close()


def kill_peer(request: Any) -> None:
    """Kills the function that has the other end of the connection. Does not kill a test that makes calls itself."""
    pid = _process_of(request.client_address[1], request.server.server_address[1])
    if Path(f"/proc/{pid}/comm").read_text().strip() == "bootstrap":
        os.kill(pid, signal.SIGKILL)


def _process_of(local_port: int, remote_port: int) -> int:
    """Returns the id of the process that has the connection between these ports on 127.0.0.1. Reads /proc, so Linux only."""
    ends = [f"0100007F:{port:04X}" for port in (local_port, remote_port)]
    connections = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    [inode] = [fields[9] for fields in connections if fields[1:3] == ends]
    for process in sorted((path for path in Path("/proc").iterdir() if path.name.isdigit()), key=lambda path: -int(path.name)):
        try:
            if any(os.readlink(file) == f"socket:[{inode}]" for file in (process / "fd").iterdir()):
                return int(process.name)
        except OSError:  # the process ended, or belongs to another user
            continue
    raise LookupError(f"no process has the connection from port {local_port}")


def _hang_up(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True
    request.connection.close()


def _bytes_of(request: BaseHTTPRequestHandler, reply: Reply) -> bytes:
    status, headers, payload = reply
    given = {name.lower(): value for name, value in headers}
    length = given["content-length"] if request.command == "HEAD" and "content-length" in given else str(len(payload))
    lines = [f"HTTP/1.1 {status} {http.client.responses.get(status, '')}"]
    lines += [f"{name}: {value}" for name, value in headers if name.lower() not in HOP_BY_HOP | {"content-length"}]
    head = "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode("latin-1")
    return head if request.command == "HEAD" else head + payload


def _send(request: BaseHTTPRequestHandler, reply: Reply) -> None:
    request.wfile.write(_bytes_of(request, reply))


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
    if target := request.headers.get("X-Amz-Target"):
        return target
    url = urlsplit(request.path)
    given = parse_qs(url.query, keep_blank_values=True)
    in_parts = [name for (method, parameter), name in IN_PARTS.items() if method == request.command and parameter in given]
    return f"S3 {in_parts[0] if in_parts else request.command} {url.path}"
