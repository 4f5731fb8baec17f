"""Executions of process-hour that fail, are redriven, are planned again or roll back."""

from __future__ import annotations

from typing import Any

import pytest

from executions import HOUR, NAME, PUBLICATION, VERSION, fetched, hour_tasks, run
from simulator import TaskError


def test_transient_error_is_retried() -> None:
    trouble = [TaskError.of_lambda("SourceUnavailable", "503"), TaskError.of_lambda("AwsThrottled", "slow down"), fetched()]
    done = run("process-hour", hour_tasks(Fetch=trouble), {"hour": HOUR})
    assert done.status == "SUCCEEDED"


@pytest.mark.parametrize(
    "phrase, state, error, name, message",
    [
        ("a function's error", "Fetch", TaskError.of_lambda("CorruptArchive", "byte 7"), "CorruptArchive", "byte 7"),
        ("in a chunk", "ConvertChunk", TaskError.of_lambda("ChunkMismatch", "chunk 2"), "ChunkMismatch", "chunk 2"),
        ("at the partition", "RegisterPartition", TaskError.of_lambda("HourWouldShrink", "9 < 10"), "HourWouldShrink", "9 < 10"),
        ("at the bookmark", "CommitBookmark", TaskError.of_lambda("AwsRefused", "denied"), "AwsRefused", "denied"),
        ("at the ledger", "RecordLanded", TaskError("DynamoDb.DynamoDbException", "denied"), "DynamoDb.DynamoDbException", "denied"),
        ("cause is not JSON", "Fetch", TaskError("Lambda.Unknown", "out of memory"), "Lambda.Unknown", "out of memory"),
        ("cause is truncated JSON", "Fetch", TaskError("Lambda.Unknown", "{cut"), "Lambda.Unknown", "{cut"),
        ("cause in braces is not JSON", "Fetch", TaskError("Lambda.Unknown", "{cut}"), "Lambda.Unknown", "{cut}"),
        ("message with quotes and line feeds", "Fetch", TaskError.of_lambda("NotGzip", 'a "b"\nc\\d'), "NotGzip", 'a "b"\nc\\d'),
        ("JSON without a message", "Fetch", TaskError("Lambda.Unknown", '{"a": 1}'), "Lambda.Unknown", '{"a": 1}'),
        ("an empty cause", "Fetch", TaskError("Lambda.Unknown", ""), "Lambda.Unknown", "no cause given"),
        ("no cause", "Fetch", TaskError("States.Timeout"), "States.Timeout", "no cause given"),
        ("long message", "Fetch", TaskError.of_lambda("NotGzip", "x" * 8192), "NotGzip", "x" * 1000),
        ("reply without fields", "Fetch", {}, "States.QueryEvaluationError", None),
    ],
)
def test_failure_is_recorded_then_fails_execution(phrase: str, state: str, error: Any, name: str, message: str | None) -> None:
    tasks = hour_tasks(**{state: error})
    done = run("process-hour", tasks, {"hour": HOUR})
    assert (done.status, done.error, done.failed_at[0]) == ("FAILED", name, "CommitFailure"), phrase
    failure = tasks.calls["CommitFailure"][0]["outcome"]["failed"]
    assert failure["name"] == name, phrase
    assert message is None or failure["message"] == message, phrase
    assert tasks.calls["CommitFailure"][0]["redrive_count"] == 0


def test_redrive_resumes_hour() -> None:
    refused = TaskError.of_lambda("SourceRefused", "403")
    recorded = [refused, {"hour": HOUR, "status": "retrying"}]
    tasks = hour_tasks(Fetch=[refused, fetched()], CommitFailure=recorded)
    execution = run("process-hour", tasks, {"hour": HOUR})
    assert (execution.status, execution.error) == ("FAILED", "SourceRefused")
    execution.redrive()
    assert execution.status == "SUCCEEDED" and execution.output["status"] == "published"
    assert [(call["redrive_count"], call["resumed_redrive"]) for call in tasks.calls["CommitFailure"]] == [(0, 0), (1, 0)]
    assert (tasks.calls["CommitBookmark"][0]["redrive_count"], tasks.calls["CommitBookmark"][0]["resumed_redrive"]) == (1, 0)


def test_redrive_with_lost_reply_resumes_hour() -> None:
    refused, lost = TaskError.of_lambda("SourceRefused", "403"), TaskError("Lambda.SdkClientException", "connection reset")
    tasks = hour_tasks(Fetch=[refused, refused], CommitFailure=[refused, lost, {"hour": HOUR, "status": "retrying"}, refused])
    execution = run("process-hour", tasks, {"hour": HOUR}).redrive()
    assert (execution.status, execution.error) == ("FAILED", "SourceRefused")
    calls = [(call["redrive_count"], call["resumed_redrive"]) for call in tasks.calls["CommitFailure"]]
    assert calls == [(0, 0), (1, 0), (1, 0), (1, 1)], "the call with the lost reply is retried; the failure after it is a new one"


def test_unrecorded_failure_can_be_redriven() -> None:
    refused, down = TaskError.of_lambda("SourceRefused", "403"), TaskError.of_lambda("AwsUnavailable", "503")
    tasks = hour_tasks(Fetch=[refused, fetched()], CommitFailure=[down, down, down, down, {"hour": HOUR, "status": "retrying"}])
    execution = run("process-hour", tasks, {"hour": HOUR})
    assert (execution.status, execution.error) == ("FAILED", "AwsUnavailable")
    execution.redrive()
    assert execution.status == "SUCCEEDED"
    last = tasks.calls["CommitFailure"][-1]
    assert (last["redrive_count"], last["resumed_redrive"]) == (1, 0), "the first failure happened before any redrive"


def test_earlier_redrive_does_not_hide_failure() -> None:
    refused = TaskError.of_lambda("ChunkMismatch", "7 rows")
    tasks = hour_tasks(ConvertChunk=refused, CommitFailure=refused)
    execution = run("process-hour", tasks, {"hour": HOUR}, redrive_count=1)
    assert (execution.status, execution.error) == ("FAILED", "ChunkMismatch")
    assert [(call["redrive_count"], call["resumed_redrive"]) for call in tasks.calls["CommitFailure"]] == [(1, 1)]


def test_second_failure_fails_redrive() -> None:
    refused = TaskError.of_lambda("SourceRefused", "403")
    tasks = hour_tasks(Fetch=refused, CommitFailure=[refused, {"hour": HOUR, "status": "retrying"}, refused])
    execution = run("process-hour", tasks, {"hour": HOUR}).redrive()
    assert (execution.status, execution.error) == ("FAILED", "SourceRefused")
    assert len(tasks.calls["Fetch"]) == 2


@pytest.mark.parametrize("status", ["not_published", "missing"])
def test_absent_hour_succeeds_with_status(status: str) -> None:
    absent = TaskError.of_lambda("SourceNotPublished", "404")
    tasks = hour_tasks(Fetch=absent, CommitFailure={"hour": HOUR, "status": status})
    done = run("process-hour", tasks, {"hour": HOUR})
    assert (done.status, done.output["status"], done.output["reason"]) == ("SUCCEEDED", status, "SourceNotPublished")
    assert len(tasks.calls["Fetch"]) == 1


@pytest.mark.parametrize(
    "state, name",
    [
        ("Fetch", "LandingChanged"),
        ("ConvertChunk", "LandingChanged"),
        ("ConvertChunk", "PlanNotFound"),
        ("RegisterPartition", "PlanNotFound"),
        ("RegisterPartition", "ObjectMissing"),
        ("RegisterPartition", "VersionOvertaken"),
        ("CommitBookmark", "VersionOvertaken"),
        ("CommitBookmark", "LeaseLost"),
    ],
)
def test_hour_changed_by_another_run_is_replanned(state: str, name: str) -> None:
    changed = TaskError.of_lambda(name, "by another run")
    original = hour_tasks().results[state]
    tasks = hour_tasks(**{state: [changed, original]})
    done = run("process-hour", tasks, {"hour": HOUR})
    assert done.status == "SUCCEEDED"
    assert len(tasks.calls["Fetch"]) == 2


def test_changing_landing_is_planned_three_times() -> None:
    tasks = hour_tasks(ConvertChunk=TaskError.of_lambda("LandingChanged", "etag"))
    done = run("process-hour", tasks, {"hour": HOUR})
    assert (done.status, done.error) == ("FAILED", "LandingChanged")
    assert len(tasks.calls["Fetch"]) == 3


@pytest.mark.parametrize("to", ["previous", VERSION])
def test_rollback_fetches_nothing(to: str) -> None:
    tasks = hour_tasks()
    done = run("process-hour", tasks, {"hour": HOUR, "roll_back_to": to})
    assert done.status == "SUCCEEDED", (done.error, done.cause)
    run_of = {"execution_arn": done.context["Execution"]["Id"], "started_at": "2025-11-21T01:10:00.000Z"}
    assert tasks.calls["RollBack"] == [{"hour": HOUR, "roll_back_to": to, "execution": NAME} | run_of]
    assert tasks.calls["CommitBookmark"][0]["outcome"] == {"rolled_back": PUBLICATION}
    assert set(tasks.calls) == {"RollBack", "CommitBookmark", "AnnouncePublished"}
    assert (done.output["version"], done.output["rows"]) == (VERSION, 24)


def test_rollback_to_deleted_version_fails() -> None:
    tasks = hour_tasks(RollBack=TaskError.of_lambda("VersionNotKept", "gone"))
    done = run("process-hour", tasks, {"hour": HOUR, "roll_back_to": "previous"})
    assert (done.status, done.error, set(tasks.calls)) == ("FAILED", "VersionNotKept", {"RollBack"})


def test_failed_rollback_is_recorded_and_redriven() -> None:
    refused = TaskError.of_lambda("AwsRefused", "denied")
    shown = hour_tasks().results["RollBack"]
    tasks = hour_tasks(RollBack=[refused, shown], CommitFailure=[refused, {"hour": HOUR, "status": "retrying"}])
    execution = run("process-hour", tasks, {"hour": HOUR, "roll_back_to": "previous"})
    assert (execution.status, execution.error, execution.failed_at[0]) == ("FAILED", "AwsRefused", "CommitFailure")
    assert tasks.calls["AnnounceFailure"] and tasks.calls["CommitFailure"][0]["outcome"]["failed"]["name"] == "AwsRefused"
    execution.redrive()
    assert (execution.status, "Fetch" in tasks.calls) == ("SUCCEEDED", False)


def test_redriven_rollback_stays_rollback() -> None:
    lost, refused = TaskError.of_lambda("LeaseLost", "by another run"), TaskError.of_lambda("AwsRefused", "denied")
    committed = hour_tasks().results["CommitBookmark"]
    tasks = hour_tasks(CommitBookmark=[lost, refused, committed], CommitFailure=[refused, {"hour": HOUR, "status": "retrying"}])
    execution = run("process-hour", tasks, {"hour": HOUR, "roll_back_to": "previous"})
    assert (execution.status, execution.error, len(tasks.calls["RollBack"])) == ("FAILED", "AwsRefused", 2)
    execution.redrive()
    assert (execution.status, len(tasks.calls["RollBack"]), "Fetch" in tasks.calls) == ("SUCCEEDED", 3, False)
