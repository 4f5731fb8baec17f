"""The source of the laptop: the project's archive server as a child process, or one that stays."""

import ctypes
import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from local_aws.stack.build import archive_server
from local_aws.stack.aws import alive, end


#: The hour that the events in `events/` are about.
SAMPLE_HOUR = "2025-11-21-0"


def write_sample_hour(path):
    """The sample events' hour, the same bytes each time: 9,000 events in one chunk, and some lines equal or bad."""
    command = [archive_server(), "generate", "--hour", SAMPLE_HOUR, "--events", "9000", "--duplicates", "0.001", "--bad", "0.0005", "--out", path]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


class Archive:
    """An archive server with `arguments` (see `archive-server --help`), kept track of in `directory`.

    Attached, it is stopped by `stop` or on leaving the `with` block; detached, it stays until `stop`.
    """

    def __init__(self, directory, arguments, port=0, detached=False):
        self.directory = Path(directory).resolve()
        self.arguments = [str(one) for one in arguments]
        self.port = port
        self.detached = detached
        self.process = None
        self.url = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self, timeout_secs=20):
        """Starts the server anew, whatever ran before; returns when it listens."""
        self.stop()
        self.directory.mkdir(parents=True, exist_ok=True)
        log = self.directory / "archive.log"
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                [archive_server(), "--port", str(self.port), *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=None if self.detached else end_with_parent,
            )
        deadline = time.monotonic() + timeout_secs
        while not (found := re.search(r"listening on (http://\S+)", log.read_text(errors="replace"))):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the archive server did not start: {log.read_text(errors='replace').strip()}")
            time.sleep(0.02)
        self.url = found.group(1)
        self.record.write_text(json.dumps({"pid": self.process.pid, "url": self.url, "arguments": self.arguments}))
        return self

    @property
    def record(self):
        return self.directory / "archive.json"

    def running(self):
        """What is known of the server of this directory, if it still answers."""
        try:
            record = json.loads(self.record.read_text())
        except (OSError, ValueError):
            return None
        if not alive(record["pid"]):
            return None
        try:
            urllib.request.urlopen(record["url"], timeout=5).close()
        except urllib.error.HTTPError:
            return record  # it answers, if only that there is nothing at the root
        except OSError:
            return None
        return record

    def stop(self):
        """Stops the server, if one runs."""
        record = self.running()
        pid = self.process.pid if self.process else (record or {}).get("pid")
        if pid is not None:
            end(pid, self.process)
        self.process = None
        self.record.unlink(missing_ok=True)
        return pid is not None


def end_with_parent():
    """In the child, before it becomes the server: on Linux, a parent that is killed takes it along."""
    set_parent_death_signal = 1
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)
