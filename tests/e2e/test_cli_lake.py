"""`ghactivity` status, ingest, backfill and query print what tables, executions and Athena contain."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from deployment import Lake
from local_aws.stack.named_queries import named_queries

Run = Callable[..., "subprocess.CompletedProcess[str]"]
DAY = "2025-01-09"
HOURS = [f"{DAY}-{hour}" for hour in range(4)]
JOB = "cli_ingest"


def answered(run: subprocess.CompletedProcess[str]) -> Any:
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def ingested(lake: Lake, ghactivity: Run, generate: Callable[..., bytes]) -> dict[str, Any]:
    """Runs four hours by `ghactivity ingest`. The file of the last is damaged."""
    for hour in HOURS[:3]:
        lake.serve(hour, generate(hour, "--events", "600", "--bad", "0.01"))
    lake.serve(HOURS[3], b"no gzip")
    run = ghactivity("ingest", "--from", HOURS[0], "--hours", "4", "--job-id", JOB, "--json")
    assert run.returncode == 2, run.stdout + run.stderr
    assert "HoursFailed" in run.stderr and "it runs only the hours that are not published" in run.stderr
    report: dict[str, Any] = json.loads(run.stdout)
    return report


def test_ingest_reports_every_hour(ingested: dict[str, Any], lake: Lake) -> None:
    told = {one["hour"]: one for one in ingested["hours"]}
    assert [one["hour"] for one in ingested["hours"]] == HOURS
    assert [told[hour]["status"] for hour in HOURS] == ["published"] * 3 + ["failed"]
    assert told[HOURS[3]]["error"]["name"] == "NotGzip"
    assert ingested["records"] == sum(lake.ledger(hour)["counts"]["records"] for hour in HOURS[:3])


def test_status_shows_bookmark_runs_and_calendar(ingested: dict[str, Any], lake: Lake, ghactivity: Run) -> None:
    span = ("--from", HOURS[0], "--to", f"{DAY}-5", "--job-id", JOB)
    status = answered(ghactivity("status", *span, "--json"))
    assert status["bookmark"] == lake.bookmark(JOB) == HOURS[2]
    assert status["lag_hours"] > 24
    states = [one["state"] for one in status["calendar"]]
    assert states == ["published", "published", "published", "failed", "not_yet", "not_yet"]
    assert [one["rows"] for one in status["calendar"]][:3] == [lake.ledger(hour)["counts"]["rows"] for hour in HOURS[:3]]
    assert {run["hour"]: run["status"] for run in status["runs"]} == dict.fromkeys(HOURS[:3], "published") | {HOURS[3]: "failed"}
    text = ghactivity("status", *span)
    assert text.returncode == 0
    assert f"{DAY}  ███x··" in text.stdout
    assert "\x1b" not in text.stdout, "colours are for terminals"


def history(lake: Lake, arn: str) -> Iterator[dict[str, Any]]:
    yield from lake.sfn.get_paginator("get_execution_history").paginate(executionArn=arn)


def test_backfill_reports_quote_and_actual_cost(lake: Lake, ghactivity: Run, generate: Callable[..., bytes]) -> None:
    hours = [f"2025-01-10-{hour}" for hour in (5, 6)]
    for hour in hours:
        lake.serve(hour, generate(hour, "--events", "400"))
    span = ("--from", hours[0], "--to", hours[1])
    quote = answered(ghactivity("backfill", *span, "--dry-run", "--json"))
    assert lake.ledger(hours[0]) is None, "a dry run runs nothing"
    served = sum((lake.source_dir / f"{hour}.json.gz").stat().st_size for hour in hours)
    assert (quote["hours"], quote["landing_bytes"], quote["published"]) == (2, served, 0)
    assert quote["dollars"] > 0 and quote["gb_seconds"] > 0 and quote["seconds"] > 0
    done = answered(ghactivity("backfill", *span, "--json"))
    actual = done["actual"]
    assert (actual["hours"], actual["landing_bytes"]) == (2, served)
    assert actual["parquet_bytes"] == sum(lake.ledger(hour)["parquet_bytes"] for hour in hours)
    assert actual["gb_seconds"] > 0 and actual["computed"] == ["s3_puts", "s3_gets"]
    of_hours = done["execution"]["hours"]
    for one in of_hours:
        events = [event for page in history(lake, one["execution"]) for event in page["events"]]
        entered = sum("stateEnteredEventDetails" in event for event in events)
        invoked = sum(event.get("taskScheduledEventDetails", {}).get("resourceType") == "lambda" for event in events)
        assert (one["transitions"] - one["retries"], one["lambda_requests"]) == (entered, invoked)
    assert actual["transitions"] == done["execution"]["transitions"] + sum(one["transitions"] + 1 for one in of_hours)
    assert actual["lambda_requests"] == done["execution"]["lambda_requests"] + sum(one["lambda_requests"] for one in of_hours)
    again = ghactivity("backfill", *span)
    assert again.returncode == 0 and "0 hours" in again.stderr and "2 are already published" in again.stderr
    assert "actual" in again.stdout


def test_query_prints_price_and_three_formats(ingested: dict[str, Any], lake: Lake, ghactivity: Run) -> None:
    sql = (
        "SELECT hour, count(*) AS events FROM events WHERE year = '2025' AND month = '01' AND dayofmonth = '09' GROUP BY hour ORDER BY hour"
    )
    expected = [[f"{at:02}", str(lake.ledger(HOURS[at])["counts"]["rows"])] for at in range(3)]
    as_csv = ghactivity("query", sql, "--csv")
    assert list(csv.reader(io.StringIO(as_csv.stdout))) == [["hour", "events"], *expected]
    assert "reads 3 of " in as_csv.stderr and f"({HOURS[0]} to {HOURS[2]})" in as_csv.stderr and "$" in as_csv.stderr
    as_json = answered(ghactivity("query", sql, "--json"))
    assert as_json["rows"] == [{"hour": hour, "events": int(events)} for hour, events in expected]
    bytes_of_three = sum(lake.ledger(hour)["parquet_bytes"] for hour in HOURS[:3])
    assert 0 < as_json["scanned_bytes"] <= bytes_of_three
    table = ghactivity("query", sql)
    assert table.stdout.splitlines()[0].split() == ["hour", "events"]
    assert "scanned" in table.stderr


def test_query_above_the_limit_is_refused(ingested: dict[str, Any], ghactivity: Run) -> None:
    refused = ghactivity("query", "SELECT count(*) FROM events_flat", "--limit-mb", "0")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert re.search(r"the statement reads (\d+) of \1 partitions", refused.stderr) and "--yes" in refused.stderr
    assert ghactivity("query", "SELECT count(*) FROM events_flat", "--limit-mb", "0", "--yes").returncode == 0
    of_an_hour = "SELECT count(*) FROM events_flat WHERE year = '2025' AND month = '01' AND dayofmonth = '09' AND hour = '00'"
    assert ghactivity("query", of_an_hour, "--limit-mb", "0").returncode == 0
    assert ghactivity("query", "SHOW PARTITIONS events", "--limit-mb", "0").returncode == 0


@pytest.mark.parametrize(
    "sql",
    [
        "/* nothing */ SELECT count(*) FROM events",
        "TABLE events",
        "EXPLAIN ANALYZE SELECT count(*) FROM events",
        "CREATE TABLE copy AS SELECT * FROM events",
        "UNLOAD (SELECT * FROM events) TO 's3://elsewhere/' WITH (format = 'PARQUET')",
        "INSERT INTO copy SELECT * FROM events",
    ],
)
def test_no_statement_form_bypasses_the_guard(ingested: dict[str, Any], ghactivity: Run, sql: str) -> None:
    refused = ghactivity("query", sql, "--limit-mb", "0")
    assert (refused.returncode, refused.stdout) == (1, ""), refused.stderr
    assert re.search(r"the statement reads (\d+) of \1 partitions", refused.stderr)


def test_unplannable_query_runs_only_with_yes(ingested: dict[str, Any], ghactivity: Run) -> None:
    refused = ghactivity("query", "MERGE INTO events")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "cannot estimate" in refused.stderr and "--yes" in refused.stderr
    run = ghactivity("query", "MERGE INTO events", "--yes")
    assert run.returncode == 2 and "  cannot estimate what it reads" in run.stderr and "the query failed (" in run.stderr


def test_saved_queries_are_listed_and_run(ingested: dict[str, Any], lake: Lake, ghactivity: Run) -> None:
    listed = answered(ghactivity("query", "--list", "--json"))
    assert {one["name"] for one in listed} == {query.name for query in named_queries()}
    for query in named_queries():
        run = ghactivity("query", "--named", query.name, "--day", DAY, "--csv")
        expected = lake.query(query.sql, *query.parameters(HOURS[0]))
        rows = list(csv.DictReader(io.StringIO(run.stdout)))
        assert rows == [{name: value or "" for name, value in row.items()} for row in expected], query.name


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("query", "SELECT nothing FROM events"), "COLUMN_NOT_FOUND"),
        (("query", "SELEC 1"), "SYNTAX_ERROR"),
        (("query", "--named", "no-such-query"), "'ghactivity query --list'"),
        (("status", "--from", "2025-01-02-0", "--to", "2025-01-01-0"), "swap them"),
        (("backfill", "--from", "2025-01-02-0", "--to", "2025-01-01-0"), "swap them"),
        (("backfill", "--from", "2025-01-02-0", "--to", "2999-01-01-0", "--dry-run"), "--to 2999-01-01-0 is not over"),
    ],
)
def test_usage_error_is_one_line(ghactivity: Run, arguments: tuple[str, ...], expected: str) -> None:
    run = ghactivity(*arguments)
    assert run.returncode in (1, 2)
    lines = [line for line in run.stderr.splitlines() if line.startswith("ghactivity: ")]
    assert len(lines) == 1 and expected in lines[0], run.stderr
    assert run.stdout == ""
