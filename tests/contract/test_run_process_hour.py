"""Executions of process-hour: task inputs, output, events and limits."""

from __future__ import annotations

import re
from typing import Any

import pytest

from executions import HOUR, NAME, PUBLICATION, VERSION, Tasks, fetched, hour_tasks, run
from project import ROOT, Json, match, state_machine_text
from simulator import MAX_PAYLOAD_BYTES, TaskError


def test_hour_runs_from_source_to_bookmark() -> None:
    tasks = hour_tasks()
    done = run("process-hour", tasks, {"hour": "2025-11-21-09"})
    assert done.status == "SUCCEEDED", (done.error, done.cause)
    assert tasks.calls["Fetch"] == [{"hour": "2025-11-21-09", "source": "upstream", "execution": NAME}]
    assert tasks.calls["ConvertChunk"] == [{"hour": HOUR, "version": VERSION, "chunk": number, "execution": NAME} for number in range(3)]
    run_of = {"execution_arn": done.context["Execution"]["Id"], "started_at": "2025-11-21T01:10:00.000Z"}
    assert tasks.calls["RegisterPartition"] == [
        {"hour": HOUR, "version": VERSION, "source": fetched()["source"], "force": False, "execution": NAME} | run_of
    ]
    assert tasks.calls["CommitBookmark"] == [
        {
            "hour": HOUR,
            "job_id": "ghactivity_ingest",
            "execution_arn": done.context["Execution"]["Id"],
            "started_at": "2025-11-21T01:10:00.000Z",
            "redrive_count": 0,
            "resumed_redrive": 0,
            "outcome": {"published": PUBLICATION},
        }
    ]
    assert {key: done.output[key] for key in ("hour", "status", "verdict", "rows", "quarantined", "version", "bookmark")} == {
        "hour": HOUR, "status": "published", "verdict": "complete", "rows": 24, "quarantined": 3, "version": VERSION, "bookmark": HOUR,
    }  # fmt: skip


def test_output_has_look_next() -> None:
    look = run("process-hour", hour_tasks(), {"hour": HOUR}).output["look_next"]
    assert "WHERE year = '2025' AND month = '11' AND dayofmonth = '21' AND hour = '09'" in look["query"]
    assert look["objects"] == PUBLICATION["partition_location"]
    assert look["bad_records"] == f"s3://DataBucketName/quarantine/ghactivity/{HOUR}/{VERSION}/"
    assert look["ledger"].endswith("hour 2025-11-21T09")


def test_landed_status_is_recorded() -> None:
    tasks = hour_tasks()
    done = run("process-hour", tasks, {"hour": HOUR})
    [update] = tasks.calls["RecordLanded"]
    assert update["Key"] == {"archive": {"S": "ghactivity"}, "hour": {"S": "2025-11-21T09"}}
    assert update["ConditionExpression"] == "attribute_not_exists(#status) OR NOT #status IN (:published, :missing)"
    assert update["ExpressionAttributeValues"][":execution_arn"] == {"S": done.context["Execution"]["Id"]}
    for placeholder in re.findall(r"[:#]\w+", update["UpdateExpression"] + " " + update["ConditionExpression"]):
        assert placeholder in update["ExpressionAttributeNames"] | update["ExpressionAttributeValues"]


def test_published_hour_keeps_status_during_rerun() -> None:
    published = TaskError("DynamoDb.ConditionalCheckFailedException", "The conditional request failed")
    done = run("process-hour", hour_tasks(RecordLanded=published), {"hour": HOUR})
    assert done.status == "SUCCEEDED" and "CommitFailure" not in done.trail


@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_every_chunk_is_converted(chunks: int) -> None:
    tasks = hour_tasks(Fetch=fetched(chunks))
    done = run("process-hour", tasks, {"hour": HOUR})
    assert done.status == "SUCCEEDED", (done.error, done.cause)
    assert [call["chunk"] for call in tasks.calls.get("ConvertChunk", [])] == list(range(chunks))


def test_optional_input_reaches_functions() -> None:
    tasks = hour_tasks()
    run("process-hour", tasks, {"hour": HOUR, "job_id": "again", "source": "landing", "force": True})
    assert tasks.calls["Fetch"][0]["source"] == "landing"
    assert tasks.calls["RegisterPartition"][0]["force"] is True
    assert tasks.calls["CommitBookmark"][0]["job_id"] == "again"


@pytest.mark.parametrize(
    "phrase, given, complaint",
    [
        ("hour missing", {}, "hour: "),
        ("hour is not text", {"hour": 5}, "hour: "),
        ("unknown source", {"hour": HOUR, "source": "upstraem"}, "source: "),
        ("force as text", {"hour": HOUR, "force": "yes"}, "force: "),
        ("job is not text", {"hour": HOUR, "job_id": 5}, "job_id: "),
        ("misspelt field", {"hour": HOUR, "forced": True}, "forced: "),
        ("roll_back_to is not a version", {"hour": HOUR, "roll_back_to": "latest"}, "roll_back_to: expected previous"),
        ("version is not text", {"hour": HOUR, "roll_back_to": 1}, "roll_back_to: expected previous"),
        ("rollback with a source", {"hour": HOUR, "roll_back_to": "previous", "source": "landing"}, "roll_back_to: nothing is"),
        ("input is text", "2025-11-21-9", "hour: "),
        ("input is a list", [], "hour: "),
    ],
)
def test_invalid_hour_input_is_refused(phrase: str, given: Any, complaint: str) -> None:
    tasks = hour_tasks()
    done = run("process-hour", tasks, given)
    assert (done.status, done.error) == ("FAILED", "InvalidInput"), phrase
    assert done.cause.startswith(complaint), phrase
    assert not tasks.calls, phrase


def test_thousand_chunks_fit_payload_limit() -> None:
    """Uses the largest counts an hour can have: every chunk has ten million records of each kind."""
    many = {"rows": 10_000_000, "duplicates": 10_000_000, "quarantined": 10_000_000, "records": 30_000_000}
    publication = PUBLICATION | {"types": {f"{'T' * 60}{number:02}": 10_000_000 for number in range(64)}}
    tasks = hour_tasks(
        Fetch=fetched(1000),
        ConvertChunk=lambda given: many | {"chunk": given["chunk"]},
        RegisterPartition=publication | {"hour": HOUR},
    )
    done = run("process-hour", tasks, {"hour": HOUR})
    assert done.status == "SUCCEEDED", (done.error, done.cause)
    map_result = 1000 * (len('{"rows":10000000,"duplicates":10000000,"quarantined":10000000}') + 1)
    assert max(done.largest_payload, map_result) < MAX_PAYLOAD_BYTES // 3


def test_max_chunks_fit_execution_history() -> None:
    """Step Functions ends an execution at 25,000 events. A chunk without a retry adds seven."""
    per_chunk = [
        "MapIterationStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSucceeded",
        "TaskStateExited",
        "MapIterationSucceeded",
    ]
    most = int(match(r"MAX_CHUNKS: usize = (\d+)", (ROOT / "crates/pipeline/src/plan.rs").read_text())[1])
    replans = int(match(r"\$replans <= (\d+)", state_machine_text("process-hour"))[1])
    assert most >= 1000, "ARCHITECTURE.md promises 1,000 chunks per hour"
    assert (1 + replans) * most * len(per_chunk) + 3 * most < 25_000, "a retry adds three events; one per chunk must fit"
    assert f"{most:,} chunks" in (ROOT / "template.yaml").read_text() and f"{most:,} chunks" in (ROOT / "docs/deploy.md").read_text()


def sent_event(tasks: Tasks, state: str) -> tuple[str, Json]:
    [entry] = tasks.calls[state][-1]["Entries"]
    assert entry["Source"] == "ghactivity"
    return entry["DetailType"], entry["Detail"]


def test_published_hour_sends_event() -> None:
    tasks = hour_tasks()
    done = run("process-hour", tasks, {"hour": HOUR})
    kind, detail = sent_event(tasks, "AnnouncePublished")
    assert kind == "HourPublished"
    assert detail == {
        "stack": "StackName", "hour": HOUR, "version": VERSION, "verdict": "complete", "rows": 24, "quarantined": 3,
        "partition_location": PUBLICATION["partition_location"], "execution_arn": done.context["Execution"]["Id"],
    }  # fmt: skip


def test_failed_hour_sends_event_absent_hour_none() -> None:
    tasks = hour_tasks(ConvertChunk=TaskError.of_lambda("ChunkMismatch", "chunk 2"))
    done = run("process-hour", tasks, {"hour": HOUR})
    assert sent_event(tasks, "AnnounceFailure") == (
        "HourFailed", {"stack": "StackName", "hour": HOUR, "error": "ChunkMismatch", "execution_arn": done.context["Execution"]["Id"]}
    )  # fmt: skip
    absent = hour_tasks(Fetch=TaskError.of_lambda("SourceNotPublished", "404"), CommitFailure={"hour": HOUR, "status": "missing"})
    run("process-hour", absent, {"hour": HOUR})
    assert "AnnounceFailure" not in absent.calls


@pytest.mark.parametrize("state", ["AnnouncePublished", "AnnounceFailure"])
def test_failed_event_does_not_change_result(state: str) -> None:
    no_bus = TaskError("EventBridge.FailedEntry", "no bus")
    broken = {"Fetch": TaskError.of_lambda("NotGzip", "HTML")} if state == "AnnounceFailure" else {}
    sent, failed = (
        run("process-hour", hour_tasks(**broken), {"hour": HOUR}),
        run("process-hour", hour_tasks(**broken, **{state: no_bus}), {"hour": HOUR}),
    )
    assert (sent.status, sent.error, sent.output) == (failed.status, failed.error, failed.output)
