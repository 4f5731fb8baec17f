"""The sample events work unchanged, in the order of the steps of an hour, on the local source's sample hour."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from deployment import FunctionError, Lake
from local_aws.actions import write_function_variables
from local_aws.stack.archive_server import SAMPLE_HOUR, write_sample_hour

FAILURES = {
    "commit-bookmark-failed-hour": "CorruptArchive",
    "commit-bookmark-no-outcome": "InvalidInput",
    "convert-chunk-bad-hour": "InvalidInput",
    "convert-chunk-negative-chunk": "InvalidInput",
    "export-ledger-half-a-range": "InvalidInput",
    "fetch-bad-hour": "InvalidInput",
    "fetch-unknown-source": "InvalidInput",
    "list-hours-unknown-field": "InvalidInput",
    "next-file-negative-hours": "InvalidInput",
    "prove-hour-bad-name": "InvalidInput",
    "register-partition-unknown-field": "InvalidInput",
}
STEPS = ("next-file", "fetch", "convert-chunk", "register-partition", "commit-bookmark", "list-hours", "export-ledger", "prove-hour")


def event(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return event


def test_every_sample_event_is_tried() -> None:
    """`test_csv_load.py` and `test_event_stream.py` run the events of CSV loads and of the event stream."""
    others = ("process-events", "plan-csv", "load-csv-chunk", "commit-csv-load", "undo-csv-load")
    names = {path.stem for path in (ROOT / "events").glob("*.json") if not path.stem.startswith(others)}
    assert names == set(FAILURES) | set(STEPS)


@pytest.fixture(scope="module")
def sample_hour(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("sample") / "hour.json.gz"
    write_sample_hour(file)
    lake.serve(SAMPLE_HOUR, file.read_bytes())


@pytest.fixture(scope="module")
def cargo_lambda(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], str]]:
    """Runs `cargo lambda invoke FUNCTION --data-file EVENT`, while a `cargo lambda watch` runs."""
    command, folder, port = ROOT / ".tools/dev/bin/cargo-lambda", tmp_path_factory.mktemp("cargo-lambda"), free_port()
    address = ["--invoke-address", "127.0.0.1", "--invoke-port", str(port)]
    watch: list[str | Path] = [
        command,
        "lambda",
        "watch",
        "--ignore-changes",
        *address,
        "--env-file",
        write_function_variables(lake.aws, folder),
    ]

    def invoke(function: str, event: str) -> str:
        run: list[str | Path] = [command, "lambda", "invoke", function, *address, "--data-file", ROOT / "events" / f"{event}.json"]
        done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
        return done.stdout + done.stderr

    with open(folder / "watch.log", "w") as log:
        watching = subprocess.Popen(watch, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        try:
            deadline = time.monotonic() + 60
            while not connects(port):
                assert watching.poll() is None and time.monotonic() < deadline, (folder / "watch.log").read_text()
                time.sleep(0.1)
            yield invoke
        finally:
            os.killpg(watching.pid, signal.SIGTERM)
            watching.wait(30)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def connects(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_cargo_lambda_invoke_takes_the_events(lake: Lake, sample_hour: None, cargo_lambda: Callable[[str, str], str]) -> None:
    answers = {name: json.loads(cargo_lambda(name, name)) for name in STEPS}
    assert answers["commit-bookmark"]["status"] == "published"
    assert "InvalidInput" in cargo_lambda("fetch", "fetch-bad-hour")
    assert "CorruptArchive" in cargo_lambda("commit-bookmark", "commit-bookmark-failed-hour")


def test_sample_events_publish_their_hour(lake: Lake, sample_hour: None) -> None:
    answers = {name: lake.invoke(name, event(name)) for name in STEPS}
    assert len(answers["next-file"]["hours"]) <= event("next-file")["max_hours"]
    assert answers["fetch"]["version"] == event("convert-chunk")["version"], "events/*.json have the version that fetch returns"
    sample, real = event("commit-bookmark")["outcome"]["published"], answers["register-partition"]
    for field in ("version", "partition_location", "landing_md5", "landing_bytes", "counts", "chunks", "parquet_bytes", "types"):
        assert sample[field] == real[field], f"events/commit-bookmark.json: {field}"
    assert answers["commit-bookmark"]["status"] == "published"
    assert len(lake.rows(SAMPLE_HOUR)) == real["counts"]["rows"]


@pytest.mark.parametrize(("name", "error"), sorted(FAILURES.items()))
def test_failing_sample_event_fails_by_name(lake: Lake, name: str, error: str) -> None:
    function = next(step for step in STEPS if name.startswith(step))
    with pytest.raises(FunctionError) as failed:
        lake.invoke(function, event(name))
    assert failed.value.name == error
