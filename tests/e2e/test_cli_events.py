"""`ghactivity events`: events that are put arrive, and verify reports exactly what is stored and what is damaged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from conftest import BINARIES
from local_aws.demos.events_demo import FunctionKiller
from stacks import Stacks
from stream import Stream, event

Run = Callable[..., "subprocess.CompletedProcess[str]"]
SIMULATED = ("--simulate", "3000", "--duplicates", "0.05", "--out-of-order", "--poison", "0.01", "--seed", "7")


@pytest.fixture(scope="module")
def stream(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stream]:
    with Stream(stacks, tmp_path_factory.mktemp("aws"), StreamShards=2) as stream:
        yield stream


@pytest.fixture
def events(stream: Stream, tmp_path: Path) -> Iterator[Run]:
    """Runs `ghactivity events` on the event stream, deployed alone. Its bucket is empty at the start of each test."""

    def run(*arguments: object, **settings: Any) -> subprocess.CompletedProcess[str]:
        settled = ("--settle", "2") if arguments[0] == "verify" else ()
        command: list[str | Path] = [BINARIES / "ghactivity", "events", *map(str, arguments), *settled, "--stack", "ghactivity-events"]
        environment = {"PATH": "/usr/bin:/bin", **stream.aws.environment()}
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=200, **settings)

    yield run
    bucket = stream.outputs["EventBucketName"]
    for key in [*stream.keys("events/"), *stream.keys("quarantine/")]:
        stream.s3.delete_object(Bucket=bucket, Key=key)


def told(run: subprocess.CompletedProcess[str], status: int = 0) -> dict[str, Any]:
    assert run.returncode == status, run.stdout + run.stderr
    report: dict[str, Any] = json.loads(run.stdout)
    return report


def complaint(run: subprocess.CompletedProcess[str], status: int) -> str:
    """Checks the exit status and returns the one error line."""
    assert run.returncode == status, run.stdout + run.stderr
    [line] = [line for line in run.stderr.splitlines() if line.startswith("ghactivity: ")]
    return line


def test_verify_names_each_damage_to_a_simulation(stream: Stream, events: Run, tmp_path: Path) -> None:
    put = told(events("put", *SIMULATED, "--sent", "sent.jsonl", "--json"))
    assert put["skipped"] == 0 and put["stream"] == stream.outputs["StreamName"]
    by_options, by_file = (told(events("verify", *what, "--json")) for what in (SIMULATED, ["sent.jsonl"]))
    assert by_options == by_file and by_options["balanced"] and by_options["findings"] == {}
    sent, stored = by_options["sent"], by_options["stored"]
    assert sent["events"] == stored["events"] == 3000 and 100 < sent["again"] < 200
    assert sent["bad"] == stored["bad"] > 10 and sent["records"] == put["records"] == 3000 + sent["again"] + sent["bad"]
    lines = [json.loads(line) for line in (tmp_path / "sent.jsonl").read_text().splitlines()]
    assert len(lines) == put["records"] and {line["shard_id"] for line in lines} == {"shardId-000000000000", "shardId-000000000001"}
    table = events("verify", "sent.jsonl")
    assert table.returncode == 0 and "it balances" in table.stdout and "3,000" in table.stdout

    bucket, keys = stream.outputs["EventBucketName"], stream.keys("events/")
    whole = {key: stream.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys[:4]}
    files = {key: Parquet(tmp_path / f"{number}.parquet", body) for number, (key, body) in enumerate(whole.items())}
    gone, doubled, altered, moved = whole
    stream.s3.delete_object(Bucket=bucket, Key=gone)
    twin = doubled.replace("shardId-", "shardId-9")
    stream.s3.put_object(Bucket=bucket, Key=twin, Body=whole[doubled])
    victim, name = files[altered].column("event_uuid")[0], files[altered].column("event_name")[0]
    changed = files[altered].changed(f"SELECT * REPLACE (if(event_uuid = '{victim}', 'lesson:invented', event_name) AS event_name)")
    stream.s3.put_object(Bucket=bucket, Key=altered, Body=changed)
    elsewhere = moved.replace("event_date=2025-11-21", "event_date=2025-11-22")
    stream.s3.delete_object(Bucket=bucket, Key=moved)
    stream.s3.put_object(Bucket=bucket, Key=elsewhere, Body=whole[moved])
    invented = files[moved].changed(f"SELECT * REPLACE ('{uuid.UUID(int=1)}' AS event_uuid)", "LIMIT 1")
    stream.s3.put_object(Bucket=bucket, Key="events/event_type=other/event_date=2025-11-21/new.snappy.parquet", Body=invented)
    stream.s3.put_object(Bucket=bucket, Key="events/event_type=other/event_date=2025-11-21/odd.snappy.parquet", Body=b"PAR1")
    [bad, *_] = stream.keys("quarantine/events/")
    kept = stream.s3.get_object(Bucket=bucket, Key=bad)["Body"].read()
    first, *rest = kept.splitlines(keepends=True)
    other = first.replace(json.loads(first)["reason"].encode(), b"too_large", 1)
    stream.s3.put_object(Bucket=bucket, Key=bad, Body=b"".join([other, *rest]))

    found = told(events("verify", "sent.jsonl", "--wait", "0", "--json"), 2)
    findings = found["findings"]
    assert not found["balanced"]
    assert {kind: finding["count"] for kind, finding in findings.items()} == {
        "missing": len(files[gone]),
        "doubled": len(files[doubled]),
        "unsent": 1,
        "altered": 1,
        "misplaced": len(files[moved]),
        "bad_reason": 1,
        "unreadable": 1,
    }
    named = {kind: finding["examples"][0] for kind, finding in findings.items()}
    assert named["missing"] in files[gone].column("event_uuid")
    assert doubled in named["doubled"] and twin in named["doubled"]
    assert named["unsent"] == f"{uuid.UUID(int=1)} in events/event_type=other/event_date=2025-11-21/new.snappy.parquet"
    assert named["altered"] == f"{victim} in {altered}: event_name is 'lesson:invented', was sent as '{name}'"
    assert elsewhere in named["misplaced"] and "odd.snappy.parquet" in named["unreadable"]
    assert bad in named["bad_reason"] and "too_large instead of" in named["bad_reason"]
    line = complaint(events("verify", "sent.jsonl", "--wait", "0"), 2)
    assert f"{len(files[gone]):,} sent events are not stored" in line and "1 stored rows were not sent" in line
    told(events("verify", "sent.jsonl", "--wait", "0", "--json", "--ignore-unsent"), 2)


class Parquet:
    """A Parquet file of events that a test reads and changes."""

    def __init__(self, path: Path, body: bytes) -> None:
        self.path = path
        path.write_bytes(body)

    def __len__(self) -> int:
        return len(self.column("event_uuid"))

    def column(self, name: str) -> list[str]:
        found = duckdb.sql(f"SELECT {name} FROM read_parquet('{self.path}')")
        assert found
        return [row[0] for row in found.fetchall()]

    def changed(self, select: str, limit: str = "") -> bytes:
        """Returns the bytes of a new file with the rows of a query."""
        other = self.path.with_suffix(".changed")
        duckdb.sql(f"COPY ({select} FROM read_parquet('{self.path}') {limit}) TO '{other}' (FORMAT parquet)")
        return other.read_bytes()


def test_simulation_balances_while_function_is_killed(stream: Stream, events: Run) -> None:
    many = ("--simulate", "20000", "--duplicates", "0.05", "--out-of-order", "--poison", "0.001", "--seed", "11")
    with FunctionKiller(stream.aws, kills=8, seed=11) as killer:
        assert events("put", *many).returncode == 0
        found = told(events("verify", *many, "--json"))
    assert found["stored"]["events"] == 20_000 and found["sent"]["again"] > 900
    assert killer.killed > 2, "the function was killed too rarely"


def test_invalid_lines_are_named_and_not_sent(stream: Stream, events: Run, tmp_path: Path) -> None:
    good = [json.dumps(event(90_000 + number, note="ü\u2028")) for number in range(20)]
    text = "\n".join([*good[:10], "no event", "", '{"event_name":"a:b","created_at":1763683200000}', *good[10:]])
    put = events("put", "-", "--sent", "sent.jsonl", input=text)
    line = complaint(put, 2)
    assert "2 lines of - are not events and were not sent" in line and "--as-is" in line
    assert "line 11: not_json: " in put.stderr and "line 13: bad_uuid: event_uuid is missing" in put.stderr
    assert told(events("verify", "sent.jsonl", "--json"))["sent"] == {"records": 20, "events": 20, "again": 0, "bad": 0}

    (tmp_path / "events.jsonl").write_text(text)
    assert told(events("put", "events.jsonl", "--as-is", "--json"))["records"] == 22
    found = told(events("verify", "events.jsonl", "--json"))
    assert found["stored"]["events"] == 20 and found["stored"]["bad"] == 2


def test_unsent_events_are_findings_unless_ignored(stream: Stream, events: Run, tmp_path: Path) -> None:
    for number, name in enumerate(("ours", "theirs")):
        (tmp_path / name).write_text("".join(json.dumps(event(91_000 + number * 100 + n)) + "\n" for n in range(30)))
        assert events("put", name).returncode == 0
    assert told(events("verify", "ours", "theirs", "--json"))["stored"]["events"] == 60
    assert told(events("verify", "ours", "--json", "--wait", "0"), 2)["findings"]["unsent"]["count"] == 30
    assert told(events("verify", "ours", "--json", "--ignore-unsent"))["balanced"]


def test_rate_is_kept_and_stop_keeps_sent_events(stream: Stream, events: Run, tmp_path: Path) -> None:
    command: list[str | Path] = [BINARIES / "ghactivity", "events", "put", "--simulate", "100000", "--rate", "200", "--sent", "sent.jsonl"]
    environment = {"PATH": "/usr/bin:/bin", **stream.aws.environment()}
    put = subprocess.Popen([*command, "--stack", "ghactivity-events"], env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    sent = tmp_path / "sent.jsonl"
    while not sent.exists() or len(sent.read_text().splitlines()) < 100:
        assert put.poll() is None
    os.kill(put.pid, signal.SIGINT)
    assert put.stderr
    assert put.wait(30) == 130 and "stopped after" in put.stderr.read()
    count = len(sent.read_text().splitlines())
    assert count < 100_000
    assert told(events("verify", "sent.jsonl", "--json"))["stored"]["events"] == count


def test_usage_error_is_one_line_with_next_step(stream: Stream, events: Run, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("")
    assert "there: File exists" in complaint(events("put", "--simulate", "5", "--sent", "there"), 1)
    assert "absent: No such file" in complaint(events("put", "absent"), 1)
    assert "absent: No such file" in complaint(events("verify", "absent"), 1)
    (tmp_path / "cut").write_text('{"shard_id":"shardId-000000000000","seq')
    assert "cut: line 1 is truncated or changed" in complaint(events("verify", "cut"), 1)
    for nonsense in (("put",), ("put", "file", "--simulate", "5"), ("verify",), ("put", "--simulate", "5", "--duplicates", "2")):
        assert events(*nonsense).returncode == 1


def test_stack_without_stream_reports_how_to_enable(ghactivity: Run) -> None:
    for action in ("put", "verify"):
        line = complaint(ghactivity("events", action, "--simulate", "5"), 2)
        assert "stack ghactivity has no event stream" in line and "EventStreamEnabled=ENABLED" in line and "--stack" in line
