"""The sample events: one of each function's input, and at least one that fails, all about the same hour."""

import json
import re

import pytest
from project import FUNCTIONS, ROOT, STREAM_FUNCTIONS, arguments, camel, states
from test_executions import HOUR, Execution, Tasks, due, ended, hour_tasks, machine

EVENTS = {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "events").glob("*.json"))}
EVENTS_HOUR = "2025-11-21-0"
ALL = FUNCTIONS + STREAM_FUNCTIONS


def events_of(function):
    names = [name for name in EVENTS if max((f for f in ALL if name.startswith(f)), key=len, default="") == function]
    return [name for name in names if name == function or name.startswith(function + "-")]


@pytest.mark.parametrize("function", ALL)
def test_every_function_has_an_event_and_a_failure(function):
    names = events_of(function)
    assert function in names
    assert len(names) >= 2, "a case that fails is missing"


def test_every_event_belongs_to_a_function():
    assert sorted(name for function in ALL for name in events_of(function)) == sorted(EVENTS)


def called_with():
    """What the state machines give each function, by function."""
    tasks = hour_tasks()
    Execution(machine("process-hour"), tasks).run({"hour": HOUR})
    failing = hour_tasks(Fetch={}, CommitFailure={"hour": HOUR, "status": "missing"})
    Execution(machine("process-hour"), failing).run({"hour": HOUR})
    asking = Tasks(NextFile=due(), ProcessHour=ended("published"))
    Execution(machine("ingest"), asking).run({})
    calls = tasks.calls | asking.calls | {"ListHours": [of_backfill("ListHours")["Payload"]], "ExportLedger": [{"Records": []}], "ProveHour": [{"proof": "sample", "hour": EVENTS_HOUR}]}
    assert set(calls) >= {camel(function) for function in FUNCTIONS}
    return calls | {"CommitFailure": failing.calls["CommitFailure"]}


def of_backfill(state):
    """What a task of backfill is given, with all paths followed, where they lead into the context or an item."""
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

    def follow(value):
        if not isinstance(value, dict):
            return value
        return {key.removesuffix(".$"): given.get(item, item) if key.endswith(".$") else follow(item) for key, item in value.items()}

    return follow(arguments(states(machine("backfill"))[state]))


def test_backfill_runs_an_hour_with_what_process_hour_takes():
    tasks = hour_tasks()
    done = Execution(machine("process-hour"), tasks).run(of_backfill("ProcessHour")["Input"])
    assert (done.status, done.error) == ("SUCCEEDED", None)
    [committed] = tasks.calls["CommitBookmark"]
    assert (committed["job_id"], tasks.calls["Fetch"][0]["hour"]) == ("ghactivity_backfill", EVENTS_HOUR)


def shape(value):
    """An input without its values: field names and types."""
    return {key: shape(item) for key, item in value.items()} if isinstance(value, dict) else type(value).__name__


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_event_has_the_shape_of_what_the_state_machine_sends(function):
    [sent, *_] = called_with()[camel(function)]
    sent.pop("execution", None)  # for the logs: no part of a function's own input
    event = EVENTS[function]
    assert set(sent) <= set(event), "a field that the state machine sends is missing"
    for field in set(sent) - {"outcome"}:
        assert shape(event[field]) == shape(sent[field]) or field == "source", field


def test_the_failure_that_is_committed_has_the_shape_of_what_the_state_machine_sends():
    [sent] = called_with()["CommitFailure"]
    assert shape(EVENTS["commit-bookmark-failed-hour"]) == shape(sent)


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_events_tell_of_one_hour(name):
    hours = set(re.findall(r"\d{4}-\d\d-\d\d-\d+(?=[\"/.]|$)", json.dumps(EVENTS[name])))
    assert hours <= {EVENTS_HOUR} or name.endswith("-bad-hour")
    versions = set(re.findall(r'"version": "(\w+)"', json.dumps(EVENTS[name])))
    assert versions <= {EVENTS["convert-chunk"]["version"]}


def test_the_committed_publication_balances():
    publication = EVENTS["commit-bookmark"]["outcome"]["published"]
    counts = publication["counts"]
    assert counts["records"] == counts["rows"] + counts["duplicates"] + counts["quarantined"]
    assert sum(publication["types"].values()) == counts["rows"]
    assert publication["source"] == EVENTS["register-partition"]["source"]
    assert publication["partition_location"].endswith(f"/year=2025/month=11/dayofmonth=21/hour=00/{publication['version']}/")
