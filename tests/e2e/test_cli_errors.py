"""Errors of calls to AWS are one line with a next step. Progress bars and colours appear on terminals only."""

from __future__ import annotations

import http.client
import json
import os
import pty
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from conftest import BINARIES
from deployment import Lake
from test_cli_runs import Run, one_line

HOUR = "2025-01-08-3"
#: Commands, each with the first call that it makes after it has found the stack.
COMMANDS = [
    (("hour", HOUR), "StartExecution"),
    (("ingest",), "StartExecution"),
    (("backfill", "--from", HOUR, "--to", HOUR), "Query"),
    (("prove", HOUR), "StartExecution"),
    (("rollback", HOUR), "StartExecution"),
    (("watch", "arn:aws:states:us-east-1:000000000000:execution:ghactivity-process-hour:some"), "DescribeExecution"),
    (("status",), "GetItem"),
    (("quarantine", "list", "--from", HOUR, "--to", HOUR), "Query"),
    (("query", "SELECT 1"), "StartQueryExecution"),
    (("report", "--from", HOUR, "--to", HOUR, "--out", "report.html"), "Query"),
    (("lineage", "--id", "1", "--type", "PushEvent", "--created-at", "2025-01-08T03:00:00Z"), "StartQueryExecution"),
    (("teardown", "--dry-run"), "ListStackResources"),
]
SGR = re.compile(r"\x1b\[(?:3[0-7]|9[0-7])m")


@pytest.fixture(scope="module")
def onlooker(lake: Lake) -> Iterator[dict[str, str]]:
    """Access keys of a user who may find the stack and make no other call."""
    allowed = {"Effect": "Allow", "Action": "cloudformation:DescribeStacks", "Resource": "*"}
    with user(lake.aws.client("iam"), "onlooker", allowed) as keys:
        yield keys


@pytest.fixture(scope="module")
def stranger(lake: Lake) -> Iterator[dict[str, str]]:
    """Access keys of a user who may make none of the command's calls."""
    allowed = {"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}
    with user(lake.aws.client("iam"), "stranger", allowed) as keys:
        yield keys


@contextmanager
def user(iam: Any, name: str, *statements: dict[str, str]) -> Iterator[dict[str, str]]:
    """Creates a user with these policy statements, yields access keys, and deletes the user."""
    iam.create_user(UserName=name)
    document = {"Version": "2012-10-17", "Statement": statements}
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    try:
        yield {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    finally:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        iam.delete_user_policy(UserName=name, PolicyName="all")
        iam.delete_user(UserName=name)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], **settings: Any) -> Iterator[Any]:
    """Runs a server with this handler. The handler reads the settings as attributes of the server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    vars(server).update(settings)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def endpoint(server: ThreadingHTTPServer) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"}


@pytest.mark.parametrize(("arguments", "call"), COMMANDS, ids=lambda value: value[0] if isinstance(value, tuple) else value)
def test_missing_permission_is_named(ghactivity: Run, onlooker: dict[str, str], arguments: tuple[str, ...], call: str) -> None:
    line = one_line(ghactivity(*arguments, environment=onlooker))
    assert f"no permission for {call} on " in line and "ask for this action" in line


def test_permission_to_find_stack_is_named(ghactivity: Run, stranger: dict[str, str]) -> None:
    line = one_line(ghactivity("status", environment=stranger))
    assert "no permission for DescribeStacks on ghactivity" in line


class Refusing(BaseHTTPRequestHandler):
    """Returns an error of AWS for every call. The server's setting has its code."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server: Any = self.server
        code = server.code
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>as AWS words it</Message></Error>"
        body = f"<ErrorResponse>{error}</ErrorResponse>".encode()
        self.send_response(403)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ExpiredToken", "the AWS credentials have expired (ExpiredToken: as AWS words it); renew them, for example with 'aws login'"),
        ("InvalidClientTokenId", "AWS does not know these credentials (InvalidClientTokenId for DescribeStacks); check AWS_PROFILE"),
        ("SignatureDoesNotMatch", "AWS does not know these credentials (SignatureDoesNotMatch for DescribeStacks); check AWS_PROFILE"),
    ],
)
def test_invalid_credentials_are_reported(ghactivity: Run, code: str, expected: str) -> None:
    with serving(Refusing, code=code) as server:
        assert expected in one_line(ghactivity("status", environment=endpoint(server)))


def test_expired_local_credentials_are_reported(ghactivity: Run, tmp_path: Path) -> None:
    old = {"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c", "Expiration": "2020-01-01T00:00:00Z"}
    (tmp_path / "old.json").write_text(json.dumps(old))
    (tmp_path / "config").write_text(f"[default]\nregion = us-east-1\ncredential_process = cat {tmp_path / 'old.json'}\n")
    environment = {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    line = one_line(ghactivity("status", environment=environment | {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}))
    assert "expired" in line and "aws login" in line


def test_stopped_execution_is_reported_with_next_step(lake: Lake, ghactivity: Run, generate: Callable[..., bytes]) -> None:
    arn = lake.start("Ingest", job_id="test_stopped", **{"from": "2025-01-08-0"}, max_hours=1)
    lake.sfn.stop_execution(executionArn=arn, error="Operator", cause="a person stopped it")
    lake.wait(arn)
    line = one_line(ghactivity("watch", arn))
    assert "aborted" in line and "run the same command again" in line


class Throttling(BaseHTTPRequestHandler):
    """Forwards calls to the local AWS, but returns a throttling error for the first `refusals` calls of the operation `call`."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        call = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        server: Any = self.server
        if call == server.call and server.refusals > 0:
            server.refusals -= 1
            self.answer(400, "application/x-amz-json-1.0", b'{"__type":"ThrottlingException","message":"Rate exceeded"}')
            return
        upstream = http.client.HTTPConnection(urlsplit(server.upstream).netloc, timeout=60)
        upstream.request("POST", self.path, body, dict(self.headers))
        reply = upstream.getresponse()
        self.answer(reply.status, reply.headers.get("Content-Type", "text/xml"), reply.read())
        upstream.close()

    def answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("call", ["DescribeExecution", "GetExecutionHistory"])
def test_watch_survives_failing_calls(lake: Lake, ghactivity: Run, generate: Callable[..., bytes], call: str) -> None:
    hour = "2025-01-08-5"
    lake.serve(hour, generate(hour, "--events", "300"))
    # Five failures exceed the SDK's own three tries.
    with serving(Throttling, upstream=lake.aws.endpoint, call=call, refusals=5) as server:
        run = ghactivity("hour", hour, environment=endpoint(server))
    assert run.returncode == 0, run.stderr
    assert server.refusals == 0 and "published" in run.stdout
    told = [line for line in run.stderr.splitlines() if line.startswith("ghactivity: ")]
    assert len(told) == 1 and f"{call} on " in told[0] and "Rate exceeded" in told[0] and "the execution continues" in told[0]


# -- terminals --


def on_a_terminal(lake: Lake, *arguments: str, **variables: str) -> tuple[int, str]:
    """Runs the command with both outputs on a terminal. Returns its exit status and everything that it wrote to the terminal."""
    master, slave = pty.openpty()
    environment = {"PATH": "/usr/bin:/bin", "TERM": "xterm-256color", "COLUMNS": "120"} | lake.aws.environment() | variables
    with subprocess.Popen([BINARIES / "ghactivity", *arguments], env=environment, stdout=slave, stderr=slave, cwd="/") as process:
        os.close(slave)
        seen = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # Linux raises it after the last writer has closed the terminal
                break
            if not part:
                break
            seen += part
        status = process.wait(120)
    os.close(master)
    return status, seen.decode()


def test_progress_bars_are_drawn_on_terminals_only(lake: Lake, ghactivity: Run, generate: Callable[..., bytes]) -> None:
    lake.serve(HOUR, generate(HOUR, "--events", "20000"))
    status, seen = on_a_terminal(lake, "hour", HOUR)
    assert status == 0, seen
    assert "\x1b[2K" in seen or "\x1b[1A" in seen, "progress bars are overwritten"
    assert HOUR in seen and "20,000" in seen
    assert "chunks" in seen
    plain = ghactivity("hour", HOUR)
    assert plain.returncode == 0 and "\x1b" not in plain.stdout + plain.stderr
    assert f"{HOUR}  published, 20,000 rows" in plain.stderr.replace("   ", "  ")


def test_colours_appear_on_terminals_only(lake: Lake, ghactivity: Run, generate: Callable[..., bytes]) -> None:
    span = ("status", "--from", HOUR, "--to", HOUR)
    assert SGR.search(on_a_terminal(lake, *span)[1])
    for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        status, seen = on_a_terminal(lake, *span, **variables)
        assert status == 0 and HOUR[:10] in seen and not SGR.search(seen), variables
    assert "\x1b" not in ghactivity(*span).stdout
