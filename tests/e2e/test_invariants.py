"""Invariants that hold after any runs, in any order, any number of times."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from conftest import ROOT
from deployment import FunctionError, Lake, versions_before
from test_bad_input import event, gz


def publication_with(field: str) -> dict[str, Any]:
    """Returns the sample event of commit-bookmark with an unknown field in its publication."""
    event: dict[str, Any] = json.loads((ROOT / "events/commit-bookmark.json").read_text())
    event["outcome"]["published"][field] = 1
    return event


def registration(hour: str, ledger: dict[str, Any]) -> dict[str, Any]:
    """Returns the input of register-partition in the run that published the hour."""
    run = {"execution_arn": ledger["execution_arn"], "started_at": ledger["published_at"]}
    return {"hour": hour, "version": ledger["version"], "source": ledger["source"]} | run


RUN_OF_FIVE = [f"2016-04-01-{hour}" for hour in range(5)]


@pytest.fixture(scope="module")
def five_hours(lake: Lake, generate: Callable[..., bytes]) -> dict[str, bytes]:
    """Serves five hours of 25,000 records (three chunks each), with duplicates and bad lines."""
    bodies = {hour: generate(hour, "--events", "25000", "--duplicates", "0.01", "--bad", "0.005") for hour in RUN_OF_FIVE}
    for hour, body in bodies.items():
        lake.serve(hour, body)
    return bodies


def test_repeated_and_parallel_runs_leave_same_state(
    lake: Lake, five_hours: dict[str, bytes], job_starting_at: Callable[[str, str], None]
) -> None:
    hour, job = RUN_OF_FIVE[0], "test_again"
    job_starting_at(job, hour)
    assert lake.run_hour(hour, job_id=job).status == "SUCCEEDED"
    first = lake.state(hour, job)
    assert first["ledger"]["status"] == "published" and first["ledger"]["chunks"] == 3
    assert first["bookmark"] == hour
    for _ in range(2):
        assert lake.run_hour(hour, job_id=job).status == "SUCCEEDED"
        assert lake.state(hour, job) == first
    at_once = [lake.start("ProcessHour", hour=hour, job_id=job) for _ in range(2)]
    assert [lake.wait(arn).status for arn in at_once] == ["SUCCEEDED", "SUCCEEDED"]
    assert lake.state(hour, job) == first
    assert len(lake.runs(job)) == 5, "each execution has an item in the run history"


def test_order_of_hours_leaves_same_state(lake: Lake, five_hours: dict[str, bytes], job_starting_at: Callable[[str, str], None]) -> None:
    def run(order: list[int]) -> dict[str, Any]:
        """Removes the five hours' state, then runs them one after the other in this order."""
        job = "test_order_" + "".join(map(str, order))
        for hour in RUN_OF_FIVE:
            lake.forget(hour)
        job_starting_at(job, RUN_OF_FIVE[0])
        for number in order:
            assert lake.run_hour(RUN_OF_FIVE[number], job_id=job).status == "SUCCEEDED"
        return {hour: lake.state(hour, job) for hour in RUN_OF_FIVE}

    ascending = run([0, 1, 2, 3, 4])
    assert ascending[RUN_OF_FIVE[0]]["bookmark"] == RUN_OF_FIVE[4]
    assert run([4, 3, 2, 1, 0]) == ascending
    assert run([2, 0, 4, 1, 3]) == ascending


def test_landed_bytes_are_planned_without_the_source(lake: Lake, five_hours: dict[str, bytes]) -> None:
    hour, job = RUN_OF_FIVE[1], "test_landing"
    assert lake.run_hour(hour, job_id=job).status == "SUCCEEDED"
    before = lake.state(hour, job)
    lake.unpublish(hour)
    assert lake.run_hour(hour, job_id=job, source="landing").status == "SUCCEEDED"
    assert lake.state(hour, job) == before


def test_hour_without_landing_cannot_be_planned(lake: Lake) -> None:
    run = lake.run_hour("2016-04-02-0", job_id="test_landing", source="landing")
    assert (run.status, run.error) == ("FAILED", "LandingNotFound"), run


def test_smaller_version_is_refused_unless_forced(lake: Lake) -> None:
    hour, job = "2016-04-03-0", "test_shrink"
    lake.serve(hour, gz(*(event(n) for n in range(300))))
    assert lake.run_hour(hour, job_id=job).status == "SUCCEEDED"
    before = lake.ledger(hour)
    lake.serve(hour, gz(*(event(n) for n in range(299))))
    run = lake.run_hour(hour, job_id=job)
    assert (run.status, run.error) == ("FAILED", "HourWouldShrink"), run
    after = lake.ledger(hour)
    assert (after["status"], after["version"], after["counts"]) == ("published", before["version"], before["counts"])
    assert after["last_error"]["name"] == "HourWouldShrink"
    assert len(lake.rows(hour)) == 300, "readers still see the version before"

    assert lake.run_hour(hour, job_id=job, force=True).status == "SUCCEEDED"
    forced = lake.ledger(hour)
    assert (forced["counts"]["rows"], versions_before(forced)) == (299, [before["version"]])
    assert len(lake.rows(hour)) == 299

    lake.serve(hour, gz(*(event(n) for n in range(301))))
    assert lake.run_hour(hour, job_id=job).status == "SUCCEEDED"
    keys, newest = lake.hour_objects(hour), lake.ledger(hour)["version"]
    assert not [key for key in keys if before["version"] in key], "the version before the kept one is deleted"
    assert all([key for key in keys if version in key] for version in (forced["version"], newest))


def test_republication_replaces_version_in_one_update(lake: Lake) -> None:
    hour, job = "2016-04-04-0", "test_republished"
    lake.serve(hour, gz(*(event(n) for n in range(300))))
    assert lake.run_hour(hour, job_id=job).status == "SUCCEEDED"
    old = lake.ledger(hour)
    lake.serve(hour, gz(*(event(n, public=False) for n in range(300))))
    assert lake.run_hour(hour, job_id=job).status == "SUCCEEDED"
    new = lake.ledger(hour)
    assert new["version"] != old["version"] and versions_before(new) == [old["version"]]
    assert lake.partition(hour)["StorageDescriptor"]["Location"] == new["partition_location"]
    assert {row["public"] for row in lake.rows(hour)} == {False}
    assert len(lake.rows(hour)) == 300, "no event is doubled"


def test_readers_never_see_part_of_an_hour(lake: Lake, generate: Callable[..., bytes]) -> None:
    hour = "2016-04-05-0"
    lake.serve(hour, generate(hour, "--events", "120000"))
    sql = "SELECT count(*) AS n FROM events WHERE year='2016' AND month='04' AND dayofmonth='05' AND hour='00'"
    arn = lake.start("ProcessHour", hour=hour, job_id="test_readers")
    seen, looks = set(), 0
    while lake.sfn.describe_execution(executionArn=arn)["status"] == "RUNNING":
        seen.add(int(lake.query(sql)[0]["n"]))
        looks += 1
    assert lake.wait(arn).status == "SUCCEEDED"
    seen.add(int(lake.query(sql)[0]["n"]))
    rows = lake.ledger(hour)["counts"]["rows"]
    assert rows == 120_000
    assert looks >= 3 and seen <= {0, rows} and rows in seen, f"{looks} looks saw {seen}"


def test_states_pass_references_only(lake: Lake, five_hours: dict[str, bytes]) -> None:
    run = lake.run_hour(RUN_OF_FIVE[2], job_id="test_payload")
    longest = 0
    for page in lake.sfn.get_paginator("get_execution_history").paginate(executionArn=run.arn):
        for entry in page["events"]:
            for details in entry.values():
                if isinstance(details, dict):
                    longest = max([longest, *(len(details.get(name) or "") for name in ("input", "output"))])
    assert 0 < longest < 4096, f"the longest input or output has {longest} characters for three chunks"


@pytest.mark.parametrize(
    ("function", "event", "field"),
    [
        ("next-file", {"job_id": "x", "max_hours": -1}, "max_hours"),
        ("next-file", {"job_id": "x", "max_hours": 1, "surprise": 1}, "surprise"),
        ("fetch", {"hour": "2016-13-01-0"}, "hour"),
        ("fetch", {"hour": "2016-01-01-24"}, "hour"),
        ("fetch", {"hour": "2999-01-01-0"}, "hour"),
        ("fetch", {"hour": "2016-01-01-0", "source": "elsewhere"}, "source"),
        ("convert-chunk", {"hour": "2016-01-01-0", "version": "0123456789ab", "chunk": -1}, "chunk"),
        ("convert-chunk", {"hour": "2016-01-01-0", "version": "../../secret", "chunk": 0}, "version"),
        ("convert-chunk", {"hour": "2016-01-01-0", "version": "0123456789ab"}, "chunk"),
        ("register-partition", {"hour": 5, "version": "0123456789ab"}, "hour"),
        ("commit-bookmark", publication_with("surprise"), "surprise"),
        ("commit-bookmark", {"hour": "2016-01-01-0", "job_id": "x", "outcome": {"won": {}}}, "outcome"),
    ],
)
def test_invalid_input_is_refused_by_name(lake: Lake, function: str, event: dict[str, Any], field: str) -> None:
    with pytest.raises(FunctionError) as refused:
        lake.invoke(function, event)
    assert refused.value.name == "InvalidInput"
    assert field in refused.value.message


def test_unfinished_hour_is_refused_without_a_trace(lake: Lake) -> None:
    run = lake.run_hour("2999-01-01-0", job_id="test_future")
    assert (run.status, run.error) == ("FAILED", "InvalidInput"), run
    assert "2999-01-01-0 is not over until" in run.cause
    assert lake.ledger("2999-01-01-0") is None and lake.runs("test_future") == []


def test_removed_objects_are_written_again(lake: Lake, five_hours: dict[str, bytes]) -> None:
    """Between converting and registering no test can look; a run over an hour whose bucket was tidied by hand is the same."""
    hour, job = RUN_OF_FIVE[2], "test_removed"
    assert lake.run_hour(hour, job_id=job).status == "SUCCEEDED"
    before = lake.state(hour, job)
    for key in [key for key in lake.hour_objects(hour) if not key.startswith("landing/ghactivity/2016")]:
        lake.s3.delete_object(Bucket=lake.bucket, Key=key)
    assert lake.run_hour(hour, job_id=job).status == "SUCCEEDED"
    assert lake.state(hour, job) == before


def test_overlapping_versions_end_with_a_whole_one(lake: Lake) -> None:
    hour, job = "2016-04-06-0", "test_flips"
    bodies = [gz(*(event(number, public=flag) for number in range(300))) for flag in (True, False)]
    arns = []
    for turn in range(8):
        lake.serve(hour, bodies[turn % 2])
        arns.append(lake.start("ProcessHour", hour=hour, job_id=job))
        time.sleep(0.15)
    ended = [lake.wait(arn, 600) for arn in arns]
    # A run that is overtaken several times may fail with one of these errors. The final state is consistent.
    assert {run.error for run in ended if run.status != "SUCCEEDED"} <= {"VersionOvertaken", "LandingChanged", "LeaseLost"}
    assert lake.run_hour(hour, job_id=job).status == "SUCCEEDED"
    ledger = lake.ledger(hour)
    assert lake.partition(hour)["StorageDescriptor"]["Location"] == ledger["partition_location"]
    assert len(lake.rows(hour)) == ledger["counts"]["rows"] == 300
    assert {row["public"] for row in lake.rows(hour)} == {False}
    assert lake.lease(hour) is None


def test_execution_with_invalid_hour_fails(lake: Lake) -> None:
    run = lake.run_hour("2016-02-30-0", job_id="test_invalid")
    assert (run.status, run.error) == ("FAILED", "InvalidInput"), run


def test_chunk_of_changed_landing_is_refused(lake: Lake, five_hours: dict[str, bytes]) -> None:
    hour = RUN_OF_FIVE[3]
    assert lake.run_hour(hour, job_id="test_changed").status == "SUCCEEDED"
    version, key = lake.ledger(hour)["version"], f"landing/ghactivity/{hour}.json.gz"
    body = lake.read(key)
    try:
        lake.s3.put_object(Bucket=lake.bucket, Key=key, Body=body + b"\0")
        with pytest.raises(FunctionError) as refused:
            lake.invoke("convert-chunk", {"hour": hour, "version": version, "chunk": 1})
        assert refused.value.name == "LandingChanged" and key in refused.value.message
    finally:
        lake.s3.put_object(Bucket=lake.bucket, Key=key, Body=body)


def test_unbalanced_hour_is_not_published(lake: Lake, five_hours: dict[str, bytes]) -> None:
    hour = RUN_OF_FIVE[4]
    assert lake.run_hour(hour, job_id="test_balance").status == "SUCCEEDED"
    ledger = lake.ledger(hour)
    request = registration(hour, ledger)
    key = f"landing/ghactivity/_plan/{hour}.{ledger['version']}/00001.json"
    receipt = lake.read(key)
    try:
        short = json.loads(receipt)
        short["counts"]["rows"] -= 1
        lake.s3.put_object(Bucket=lake.bucket, Key=key, Body=json.dumps(short).encode())
        with pytest.raises(FunctionError) as refused:
            lake.invoke("register-partition", request)
        assert refused.value.name == "HourDoesNotBalance"
        lake.s3.delete_object(Bucket=lake.bucket, Key=key)
        with pytest.raises(FunctionError) as refused:
            lake.invoke("register-partition", request)
        assert refused.value.name == "ObjectMissing" and key in refused.value.message
    finally:
        lake.s3.put_object(Bucket=lake.bucket, Key=key, Body=receipt)
    assert lake.invoke("register-partition", request)["version"] == ledger["version"]


def test_object_lost_before_registration_is_found(lake: Lake, five_hours: dict[str, bytes]) -> None:
    hour = RUN_OF_FIVE[4]
    assert lake.run_hour(hour, job_id="test_balance").status == "SUCCEEDED"
    ledger = lake.ledger(hour)
    key = next(key for key in lake.hour_objects(hour) if key.endswith("00001.snappy.parquet"))
    body = lake.read(key)
    lake.s3.delete_object(Bucket=lake.bucket, Key=key)
    with pytest.raises(FunctionError) as refused:
        lake.invoke("register-partition", registration(hour, ledger))
    assert refused.value.name == "ObjectMissing" and key in refused.value.message
    lake.s3.put_object(Bucket=lake.bucket, Key=key, Body=body)


def test_parallel_hours_lose_no_bookmark_update(lake: Lake, job_starting_at: Callable[[str, str], None]) -> None:
    hours = [f"2016-05-01-{hour}" for hour in range(12)]
    for hour in hours:
        lake.serve(hour, gz(*(event(n) for n in range(20))))
    job = "test_bookmark"
    job_starting_at(job, hours[0])
    arns = [lake.start("ProcessHour", hour=hour, job_id=job) for hour in reversed(hours)]
    seen: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            mark = lake.bookmark(job)
            if mark and (not seen or seen[-1] != mark):
                seen.append(mark)
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        assert {lake.wait(arn).status for arn in arns} == {"SUCCEEDED"}
    finally:
        done.set()
        watcher.join()
    assert lake.bookmark(job) == hours[-1]
    assert [hours.index(mark) for mark in seen] == sorted(hours.index(mark) for mark in seen), "the bookmark never moves back"
    assert len(lake.runs(job)) == len(hours)
