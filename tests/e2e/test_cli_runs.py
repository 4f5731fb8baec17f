"""`ghactivity` starts executions on the deployed stack and follows them. Errors are one line with a next step."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from conftest import BINARIES
from deployment import Lake

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def one_line(run: subprocess.CompletedProcess[str]) -> str:
    """Checks exit status 2 and returns the one error line."""
    assert run.returncode == 2, run.stdout + run.stderr
    lines = [line for line in run.stderr.splitlines() if line.startswith("ghactivity: ")]
    assert len(lines) == 1, run.stderr
    return lines[0]


def test_hour_is_run_and_reported(lake: Lake, ghactivity: Run, generate: Callable[..., bytes]) -> None:
    hour = "2025-01-07-3"
    lake.serve(hour, generate(hour, "--events", "2500", "--bad", "0.01", "--duplicates", "0.01"))
    run = ghactivity("hour", hour, "--json")
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    (of_hour,) = told["hours"]
    counts = lake.ledger(hour)["counts"]
    assert {name: of_hour[name] for name in ("records", "rows", "duplicates", "quarantined")} == {
        name: counts[name] for name in ("records", "rows", "duplicates", "quarantined")
    }
    assert (of_hour["status"], of_hour["hour"], told["status"]) == ("published", hour, "succeeded")
    assert of_hour["quarantined"] > 0
    assert of_hour["duplicates"] > 0
    table = ghactivity("watch", told["execution"])
    assert table.returncode == 0
    assert f"{hour}" in table.stdout and f"{counts['rows']:,}" in table.stdout


def test_failed_hour_reports_reason_and_next_step(lake: Lake, ghactivity: Run) -> None:
    hour = "2025-01-07-4"
    lake.serve(hour, b"<html>no gzip</html>")
    run = ghactivity("hour", hour)
    line = one_line(run)
    assert "failed: NotGzip: " in line and "run it again when it is repaired" in line
    assert "Fetch: NotGzip: " in run.stderr
    assert "Rust" not in line and "{" not in line


def test_shrinking_hour_is_refused_unless_forced(lake: Lake, ghactivity: Run, generate: Callable[..., bytes]) -> None:
    hour = "2025-01-07-5"
    lake.serve(hour, generate(hour, "--events", "300"))
    assert ghactivity("hour", hour).returncode == 0
    lake.serve(hour, generate(hour, "--events", "200"))
    assert "--force" in one_line(ghactivity("hour", hour))
    assert len(lake.rows(hour)) == 300
    assert ghactivity("hour", hour, "--force").returncode == 0
    assert len(lake.rows(hour)) == 200


def test_absent_hour_is_not_a_failure(lake: Lake, ghactivity: Run) -> None:
    run = ghactivity("hour", "2025-01-07-6", "--json")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["hours"][0]["status"] == "missing"


def test_ctrl_c_detaches_and_prints_attach_command(lake: Lake, ghactivity: Run) -> None:
    hour = "2025-01-07-7"
    environment = {"PATH": "/usr/bin:/bin"} | lake.aws.environment()
    lake.serve(hour, b"")
    command: list[str | Path] = [BINARIES / "ghactivity", "hour", hour]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd="/") as watcher:
        assert watcher.stderr
        arn = watcher.stderr.readline().strip()
        watcher.send_signal(signal.SIGINT)
        rest = watcher.stderr.read()
        status = watcher.wait(30)
    assert status == 130
    assert f"ghactivity watch {arn}" in rest
    lake.wait(arn)
    again = ghactivity("watch", arn)
    assert "EmptyArchive" in one_line(again)


def test_no_wait_prints_the_execution(lake: Lake, ghactivity: Run, generate: Callable[..., bytes]) -> None:
    hour = "2025-01-07-9"
    lake.serve(hour, generate(hour, "--events", "50"))
    for options, arn_of in ((["--json"], lambda text: json.loads(text)["execution"]), ([], str.strip)):
        run = ghactivity("hour", hour, "--detach", *options)
        assert run.returncode == 0, run.stderr
        assert lake.wait(arn_of(run.stdout)).status == "SUCCEEDED"


def test_malformed_version_starts_nothing(lake: Lake, ghactivity: Run) -> None:
    run = ghactivity("rollback", "2025-01-07-3", "--to", "xyz")
    assert (run.returncode, run.stdout) == (1, "")
    assert "'xyz' is not a version" in run.stderr


def test_absent_thing_is_named_with_next_step(lake: Lake, ghactivity: Run) -> None:
    hour = "2025-01-07-8"
    absent = one_line(ghactivity("hour", hour, "--stack", "elsewhere"))
    assert "no stack elsewhere in us-east-1 at http://" in absent and "--stack" in absent
    arn = "arn:aws:states:us-east-1:000000000000:execution:ghactivity-process-hour:never"
    assert "never not found" in one_line(ghactivity("watch", arn))
    nonsense = ghactivity("watch", "ghactivity-ingest")
    assert (nonsense.returncode, nonsense.stdout) == (1, "") and "'ghactivity-ingest' is not the ARN of an execution" in nonsense.stderr
    silent = one_line(ghactivity("hour", hour, environment={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}))
    assert "cannot reach http://127.0.0.1:9" in silent and "ghactivity local up" in silent
    nowhere = {"AWS_DEFAULT_REGION": "", "AWS_CONFIG_FILE": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}
    assert "AWS_REGION" in one_line(ghactivity("hour", hour, environment=nowhere))
    nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
    assert "no AWS credentials" in one_line(ghactivity("hour", hour, environment=nowhere | nobody | {"AWS_REGION": "us-east-1"}))
