"""A file that another program puts into landing/ is processed once, like a fetched one. Files that fetch wrote are skipped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployment import Lake
from stacks import Stacks
from test_bad_input import event, gz
from test_ingest import small_hour

JOB = "ghactivity_landed"


@pytest.fixture(scope="module")
def lake(source: tuple[str, Path], stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A stack with LandingEvents, so that its bucket sends events about its objects."""
    address, folder = source
    with stacks.start(tmp_path_factory.mktemp("aws"), SourceUrls=address, LandingEvents="ENABLED") as aws:
        yield Lake(aws, aws.outputs(), folder)


def put(lake: Lake, name: str, body: bytes) -> None:
    lake.s3.put_object(Bucket=lake.bucket, Key=f"landing/ghactivity/{name}.json.gz", Body=body)


def ended(lake: Lake, machine: str, count: int) -> list[dict[str, Any]]:
    """Waits until this number of executions has ended, and returns the executions, oldest first."""
    arn, deadline = lake.outputs["ProcessHourStateMachineArn"].replace("process-hour", machine), time.monotonic() + 60
    while True:
        found = lake.sfn.list_executions(stateMachineArn=arn)["executions"]
        if len(found) >= count and all(one["status"] != "RUNNING" for one in found):
            return sorted(found, key=lambda one: one["startDate"])
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def test_hour_put_by_hand_is_published_once(lake: Lake) -> None:
    hour = "2016-07-01-5"
    put(lake, hour, gz(*(event(n) for n in range(40))))
    ended(lake, "landed", 1)
    [run] = ended(lake, "process-hour", 1)
    assert run["status"] == "SUCCEEDED" and run["name"].startswith(f"{hour}-landed-")
    item = lake.ledger(hour)
    assert (item["status"], item["counts"]["rows"]) == ("published", 40)
    assert item["source"] == {"url": f"s3://{lake.bucket}/landing/ghactivity/{hour}.json.gz"}
    assert len(lake.rows(hour)) == 40
    assert [run["hour"] for run in lake.runs(JOB)] == [hour]

    put(lake, hour, gz(*(event(n) for n in range(50))))
    ended(lake, "landed", 2)
    ended(lake, "process-hour", 2)
    again = lake.ledger(hour)
    assert (again["counts"]["rows"], again["previous_versions"][0]["version"]) == (50, item["version"])


def test_fetched_hour_is_not_run_again(lake: Lake) -> None:
    hour, before = "2016-07-02-5", len(ended(lake, "landed", 0))
    lake.serve(hour, small_hour(hour))
    assert lake.run_hour(hour).status == "SUCCEEDED"
    runs = len(ended(lake, "process-hour", 1))
    assert ended(lake, "landed", before + 1)[-1]["status"] == "SUCCEEDED"
    assert len(ended(lake, "process-hour", runs)) == runs, "the object has the mark of fetch"
    key = f"landing/ghactivity/{hour}.json.gz"
    assert lake.s3.head_object(Bucket=lake.bucket, Key=key)["Metadata"]["fetched-into"] == f"s3://{lake.bucket}/{key}"


@pytest.mark.parametrize(("day", "mark"), [(4, {"fetched-into": "s3://pond/landing/ghactivity/2016-07-04-5.json.gz"}), (5, {})])
def test_file_of_another_stack_keeps_its_metadata(lake: Lake, day: int, mark: dict[str, str]) -> None:
    """The file has the mark of fetch with the other stack's address, or no mark, as from an old version of fetch."""
    hour, key = f"2016-07-0{day}-5", f"landing/ghactivity/2016-07-0{day}-5.json.gz"
    landed, runs = len(ended(lake, "landed", 0)), len(ended(lake, "process-hour", 0))
    source = {"source-url": f"https://data.gharchive.org/{hour}.json.gz", "source-etag": '"abc"'}
    if day == 4:
        lake.s3.create_bucket(Bucket="pond")
    lake.s3.put_object(Bucket="pond", Key=key, Body=gz(*(event(n) for n in range(20))), Metadata=mark | source)
    lake.s3.copy_object(Bucket=lake.bucket, Key=key, CopySource={"Bucket": "pond", "Key": key})
    assert lake.s3.head_object(Bucket=lake.bucket, Key=key)["Metadata"] == mark | source
    ended(lake, "landed", landed + 1)
    assert ended(lake, "process-hour", runs + 1)[-1]["status"] == "SUCCEEDED"
    item = lake.ledger(hour)
    assert (item["status"], item["counts"]["rows"]) == ("published", 20)
    assert item["source"] == {"url": source["source-url"], "etag": '"abc"'}


def test_bad_file_or_name_fails_by_name(lake: Lake) -> None:
    hour = "2016-07-03-5"
    started = len(ended(lake, "landed", 0))
    put(lake, hour, b"<html>404</html>")
    put(lake, "events", b"")
    states = [one["status"] for one in ended(lake, "landed", started + 2)[started:]]
    assert sorted(states) == ["FAILED", "SUCCEEDED"], "a name that is not an hour fails at once"
    run = ended(lake, "process-hour", 1)[-1]
    assert run["status"] == "FAILED" and run["name"].startswith(hour)
    assert (lake.ledger(hour)["status"], lake.ledger(hour)["last_error"]["name"]) == ("failed", "NotGzip")
