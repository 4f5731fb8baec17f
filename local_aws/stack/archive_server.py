"""Starts the project's archive server: the source of hours on this machine."""

import ctypes
import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from local_aws.stack.build import archive_server_binary
from local_aws.stack.processes import end, is_alive

#: The hour of the sample events in `events/`.
SAMPLE_HOUR = "2025-11-21-0"
PR_SET_PDEATHSIG = 1


def write_sample_hour(path: Path) -> None:
    """The hour of the sample events, the same bytes each time: one chunk of 9,000 events, with some duplicates and bad records."""
    options: list[str | Path] = ["--events", "9000", "--duplicates", "0.001", "--bad", "0.0005", "--out", path]
    subprocess.run([archive_server_binary(), "generate", "--hour", SAMPLE_HOUR, *options], check=True, stdout=subprocess.DEVNULL)


class ArchiveServer:
    """An archive server with `arguments` (see `archive-server --help`). `archive.json` in the directory has its address and arguments.

    Attached (the default), it ends with this process. Detached, it runs until `stop`. Port 0 chooses a free port.
    """

    def __init__(self, directory: Path | str, arguments: Iterable[object], port: int = 0, detached: bool = False) -> None:
        self.directory = Path(directory).resolve()
        self.arguments = [str(one) for one in arguments]
        self.port = port
        self.detached = detached
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.record = self.directory / "archive.json"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, timeout_secs: float = 20) -> Self:
        """Stops the server that runs in this directory, starts a new one and waits until it listens."""
        self.stop()
        self.directory.mkdir(parents=True, exist_ok=True)
        log = self.directory / "archive.log"
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                [archive_server_binary(), "--port", str(self.port), *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=None if self.detached else end_with_parent,  # noqa: PLW1509 (calls prctl only)
            )
        deadline = time.monotonic() + timeout_secs
        while not (found := re.search(r"listening on (http://\S+)", log.read_text(errors="replace"))):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the archive server did not start: {log.read_text(errors='replace').strip()}")
            time.sleep(0.02)
        self.url = found[1]
        self.record.write_text(json.dumps({"pid": self.process.pid, "url": self.url, "arguments": self.arguments}))
        return self

    def running(self) -> dict[str, Any] | None:
        """The content of `archive.json` if that server responds."""
        try:
            record: dict[str, Any] = json.loads(self.record.read_text())
        except (OSError, ValueError):
            return None
        if not is_alive(record["pid"]):
            return None
        try:
            urllib.request.urlopen(record["url"], timeout=5).close()
        except urllib.error.HTTPError:
            return record  # 404: the root is not an hour
        except OSError:
            return None
        return record

    def served_arguments(self) -> list[str]:
        """The arguments of the running server; none if nothing runs."""
        arguments: list[str] = (self.running() or {}).get("arguments", [])
        return arguments

    def stop(self) -> bool:
        """Stops the server. Reports whether one was running."""
        record = self.running()
        pid = self.process.pid if self.process else (record or {}).get("pid")
        if pid is not None:
            end(pid, self.process)
        self.process = None
        self.record.unlink(missing_ok=True)
        return pid is not None


def end_with_parent() -> None:
    """Runs in the child before it becomes the server. On Linux, the kernel then ends it when its parent is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
