"""Executions of landed: a file in the landing folder starts process-hour."""

from __future__ import annotations

from typing import Any

import pytest

from executions import HOUR, Tasks, hour_tasks, run
from project import Json
from simulator import TaskError


def s3_event(key: str = f"landing/ghactivity/{HOUR}.json.gz") -> Json:
    return {"id": "7bf73129-1428-4cd3-a780-95db273d1602", "detail": {"bucket": {"name": "lake"}, "object": {"key": key}}}


def landed_tasks(metadata: Json | None = None, **results: Any) -> Tasks:
    defaults = {"LookAtObject": {"Metadata": metadata or {}, "ETag": '"abc"'}, "ProcessHour": {"ExecutionArn": "arn:hour"}}
    return Tasks(**defaults | results)


def test_landed_file_starts_hour_from_landing() -> None:
    tasks = landed_tasks()
    done = run("landed", tasks, s3_event())
    assert (done.status, done.output) == ("SUCCEEDED", {"hour": HOUR, "execution_arn": "arn:hour"})
    assert tasks.calls["LookAtObject"] == [{"Bucket": "lake", "Key": f"landing/ghactivity/{HOUR}.json.gz"}]
    [started] = tasks.calls["ProcessHour"]
    assert started["Name"] == f"{HOUR}-landed-7bf73129-1428-4cd3-a780-95db273d1602"
    by_hand = hour_tasks()
    assert run("process-hour", by_hand, started["Input"]).status == "SUCCEEDED"
    assert by_hand.calls["Fetch"][0]["source"] == "landing"


@pytest.mark.parametrize(
    "phrase, tasks",
    [
        ("written by fetch", landed_tasks(metadata={"fetched-into": f"s3://lake/landing/ghactivity/{HOUR}.json.gz"})),
        ("deleted", landed_tasks(LookAtObject=TaskError("S3.NoSuchKeyException", "404"))),
        ("duplicate event", landed_tasks(ProcessHour=TaskError("StepFunctions.ExecutionAlreadyExistsException", "taken"))),
    ],
)
def test_handled_file_starts_nothing(phrase: str, tasks: Tasks) -> None:
    done = run("landed", tasks, s3_event())
    assert (done.status, done.trail[-1]) == ("SUCCEEDED", "NothingToDo"), phrase


@pytest.mark.parametrize(
    "phrase, metadata",
    [
        ("copied from another stack", {"fetched-into": f"s3://pond/landing/ghactivity/{HOUR}.json.gz"}),
        ("copied from another hour", {"fetched-into": "s3://lake/landing/ghactivity/2025-11-21-8.json.gz"}),
        ("written without the mark", {"source-url": "https://data.gharchive.org/x"}),
    ],
)
def test_copied_file_starts_hour(phrase: str, metadata: Json) -> None:
    tasks = landed_tasks(metadata=metadata)
    assert run("landed", tasks, s3_event()).trail[-1] == "Started", phrase
    assert len(tasks.calls["ProcessHour"]) == 1, phrase


@pytest.mark.parametrize(
    "key", ["landing/ghactivity/old/2025-11-21-9.json.gz", "landing/ghactivity/events.json.gz", "landing/ghactivity/.json.gz"]
)
def test_key_without_hour_fails(key: str) -> None:
    tasks = landed_tasks()
    done = run("landed", tasks, s3_event(key))
    assert (done.status, done.error, tasks.calls) == ("FAILED", "InvalidInput", {})
    assert done.cause.startswith(f"s3://lake/{key}: expected a name such as")
