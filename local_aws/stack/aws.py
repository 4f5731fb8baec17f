"""Starts the local AWS and deploys to it.

with LocalAws(directory) as aws:
    outputs = aws.deploy({"SourceUrls": "http://127.0.0.1:8080"})
    aws.client("s3").list_objects_v2(Bucket=outputs["DataBucketName"])
"""

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config

from local_aws.paths import FUNCTIONS, LOCAL, ROOT
from local_aws.stack import deploy
from local_aws.stack.athena_client import QueryResult, run_query
from local_aws.stack.processes import end, send
from local_aws.stack.templates import declared_parameters

#: The default directory of `ghactivity local`.
DIRECTORY = LOCAL / "aws"
STACK = "ghactivity"
REGION = "us-east-1"
START_TIMEOUT_SECS = 60
POLL_SECS = 0.05
ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
# One session reads the service descriptions once. It must not create clients in several threads at the same time.
SESSION = boto3.session.Session(region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
SESSION_LOCK = threading.Lock()


class LocalAws:
    """One server with its data in `directory`. Port 0 chooses a free port.

    Attached (the default), the server ends when this process ends for any reason. Detached, it runs until `stop`.
    Waits of state machines take `wait_scale` times their duration.
    """

    def __init__(self, directory: Path | str, port: int = 0, detached: bool = False, wait_scale: float = 1) -> None:
        self.directory = Path(directory).resolve()
        self.log = self.directory / "server.log"
        self.announcement = self.directory / "server.json"
        self.port = port
        self.detached = detached
        self.wait_scale = wait_scale
        self.process: subprocess.Popen[bytes] | None = None
        self.server: dict[str, Any] | None = None
        self.functions = FUNCTIONS
        self.stack = STACK

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- the server --

    def start(self) -> Self:
        """Starts the server, unless one runs in this directory, and waits until it responds."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.running():
            return self
        self.announcement.unlink(missing_ok=True)
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "local_aws.stack.server",
            "--directory",
            self.directory,
            "--port",
            str(self.port),
        ]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [*command, *([] if self.detached else ["--with-parent"])],
                stdin=subprocess.DEVNULL if self.detached else subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "SFN_WAIT_SCALE": str(self.wait_scale)},
                start_new_session=True,  # Ctrl-C reaches only the program that started the server, which then stops it
            )
        try:
            self._wait_until_ready(self.process)
        except BaseException:
            self.stop()
            raise
        return self

    def running(self) -> dict[str, Any] | None:
        """The content of `server.json` if that server responds."""
        try:
            server: dict[str, Any] = json.loads(self.announcement.read_text())
            with urllib.request.urlopen(f"{server['endpoint']}/_ministack/health", timeout=5):
                return server
        except (OSError, ValueError):
            return None

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECS
        while not self.running():
            if process.poll() is not None:
                raise RuntimeError(f"the local AWS ended during its start:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"the local AWS did not respond within {START_TIMEOUT_SECS} s:\n{self.log_tail()}")
            time.sleep(POLL_SECS)

    def log_tail(self, lines: int = 20) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> bool:
        """Stops the server, by force after a timeout. Its data stays. Reports whether one was running."""
        server = self.running()
        pid = self.process.pid if self.process else (server or {}).get("pid")
        if pid is None:
            return False
        end(pid, self.process)
        self.process = self.server = None
        self.announcement.unlink(missing_ok=True)
        shutil.rmtree(self.directory / "tmp", ignore_errors=True)
        return True

    def kill_functions(self) -> int:
        """Kills every process of a function, as a crash does, and returns their number. Needs an attached server."""
        if self.process is None:
            raise RuntimeError("this program did not start the local AWS")
        listed = subprocess.run(["ps", "-eo", "pid=,pgid=,comm="], capture_output=True, text=True, check=True).stdout
        rows = [line.split(None, 2) for line in listed.splitlines()]
        group = str(self.process.pid)
        pids = [int(pid) for pid, owner, program in rows if owner == group and program == "bootstrap"]
        return sum(send(os.kill, pid, signal.SIGKILL) for pid in pids)

    @property
    def endpoint(self) -> str:
        """The URL of the running server. Raises RuntimeError if nothing runs."""
        self.server = self.server or self.running()
        if not self.server:
            raise RuntimeError(f"no local AWS is running at {self.directory}; start it with 'ghactivity local up'")
        endpoint: str = self.server["endpoint"]
        return endpoint

    def environment(self) -> dict[str, str]:
        """Returns the environment variables that make any AWS program use this server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }

    def client(self, service: str, **settings: Any) -> Any:
        """A boto3 client of this server. Threads may share it."""
        with SESSION_LOCK:
            return SESSION.client(service, **{**self._client_settings(), **settings})

    def resource(self, service: str) -> Any:
        """A boto3 resource of this server. Threads must not share it."""
        with SESSION_LOCK:
            return SESSION.resource(service, **self._client_settings())

    def _client_settings(self) -> dict[str, Any]:
        config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3}, read_timeout=900)
        return {"endpoint_url": self.endpoint, "config": config}

    # -- the stack --

    def deploy(self, parameters: Mapping[str, object] | None = None, template: Path = ROOT / "template.yaml") -> dict[str, str]:
        """Creates or updates the stack and returns its outputs. Sets `Stage`, `Target` and `Architecture` for this machine."""
        defaults = {"Stage": "local", "Target": "local", "Architecture": ARCHITECTURES.get(platform.machine(), "x86_64")}
        declared = declared_parameters(template)
        wanted = {name: value for name, value in defaults.items() if name in declared}
        return deploy.deploy(self.client, template, self.functions, self.stack, {**wanted, **(parameters or {})})

    def outputs(self) -> dict[str, str]:
        """The outputs of the deployed stack."""
        return deploy.outputs(self.client("cloudformation"), self.stack)

    def physical_id(self, logical_id: str) -> str:
        """The physical id of a resource of the stack or of its nested stacks."""
        return deploy.physical_id(self.client("cloudformation"), self.stack, logical_id)

    def function_variables(self, logical_id: str) -> dict[str, str]:
        """Returns the function's environment variables, for programs that run it outside of this server."""
        configuration = self.client("lambda").get_function_configuration(FunctionName=self.physical_id(logical_id))
        variables: dict[str, str] = configuration["Environment"]["Variables"] | self.environment()
        return variables | {"AWS_REGION": variables["AWS_DEFAULT_REGION"]}

    def query(self, sql: str, parameters: Sequence[str] = (), database: str | None = None, workgroup: str | None = None) -> QueryResult:
        """Runs one statement through Athena's API, by default in the stack's workgroup and database. Raises QueryError.

        `parameters` fill the `?` of the statement and are SQL literals: `"'2025'"`, `"7"`.
        """
        outputs = self.outputs() if database is None or workgroup is None else {}
        return run_query(
            self.client("athena"),
            sql,
            database=database or outputs["GlueDatabaseName"],
            workgroup=workgroup or outputs["AthenaWorkGroupName"],
            parameters=parameters,
        )
