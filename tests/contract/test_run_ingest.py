"""Executions of ingest: which hours run, and how they are counted."""

from __future__ import annotations

import re
from typing import Any

import pytest

from executions import NAME, Tasks, by_hour, due, ended, hour_tasks, machine, run
from simulator import MAX_PAYLOAD_BYTES, Execution, TaskError


def test_ingest_runs_until_no_hour_is_due() -> None:
    tasks = Tasks(
        NextFile=[due("2025-11-21-8", "2025-11-21-9", caught_up=False), due("2025-11-21-10"), due()], ProcessHour=ended("published")
    )
    done = run("ingest", tasks, {})
    assert done.status == "SUCCEEDED", (done.error, done.cause)
    assert done.output == {"published": 3, "not_published": 0, "missing": 0, "failed": 0, "caught_up": True}
    assert tasks.calls["NextFile"] == [
        {"job_id": "ghactivity_ingest", "max_hours": 48, "execution": NAME},
        {"job_id": "ghactivity_ingest", "max_hours": 46, "execution": NAME, "after": "2025-11-21-9"},
        {"job_id": "ghactivity_ingest", "max_hours": 45, "execution": NAME, "after": "2025-11-21-10"},
    ]
    inputs = [call["Input"] for call in tasks.calls["ProcessHour"]]
    assert [(given["hour"], given["job_id"]) for given in inputs] == [(f"2025-11-21-{hour}", "ghactivity_ingest") for hour in (8, 9, 10)]
    assert not Execution(machine("process-hour"), hour_tasks()).run(inputs[0]).error


def test_ingest_stops_at_max_hours() -> None:
    tasks = Tasks(NextFile=due("2025-11-21-8", "2025-11-21-9", caught_up=False), ProcessHour=ended("published"))
    done = run("ingest", tasks, {"max_hours": 2, "from": "2025-11-21-8", "job_id": "mine"})
    assert done.output == {"published": 2, "not_published": 0, "missing": 0, "failed": 0, "caught_up": False}
    assert tasks.calls["NextFile"] == [{"job_id": "mine", "max_hours": 2, "execution": NAME, "from": "2025-11-21-8"}]


def test_ingest_without_due_hours_succeeds() -> None:
    done = run("ingest", Tasks(NextFile=due()), {})
    assert done.output == {"published": 0, "not_published": 0, "missing": 0, "failed": 0, "caught_up": True}


def test_ingest_counts_every_status() -> None:
    play = by_hour(h2025_11_21_8="published", h2025_11_21_9="missing", h2025_11_21_10="not_published")
    done = run("ingest", Tasks(NextFile=[due("2025-11-21-8", "2025-11-21-9", "2025-11-21-10"), due()], ProcessHour=play), {})
    assert done.output == {"published": 1, "not_published": 1, "missing": 1, "failed": 0, "caught_up": True}


@pytest.mark.parametrize(
    "phrase, error, name",
    [
        (
            "description from AWS",
            TaskError("States.TaskFailed", '{"Cause":"{\\"Error\\":\\"X\\"}","Error":"CorruptArchive","Status":"FAILED"}'),
            "CorruptArchive",
        ),
        ("description without a name", TaskError("States.TaskFailed", '{"Status":"TIMED_OUT"}'), "States.TaskFailed"),
        ("truncated description", TaskError("States.TaskFailed", '{"Error":"CorruptArchive","Cause":"{\\"a'), "CorruptArchive"),
        ("description from the local AWS", TaskError.of_lambda("CorruptArchive", "crc"), "CorruptArchive"),
        ("timeout", TaskError("States.Timeout"), "States.Timeout"),
    ],
)
def test_failed_hour_does_not_stop_others(phrase: str, error: TaskError, name: str) -> None:
    play = by_hour(h2025_11_21_8=error, h2025_11_21_9="published", h2025_11_21_10="published")
    tasks = Tasks(NextFile=[due("2025-11-21-8", "2025-11-21-9"), due("2025-11-21-10"), due()], ProcessHour=play)
    done = run("ingest", tasks, {})
    assert (done.status, done.error) == ("FAILED", "HoursFailed"), phrase
    assert done.cause == f"1 failed: 2025-11-21-8 ({name}); 2 published, 0 not published, 0 missing", phrase


def test_cause_names_at_most_twenty_hours() -> None:
    hours = [f"2025-11-{day:02}-{hour}" for day in range(1, 29) for hour in range(24)]
    tasks = Tasks(NextFile=[due(*hours), due()], ProcessHour=TaskError.of_lambda("CorruptArchive", "crc"))
    done = run("ingest", tasks, {"max_hours": 672})
    assert done.error == "HoursFailed"
    assert done.cause.count("CorruptArchive") == 20 and "and 652 more" in done.cause
    assert done.largest_payload < MAX_PAYLOAD_BYTES // 3


def test_recheck_runs_replaced_hours() -> None:
    tasks = Tasks(NextFile=[due("2025-11-21-3", caught_up=False), due()], ProcessHour=ended("published"))
    done = run("ingest", tasks, {"recheck_days": 7})
    assert (done.status, done.output["published"]) == ("SUCCEEDED", 1)
    assert [(call["recheck_days"], call.get("after")) for call in tasks.calls["NextFile"]] == [(7, None), (7, "2025-11-21-3")]
    for wrong in (0, 1.5, 32, "7"):
        done = run("ingest", Tasks(), {"recheck_days": wrong})
        assert (done.error, done.cause.split(":")[0]) == ("InvalidInput", "recheck_days"), wrong
    assert run("ingest", Tasks(), {"recheck_days": 7, "from": "2025-11-21-0"}).cause.startswith("from: ")


def test_execution_name_has_hour_and_ingest() -> None:
    def names(arn: str) -> list[str]:
        tasks = Tasks(NextFile=[due("2025-11-21-8", "2025-11-21-9"), due()], ProcessHour=ended("published"))
        Execution(machine("ingest"), tasks, arn=arn).run({})
        return [call["Name"] for call in tasks.calls["ProcessHour"]]

    first, again, other = names("arn:a"), names("arn:a"), names("arn:b")
    assert first == again, "a retried start must use the same name"
    assert len({*first, *other}) == 4, "two ingests never collide"
    assert all(re.fullmatch(r"2025-11-21-\d+_[0-9a-f]{16}", name) and len(name) <= 80 for name in first + other)


@pytest.mark.parametrize(
    "phrase, given, complaint",
    [
        ("zero hours", {"max_hours": 0}, "max_hours: "),
        ("half an hour", {"max_hours": 0.5}, "max_hours: "),
        ("more hours than a history can hold", {"max_hours": 1001}, "max_hours: "),
        ("number as text", {"max_hours": "5"}, "max_hours: "),
        ("from is not text", {"from": 2025}, "from: "),
        ("job is not text", {"job_id": 5}, "job_id: "),
        ("misspelt field", {"form": "2025-11-21-0"}, "form: "),
    ],
)
def test_invalid_ingest_input_is_refused(phrase: str, given: Any, complaint: str) -> None:
    tasks = Tasks()
    done = run("ingest", tasks, given)
    assert (done.status, done.error) == ("FAILED", "InvalidInput"), phrase
    assert done.cause.startswith(complaint), phrase
    assert not tasks.calls, phrase
