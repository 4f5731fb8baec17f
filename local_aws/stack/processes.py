"""Signals and ends processes."""

import os
import signal
import subprocess
import time
from collections.abc import Callable

POLL_SECS = 0.05


def end(pid: int, process: subprocess.Popen[bytes] | None = None, timeout_secs: float = 10) -> None:
    """Terminates the leader of a process group, kills it after the timeout, then kills the rest of its group.

    `process` is the leader if this process started it.
    """
    for signum in (signal.SIGTERM, signal.SIGKILL):
        if not send(os.kill, pid, signum) or wait_until_gone(pid, process, timeout_secs):
            break
    send(os.killpg, pid, signal.SIGKILL)


def send(kill: Callable[[int, int], None], pid: int, signum: int) -> bool:
    """Sends a signal with `os.kill` or `os.killpg`. Reports whether the process exists."""
    try:
        kill(pid, signum)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(pid: int, process: subprocess.Popen[bytes] | None, timeout_secs: float) -> bool:
    deadline = time.monotonic() + timeout_secs
    while time.monotonic() < deadline:
        if (process.poll() is not None) if process else not is_alive(pid):
            return True
        time.sleep(POLL_SECS)
    return False


def is_alive(pid: int) -> bool:
    return send(os.kill, pid, 0)
