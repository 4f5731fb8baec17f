"""Sample events: for each function one valid input and at least one that fails, all for the same hour."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from executions import HOUR, Tasks, due, ended, hour_tasks, machine
from project import CSV_FUNCTIONS, FUNCTIONS, ROOT, STREAM_FUNCTIONS, Json, arguments, camel, states
from simulator import Execution

EVENTS = {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "events").glob("*.json"))}
EVENTS_HOUR = "2025-11-21-0"
ALL = FUNCTIONS + CSV_FUNCTIONS + STREAM_FUNCTIONS


def events_of(function: str) -> list[str]:
    names = [name for name in EVENTS if max((f for f in ALL if name.startswith(f)), key=len, default="") == function]
    return [name for name in names if name == function or name.startswith(function + "-")]


@pytest.mark.parametrize("function", ALL)
def test_function_has_event_and_failing_event(function: str) -> None:
    names = events_of(function)
    assert function in names
    assert len(names) >= 2, "a failing event is missing"


def test_every_event_belongs_to_function() -> None:
    assert sorted(name for function in ALL for name in events_of(function)) == sorted(EVENTS)


def called_with() -> dict[str, list[Json]]:
    """Returns the inputs that the state machines send, by state."""
    tasks = hour_tasks()
    Execution(machine("process-hour"), tasks).run({"hour": HOUR})
    failing = hour_tasks(Fetch={}, CommitFailure={"hour": HOUR, "status": "missing"})
    Execution(machine("process-hour"), failing).run({"hour": HOUR})
    asking = Tasks(NextFile=due(), ProcessHour=ended("published"))
    Execution(machine("ingest"), asking).run({})
    calls = (
        tasks.calls
        | asking.calls
        | {
            "ListHours": [of_backfill("ListHours")["Payload"]],
            "ExportLedger": [{"Records": []}],
            "ProveHour": [{"proof": "sample", "hour": EVENTS_HOUR}],
        }
    )
    assert set(calls) >= {camel(function) for function in FUNCTIONS}
    return calls | {"CommitFailure": failing.calls["CommitFailure"]}


def of_backfill(state: str) -> Json:
    """Returns the input of a task of backfill, with its JSONPaths into context and item resolved."""
    given = {
        "$$.Execution.Input": {"from": EVENTS_HOUR, "to": EVENTS_HOUR},
        "$$.Execution.Name": "sample",
        "States.Hash($$.Execution.Id, 'SHA-1')": "sample",
        "$.tolerated_failure_percentage": 5,
        "$.hour": EVENTS_HOUR,
        "$.job_id": "ghactivity_backfill",
        "$.force": False,
        "$.backfill": "arn",
    }

    def follow(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key.removesuffix(".$"): given.get(item, item) if key.endswith(".$") else follow(item) for key, item in value.items()}

    followed: Json = follow(arguments(states(machine("backfill"))[state]))
    return followed


def test_backfill_input_fits_process_hour() -> None:
    tasks = hour_tasks()
    done = Execution(machine("process-hour"), tasks).run(of_backfill("ProcessHour")["Input"])
    assert (done.status, done.error) == ("SUCCEEDED", None)
    [committed] = tasks.calls["CommitBookmark"]
    assert (committed["job_id"], tasks.calls["Fetch"][0]["hour"]) == ("ghactivity_backfill", EVENTS_HOUR)


def shape(value: Any) -> Any:
    """Replaces the values of an input by their types."""
    return {key: shape(item) for key, item in value.items()} if isinstance(value, dict) else type(value).__name__


@pytest.mark.parametrize("function", FUNCTIONS)
def test_event_has_shape_of_task_input(function: str) -> None:
    [sent, *_] = called_with()[camel(function)]
    sent.pop("execution", None)  # only for the logs
    event = EVENTS[function]
    assert set(sent) <= set(event), "the event lacks a field that the state machine sends"
    for field in set(sent) - {"outcome"}:
        assert shape(event[field]) == shape(sent[field]) or field == "source", field


def test_failure_event_has_shape_of_task_input() -> None:
    [sent] = called_with()["CommitFailure"]
    assert shape(EVENTS["commit-bookmark-failed-hour"]) == shape(sent)


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_events_use_one_hour_and_version(name: str) -> None:
    hours = set(re.findall(r"\d{4}-\d\d-\d\d-\d+(?=[\"/.]|$)", json.dumps(EVENTS[name])))
    assert hours <= {EVENTS_HOUR} or name.endswith("-bad-hour")
    versions = set(re.findall(r'"version": "(\w+)"', json.dumps(EVENTS[name])))
    assert versions <= {EVENTS["convert-chunk"]["version"]}


def test_committed_publication_balances() -> None:
    publication = EVENTS["commit-bookmark"]["outcome"]["published"]
    counts = publication["counts"]
    assert counts["records"] == counts["rows"] + counts["duplicates"] + counts["quarantined"]
    assert sum(publication["types"].values()) == counts["rows"]
    assert publication["source"] == EVENTS["register-partition"]["source"]
    assert publication["partition_location"].endswith(f"/year=2025/month=11/dayofmonth=21/hour=00/{publication['version']}/")
