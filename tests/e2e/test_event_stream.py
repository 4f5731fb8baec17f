"""Events go from the stream to SQL, each once, with the template deployed alone, the real function and a local Kinesis."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from conftest import BINARIES
from local_aws.paths import ROOT
from stacks import Stacks
from stream import Stream, event, record


@pytest.fixture(scope="module")
def stream(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stream]:
    with Stream(stacks, tmp_path_factory.mktemp("aws"), StreamShards=2) as stream:
        yield stream


def test_each_event_reaches_sql_once(stream: Stream) -> None:
    events = [event(number, "lesson:started" if number % 2 else "product:processed:timeout") for number in range(1000)]
    stream.put(*events, *events[:100])
    stream.wait_for(1000)
    rows = stream.query(
        "SELECT event_type, event_date, event_subtype, created_datetime, count(DISTINCT event_uuid) FROM stream_events "
        "GROUP BY 1, 2, 3, 4 ORDER BY 1"
    )
    assert rows == [
        ["lesson", "2025-11-21", "started", "2025-11-21T00:00:00.250Z", "500"],
        ["product", "2025-11-21", "processed:timeout", "2025-11-21T00:00:00.250Z", "500"],
    ]


def test_repeated_batch_changes_nothing(stream: Stream) -> None:
    before = stream.count()
    batch = [record(7, 100 + number, event(5000 + number, user={"id": number})) for number in range(40)]
    assert stream.invoke(batch) == {"batchItemFailures": []}
    objects = stream.keys("events/")
    for again in (batch, batch[:13], batch[7:], batch[20:21]):
        assert stream.invoke(again) == {"batchItemFailures": []}
    assert stream.keys("events/") == objects
    assert stream.count() == before + 40
    uuid = event(5003)["event_uuid"]
    assert stream.query(f"SELECT other FROM stream_events WHERE event_uuid = '{uuid}'") == [['{"user":{"id": 3}}']]


def test_bad_records_are_kept_and_block_nothing(stream: Stream) -> None:
    before = stream.count()
    good = [event(7000 + number, "session:opened") for number in range(10)]
    bad: list[bytes | dict[str, Any]] = [
        b"no event",
        b'{"event_name":"a:b","created_at":1763683200000}',
        event(1, created_at=17),
        b"\xf3\x89\x9a\xc2broken",
    ]
    placed = stream.put(*good[:5], *bad, *good[5:])
    stream.wait_for(before + 10)
    places = dict(zip(placed[5:9], ["not_json", "bad_uuid", "bad_time", "bad_aggregate"], strict=True))
    deadline = time.monotonic() + 30
    while len(lines := stream.lines("quarantine/events/")) < 4:
        assert time.monotonic() < deadline, lines
        time.sleep(0.2)
    assert {(line["shard_id"], line["sequence_number"]): line["reason"] for line in lines} == places
    assert b"no event" in [base64.b64decode(line["data_base64"]) for line in lines]


def test_killed_function_loses_and_doubles_nothing(stream: Stream) -> None:
    before = stream.count()
    random = Random(7)
    events = [event(10_000 + number, f"{random.choice(['lesson', 'product', 'page'])}:viewed") for number in range(6000)]
    sent = events + random.sample(events, 300)
    kills = 0
    for at in range(0, len(sent), 500):
        stream.put(*sent[at : at + 500])
        # Somewhere in its work, if it is at work by then: a quick machine may be done before.
        deadline, killed = time.monotonic() + 2, 0
        while not killed and time.monotonic() < deadline:
            time.sleep(random.uniform(0, 0.01))
            killed = stream.aws.kill_functions()
        kills += killed
    assert kills > 3, "too few kills hit the running function"
    stream.wait_for(before + 6000, timeout_secs=120)
    assert stream.query("SELECT count(DISTINCT event_uuid) FROM stream_events") == [[str(before + 6000)]]


def test_named_queries_return_rows(stream: Stream) -> None:
    day = 1_747_526_400_000  # 2025-05-18, of no other test
    events = [
        event(20_000 + n, ["user:created", "user:created", "search", "brand new:x"][n % 4], day + n * 60_000, n=n) for n in range(120)
    ]
    stream.invoke([record(11, 1000 + n, one) for n, one in enumerate(events)])
    answers = {name: stream.named(name) for name in stream.named_queries()}
    date = "'2025-05-18'"
    assert answers["stream-events-by-type-of-a-day"](date) == [["user", "60"], ["other", "30"], ["search", "30"]]
    assert answers["stream-events-by-name-of-a-day"]("'other'", date) == [["brand new:x", "x", "30"]]
    assert answers["stream-events-by-name-of-a-day"]("'search'", date) == [["search", "n.a", "30"]]
    assert answers["stream-events-per-hour-of-a-day"](date) == [["00", "60"], ["01", "60"]]
    assert answers["stream-events-per-day-of-a-month"]("'2025-05-01'", "'2025-05-31'") == [["2025-05-18", "120", "3"]]
    assert answers["stream-event-of-a-day"](date, f"'{events[5]['event_uuid'].upper()}'") == [
        [events[5]["event_uuid"], "user:created", "2025-05-18T00:05:00.000Z", '{"n":5}']
    ]
    assert answers["stream-events-stored-twice-of-a-day"](date) == []


def test_batch_metrics_count_each_outcome(stream: Stream) -> None:
    batch = [record(13, n, event(30_000 + n, "upload:done")) for n in range(5)]
    again = [record(14, 100, event(30_000, "upload:done"), arrived=1_763_683_201.5 + 90), record(14, 101, b"bad")]
    stream.invoke([*batch, record(13, 9, event(30001, "upload:done"))])
    first = stream.metrics()
    assert (first["EventsStored"], first["EventsDuplicate"], first["EventsQuarantined"]) == (5, 1, 0)
    assert first["EventsByType", "upload"] == 5 and first["DuplicatesByPlace", "same-batch"] == 1
    assert first["DelaySecondsMin"] > 0
    stream.invoke(again)
    second = stream.metrics()
    assert (second["EventsStored"], second["EventsDuplicate"], second["EventsQuarantined"]) == (0, 1, 1)
    assert second["DuplicatesByPlace", "other-shard"] == 1 and second["DuplicatesByAge", "under-an-hour"] == 1
    assert second["EventsQuarantinedPercent"] == 50


@pytest.mark.parametrize(
    ("later", "age", "shard", "place"),
    [
        (30, "under-a-minute", 15, "same-shard"),
        (-600, "under-an-hour", 16, "other-shard"),
        (7_200, "under-a-day", 15, "same-shard"),
        (100_000, "a-day-and-more", 17, "other-shard"),
    ],
)
def test_duplicate_is_counted_by_age_and_origin(stream: Stream, later: int, age: str, shard: int, place: str) -> None:
    one, arrived = event(31_000, "upload:done"), 1_763_683_201.5
    stream.invoke([record(15, 1, one, arrived)])
    stream.invoke([record(shard, 2 + abs(later), one, arrived + later)])
    counted = stream.metrics()
    assert (counted["EventsStored"], counted["EventsDuplicate"]) == (0, 1)
    assert counted["DuplicatesByAge", age] == 1 and counted["DuplicatesByPlace", place] == 1


def test_held_event_is_a_conflict_and_comes_again(stream: Stream) -> None:
    held, free = event(32_000, "upload:done"), event(32_001, "upload:done")
    claim = {
        "event_uuid": {"S": held["event_uuid"]},
        "version": {"N": "1"},
        "object": {"S": "events/event_type=upload/event_date=2025-11-21/shardId-000000000019-1-1-00.snappy.parquet"},
        "record": {"S": "shardId-000000000019:1#0"},
        "arrived_at": {"N": "1763683201500"},
        "claimed_until": {"N": str(int((time.time() + 3600) * 1000))},
        "expires_at": {"N": str(int(time.time()) + 7200)},
    }
    stream.dynamodb.put_item(TableName=stream.outputs["ClaimsTableName"], Item=claim)
    answer = stream.invoke([record(18, 1, free), record(18, 2, held)])
    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    counted = stream.metrics()
    assert (counted["EventsStored"], counted["ClaimConflicts"], counted["RecordsFailed"]) == (1, 1, 1)
    claim["claimed_until"] = {"N": "1"}
    stream.dynamodb.put_item(TableName=stream.outputs["ClaimsTableName"], Item=claim)
    assert stream.invoke([record(18, 2, held)]) == {"batchItemFailures": []}, "the claim has expired, so it is taken over"
    assert stream.metrics()["EventsStored"] == 1


def test_sample_events_are_accepted(stream: Stream) -> None:
    sample = json.loads((ROOT / "events/process-events.json").read_text())
    assert stream.invoke(sample["Records"]) == {"batchItemFailures": []}
    assert stream.query("SELECT event_name FROM stream_events WHERE event_uuid LIKE '6f1b4c1e-%' ORDER BY 1") == [
        ["lesson:started"], ["product:processed:timeout"],
    ]  # fmt: skip
    broken = json.loads((ROOT / "events/process-events-no-shard.json").read_text())
    with pytest.raises(AssertionError, match="InvalidInput"):
        stream.invoke(broken["Records"])


def test_claim_expires_after_the_dedupe_window(stream: Stream) -> None:
    """The table deletes an expired claim, and the same event is then stored again. Must be the last test of the shared stream."""
    one, table = event(33_000, "upload:done"), stream.outputs["ClaimsTableName"]
    key = {"event_uuid": {"S": one["event_uuid"]}}
    stream.invoke([record(20, 1, one)])
    claim = stream.dynamodb.get_item(TableName=table, Key=key)["Item"]
    assert int(claim["expires_at"]["N"]) - time.time() == pytest.approx(168 * 3600, abs=60), "DedupeWindowHours"
    stream.invoke([record(21, 2, one)])
    assert stream.metrics()["EventsDuplicate"] == 1
    stream.dynamodb.put_item(TableName=table, Item=claim | {"expires_at": {"N": str(int(time.time()) - 1)}})
    deadline = time.monotonic() + 90  # ministack deletes expired items once a minute
    while "Item" in stream.dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True):
        assert time.monotonic() < deadline, "the table has not deleted the claim"
        time.sleep(0.5)
    stream.invoke([record(21, 3, one)])
    assert stream.metrics()["EventsStored"] == 1


def test_json_lines_give_the_same_rows(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> None:
    with Stream(stacks, tmp_path_factory.mktemp("json"), EventFormat="json") as stream:
        events = [event(number, "lesson:started", user={"id": number}) for number in range(50)]
        stream.put(*events, *events[:10])
        stream.wait_for(50)
        assert all(key.endswith(".json.gz") for key in stream.keys("events/"))
        assert stream.query("SELECT event_type, event_subtype, created_at, other FROM stream_events ORDER BY event_uuid LIMIT 1") == [
            ["lesson", "started", "1763683200250", '{"user":{"id": 0}}']
        ]


def test_stream_works_within_the_main_stack(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> None:
    with stacks.start(tmp_path_factory.mktemp("nested"), EventStreamEnabled="ENABLED") as aws:
        outputs = aws.outputs()
        assert outputs["EventBucketName"] == outputs["DataBucketName"]
        command: list[str | Path] = [BINARIES / "ghactivity", "events"]
        environment = {"PATH": "/usr/bin:/bin", **aws.environment()}
        for action in ("put", "verify"):
            run = [*command, action, "--simulate", "200", "--duplicates", "0.1"]
            done = subprocess.run(run, env=environment, cwd="/", capture_output=True, text=True, timeout=200)
            assert done.returncode == 0, done.stdout + done.stderr + aws.log_tail(40)
        rows = aws.query("SELECT count(*) FROM stream_events", (), outputs["EventDatabaseName"], outputs["EventWorkGroupName"]).rows
        assert rows == [["200"]]
        arn = aws.client("sqs").get_queue_attributes(QueueUrl=outputs["EventFailedBatchesUrl"], AttributeNames=["QueueArn"])
        assert arn["Attributes"]["QueueArn"].endswith("event-failures")
