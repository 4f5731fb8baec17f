"""The local AWS as an object: start, deploy, clients, query, stop. Tests, demos and `local_aws.actions` all use this.

    with LocalAws(directory) as aws:
        outputs = aws.deploy({"SourceUrls": "http://127.0.0.1:8080"})
        aws.client("s3").list_objects_v2(Bucket=outputs["DataBucketName"])

Runs in the `local` virtual environment (see `venvs.py`).
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
from pathlib import Path

import boto3
from botocore.config import Config

from local_aws.stack import deploy
from local_aws.stack.athena_client import QueryResult, run_query

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ROOT / ".local/build"
DIRECTORY = ROOT / ".local/aws"
STACK = "ghactivity"
REGION = "us-east-1"
ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
# One session reads the service descriptions once; it is not safe to make clients in several threads at the same time.
SESSION = boto3.session.Session(region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
SESSION_LOCK = threading.Lock()


class LocalAws:
    """One server and what it keeps, below `directory`. Port 0 takes a free one.

    Attached (the default), the server ends with this process, however that ends. Detached, it stays until `stop`.
    State machines wait `wait_scale` times as long as they say.
    """

    def __init__(self, directory, port=0, detached=False, wait_scale=1):
        self.directory = Path(directory).resolve()
        self.port = port
        self.detached = detached
        self.wait_scale = wait_scale
        self.process = None
        self.server = None
        self.functions = FUNCTIONS
        self.stack = STACK

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # -- the server --

    def start(self):
        """Starts the server unless a detached one already runs here; returns when it answers."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.running():
            return self
        (self.directory / "server.json").unlink(missing_ok=True)
        command = [sys.executable, "-m", "local_aws.stack.server"]
        command += ["--directory", self.directory, "--port", str(self.port)]
        command += [] if self.detached else ["--with-parent"]
        with open(self.directory / "server.log", "wb") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL if self.detached else subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "SFN_WAIT_SCALE": str(self.wait_scale)},
                start_new_session=True,  # Ctrl-C reaches the program that started it, which then stops it in order
            )
        try:
            self.wait_until_ready(60)
        except BaseException:
            self.stop()
            raise
        return self

    def running(self):
        """What `server.json` says of the server of this directory, if that server answers."""
        try:
            server = json.loads((self.directory / "server.json").read_text())
            with urllib.request.urlopen(f"{server['endpoint']}/_ministack/health", timeout=5):
                return server
        except (OSError, ValueError):
            return None

    def wait_until_ready(self, timeout_secs):
        deadline = time.monotonic() + timeout_secs
        while not self.running():
            if self.process.poll() is not None:
                raise RuntimeError(f"the local AWS ended at once:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"the local AWS did not answer within {timeout_secs} s:\n{self.log_tail()}")
            time.sleep(0.05)

    def log_tail(self, lines=20):
        return "\n".join((self.directory / "server.log").read_text(errors="replace").splitlines()[-lines:])

    def stop(self):
        """Stops the server, at once if need be. Its data stays. Answers whether there was one."""
        server = self.running()
        pid = self.process.pid if self.process else (server or {}).get("pid")
        if pid is None:
            return False
        end(pid, self.process)
        self.process = self.server = None
        (self.directory / "server.json").unlink(missing_ok=True)
        shutil.rmtree(self.directory / "tmp", ignore_errors=True)
        return True

    def kill_functions(self):
        """Kills every process of a function, as a crash does; answers how many there were."""
        listed = subprocess.run(["ps", "-eo", "pid=,pgid=,comm="], capture_output=True, text=True, check=True).stdout
        rows = [line.split(None, 2) for line in listed.splitlines()]
        group = str(self.process.pid)
        pids = [int(pid) for pid, owner, program in rows if owner == group and program == "bootstrap"]
        return sum(signalled(os.kill, pid, signal.SIGKILL) for pid in pids)

    @property
    def endpoint(self):
        """The address of the running server; raises if there is none."""
        self.server = self.server or self.running()
        if not self.server:
            raise RuntimeError(f"no local AWS is running at {self.directory}")
        return self.server["endpoint"]

    def environment(self):
        """The variables with which any AWS program talks to this server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }

    def client(self, service, **settings):
        """A boto3 client of this server. Clients may be shared between threads."""
        with SESSION_LOCK:
            return SESSION.client(service, **{**self.settings(), **settings})

    def resource(self, service):
        """A boto3 resource of this server; one thread only."""
        with SESSION_LOCK:
            return SESSION.resource(service, **self.settings())

    def settings(self):
        config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3}, read_timeout=900)
        return {"endpoint_url": self.endpoint, "config": config}

    # -- the stack --

    def deploy(self, parameters=None, template=ROOT / "template.yaml"):
        """Creates or updates the stack; answers its outputs. `Stage`, `Target` and `Architecture` fit this machine."""
        defaults = {"Stage": "local", "Target": "local", "Architecture": ARCHITECTURES.get(platform.machine(), "x86_64")}
        known = deploy.parameters_of(template)
        wanted = {name: value for name, value in defaults.items() if name in known}
        return deploy.deploy(self.client, template, self.functions, self.stack, {**wanted, **(parameters or {})})

    def outputs(self):
        """The deployed stack's outputs."""
        return deploy.outputs(self.client("cloudformation"), self.stack)

    def physical_id(self, logical_id):
        """The name that a resource of the stack or of its nested stacks has."""
        return deploy.physical_id(self.client("cloudformation"), self.stack, logical_id)

    def function_variables(self, logical_id):
        """The variables with which the function does the same outside of this server."""
        configuration = self.client("lambda").get_function_configuration(FunctionName=self.physical_id(logical_id))
        variables = configuration["Environment"]["Variables"] | self.environment()
        return variables | {"AWS_REGION": variables["AWS_DEFAULT_REGION"]}

    def query(self, sql, parameters=(), database=None, workgroup=None) -> QueryResult:
        """Runs one statement through Athena's API in the stack's workgroup and database; raises if it fails.

        `parameters` fill the `?` of the statement and are SQL literals, as in Athena: `"'2025'"`, `"7"`.
        """
        outputs = self.outputs() if database is None or workgroup is None else {}
        return run_query(
            self.client("athena"),
            sql,
            database=database or outputs["GlueDatabaseName"],
            workgroup=workgroup or outputs["AthenaWorkGroupName"],
            parameters=parameters,
        )


def shown(path):
    """A path as one types it in the project's folder."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def end(pid, process=None, patience_secs=10):
    """Asks the leader of a process group to end, and ends it if it does not; then whatever is left of its group."""
    for name in (signal.SIGTERM, signal.SIGKILL):
        if not signalled(os.kill, pid, name) or gone(pid, process, patience_secs):
            break
    signalled(os.killpg, pid, signal.SIGKILL)


def signalled(send, pid, name):
    """Whether there was a process to send the signal to."""
    try:
        send(pid, name)
        return True
    except ProcessLookupError:
        return False


def gone(pid, process, patience_secs):
    deadline = time.monotonic() + patience_secs
    while time.monotonic() < deadline:
        if (process.poll() is not None) if process else not alive(pid):
            return True
        time.sleep(0.05)
    return False


def alive(pid):
    """Whether there is such a process."""
    return signalled(os.kill, pid, 0)
