"""`ghactivity local` runs a local AWS that keeps its data between runs; then a new user's first commands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import BINARIES, ROOT
from deployment import wait_until
from local_aws.actions import deployed_parameters
from local_aws.stack.aws import LocalAws

Local = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("local") / "aws"


@pytest.fixture(scope="module")
def command(directory: Path) -> Local:
    """Runs `ghactivity` in the project's folder, without AWS environment variables."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        where = ["--directory", str(directory)] if arguments[0] == "local" else []
        return subprocess.run(
            [BINARIES / "ghactivity", *arguments, *where], cwd=ROOT, env=clean | variables, capture_output=True, text=True, timeout=300
        )

    return run


@pytest.fixture(scope="module")
def up(directory: Path, command: Local) -> Iterator[dict[str, str]]:
    """Starts a local AWS, and yields the variables that `local env` sets."""
    done = command("local", "up", "--port", "0", "--hours", "2", "--events", "400", "--parameter", "BaselineDays=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"log: {directory / 'server.log'}" in done.stdout
    try:
        shell = command("local", "env").stdout
        yield dict(re.findall(r"(AWS_\w+)=(\S+)", shell))
    finally:
        LocalAws(directory).stop()
        command("local", "down")


def test_stopped_local_aws_reports_nothing_running(tmp_path: Path) -> None:
    for action in ("env", "logs"):
        program: list[str | Path] = [BINARIES / "ghactivity", "local", action, "--directory", tmp_path]
        done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 2 and "start it with 'ghactivity local up'" in done.stderr


def test_local_outside_a_clone_reports_the_need(tmp_path: Path) -> None:
    copy = tmp_path / "ghactivity"
    copy.write_bytes((BINARIES / "ghactivity").read_bytes())
    copy.chmod(0o755)
    done = subprocess.run([copy, "local", "status"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and "run this in a clone of the project" in done.stderr


@pytest.fixture(scope="module")
def ingested(up: dict[str, str], command: Local) -> dict[str, Any]:
    """Runs the `ingest` command that `local status` prints, and returns its report."""
    shown = command("local", "status").stdout
    [hint] = [found.split() for found in re.findall(r"^  ghactivity (ingest .+)$", shown, re.MULTILINE)]
    assert hint[1] == "--from" and hint[3:] == ["--hours", "2"]
    report: dict[str, Any] = json.loads(command(*hint, "--json", **up).stdout)
    return report


def test_env_output_suffices_for_other_commands(ingested: dict[str, Any]) -> None:
    assert [(one["status"], one["rows"]) for one in ingested["hours"]] == [("published", 400)] * 2


def test_status_has_json_output(up: dict[str, str], command: Local, directory: Path) -> None:
    told = json.loads(command("local", "status", "--json").stdout)
    assert told["endpoint"] == up["AWS_ENDPOINT_URL"] and told["log"] == str(directory / "server.log")
    assert told["outputs"] == LocalAws(directory).outputs()


def test_first_hour_applies_to_new_jobs_only(up: dict[str, str], ingested: dict[str, Any], command: Local) -> None:
    again = command("ingest", "--from", "2025-01-01-0", "--hours", "1", **up)
    assert again.returncode == 0, again.stderr
    assert "--from 2025-01-01-0 is ignored: job ghactivity_ingest already starts at" in again.stderr


def test_prove_without_range_covers_to_bookmark(up: dict[str, str], ingested: dict[str, Any], command: Local) -> None:
    done = command("prove", "--json", **up)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["output"]
    assert (told["hours"], told["proven"], told["rows"]) == (2, 2, 800)


def test_deploy_keeps_parameters_not_given(up: dict[str, str], ingested: dict[str, Any], command: Local, directory: Path) -> None:
    done = command("local", "deploy", "--parameter", "ChunkRecords=700")
    assert done.returncode == 0, done.stdout + done.stderr
    found = deployed_parameters(LocalAws(directory))
    assert (found["ChunkRecords"], found["BaselineDays"]) == ("700", "1")


def test_dashboard_is_written_as_a_page(up: dict[str, str], ingested: dict[str, Any], command: Local, directory: Path) -> None:
    done = command("local", "dashboard")
    assert done.returncode == 0 and str(directory / "dashboard.html") in done.stdout, done.stdout + done.stderr
    assert "HoursPublished" in (directory / "dashboard.html").read_text()


def test_logs_are_printed_and_followed(up: dict[str, str], command: Local, directory: Path) -> None:
    lines = command("local", "logs", "--lines", "5").stdout.splitlines()
    assert len(lines) == 5 and "\n".join(lines) in (directory / "server.log").read_text()
    program: list[str | Path] = [BINARIES / "ghactivity", "local", "logs", "--follow", "--lines", "1", "--directory", directory]
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True) as follower:
        seen: list[str] = []
        output: Any = follower.stdout
        threading.Thread(target=lambda: seen.extend(output), daemon=True).start()
        wait_until(lambda: seen, "the last line is printed")
        with open(directory / "server.log", "a") as log:
            log.write("a line that comes later\n")
        wait_until(lambda: "a line that comes later\n" in seen, "what comes is printed")
        follower.terminate()


def test_data_survives_a_restart(up: dict[str, str], ingested: dict[str, Any], command: Local) -> None:
    stopped = command("local", "down")
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
    assert command("local", "down").stdout == "nothing was running\n"
    gone = command("status", **up)
    assert gone.returncode == 2 and "ghactivity local up" in gone.stderr
    assert command("local", "status").returncode == 2
    again = command("local", "up", "--port", "0", "--hours", "2", "--events", "400")
    assert again.returncode == 0, again.stderr
    variables = dict(re.findall(r"(AWS_\w+)=(\S+)", command("local", "env").stdout))
    runs = json.loads(command("status", "--json", **variables).stdout)["runs"]
    assert [run["status"] for run in runs] == ["published"] * 2
