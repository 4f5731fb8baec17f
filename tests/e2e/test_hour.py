"""One hour goes from the source to SQL. Its rows equal those that an independent script computes from the raw file, and it is proven."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

import oracle
from conftest import real_hours, real_samples
from deployment import Lake


def check_hour(lake: Lake, hour: str, body: bytes, tmp_path: Path) -> None:
    lake.serve(hour, body)
    run = lake.run_hour(hour, job_id=f"test_{hour}")
    assert run.status == "SUCCEEDED", run
    file = tmp_path / f"{hour}.json.gz"
    file.write_bytes(body)
    expected = oracle.facts(file)
    ledger = lake.ledger(hour)
    assert ledger["status"] == "published"
    for name in ("lines", "blank_lines", "records", "rows", "duplicates"):
        assert ledger["counts"][name] == expected[name], name
    assert ledger["counts"]["quarantined"] == expected["bad_records"]
    assert ledger["types"] == expected["types"]
    assert lake.read(f"landing/ghactivity/{hour}.json.gz") == body, "the landing object is the source's bytes"

    year, month, day, hour_of_day = (f"{int(part):02}" for part in hour.split("-"))
    found = lake.query(
        "SELECT count(*) AS n, count(DISTINCT actor.login) AS actors, count(DISTINCT repo.name) AS repos, "
        "min(created_at) AS first, max(created_at) AS last FROM events "
        f"WHERE year = '{year}' AND month = '{month}' AND dayofmonth = '{day}' AND hour = '{hour_of_day}'"
    )[0]
    assert int(found["n"]) == expected["rows"]
    assert int(found["actors"]) == expected["distinct_actors"]
    assert int(found["repos"]) == expected["distinct_repos"]
    assert (instant(found["first"]), instant(found["last"])) == tuple(
        instant(expected[name]) for name in ("min_created_at", "max_created_at")
    )
    check_payloads(lake, hour, body)
    proof = lake.invoke("prove-hour", {"proof": "test_hour", "hour": hour})
    assert proof == {"hour": hour, "proven": True}, lake.read(f"reports/ghactivity/prove/test_hour/{hour}.json")


def instant(text: str) -> datetime:
    """Parses a time as Athena or the independent script writes it."""
    moment = datetime.fromisoformat(text.removesuffix(" UTC"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def check_payloads(lake: Lake, hour: str, body: bytes) -> None:
    """Checks that every row's payload equals the payload of its record in the source, byte for byte."""
    lines = gzip.decompress(body).split(b"\n")
    rows = lake.rows(hour)
    seen = 0
    for row in rows:
        line = lines[row["source_line"] - 1].decode()
        texts = payload_texts(line, row["id"])
        assert row["payload"] in texts, f"line {row['source_line']}: the payload is not the source's text"
        seen += row["payload"] is not None
    assert seen > 0.9 * len(rows)


def payload_texts(line: str, event_id: str | None) -> set[str | None]:
    """Returns the payload texts of the line's events with this id. Most lines have one event."""
    texts: set[str | None] = set()
    at = 0
    while (at := line.find("{", at)) >= 0:
        value, end = json.JSONDecoder().raw_decode(line, at)
        if value.get("id") == event_id:
            texts.add(_payload_text(line[at:end]) if value.get("payload") is not None else None)
        at = end
    return texts


def _payload_text(record: str) -> str:
    """Returns the text of the top-level field `payload`. Decodes the record's fields one by one."""
    decoder = json.JSONDecoder()
    at = 1
    while True:
        key, at = decoder.raw_decode(record, _past(record, at))
        start = _past(record, at)
        _, at = decoder.raw_decode(record, start)
        if key == "payload":
            return record[start:at]


def _past(text: str, at: int) -> int:
    """Returns the next position that is not a separator."""
    while text[at] in " \t\r,:":
        at += 1
    return at


@pytest.mark.parametrize("file", real_hours(), ids=lambda file: file.name)
def test_real_hour_arrives_whole_and_is_proven(lake: Lake, file: Path, tmp_path: Path) -> None:
    check_hour(lake, file.name.split(".")[0], file.read_bytes(), tmp_path)


@pytest.mark.parametrize(("hour", "file"), real_samples(), ids=lambda value: getattr(value, "name", value))
def test_real_records_of_later_years_arrive_whole(lake: Lake, hour: str, file: Path, tmp_path: Path) -> None:
    check_hour(lake, hour, gzip.compress(file.read_bytes(), mtime=0), tmp_path)


@pytest.mark.parametrize(
    ("hour", "options"),
    [
        ("2016-03-01-0", ["--events", "25000"]),
        ("2026-06-02-15", ["--events", "25000"]),
        ("2017-03-01-0", ["--events", "3000", "--duplicates", "0.05", "--bad", "0.02", "--blank", "0.01", "--joined", "0.01"]),
    ],
    ids=["before October 2025", "after October 2025", "duplicates, bad and blank lines"],
)
def test_generated_hour_arrives_whole_and_is_proven(
    lake: Lake, hour: str, options: list[str], generate: Callable[..., bytes], tmp_path: Path
) -> None:
    check_hour(lake, hour, generate(hour, *options), tmp_path)
