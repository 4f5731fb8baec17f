"""A rollback publishes an earlier version by one partition update, without a fetch. Only a user's run or a new file undoes it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from deployment import Execution, Lake, versions_before
from test_bad_input import event, gz
from test_ingest import hours_before_now

JOB = "test_rollback"


@pytest.fixture(scope="module")
def hour(lake: Lake) -> str:
    """Publishes a recent hour with 300 records."""
    hour = hours_before_now(90)[0]
    serve(lake, hour, 300)
    return hour


def serve(lake: Lake, hour: str, records: int) -> dict[str, Any]:
    date, hour_of_day = hour.rsplit("-", 1)
    lake.serve(hour, gz(*(event(n, created_at=f"{date}T{int(hour_of_day):02}:00:00Z") for n in range(records))))
    run = lake.run_hour(hour, job_id=JOB)
    assert run.status == "SUCCEEDED", run
    entry: dict[str, Any] = lake.ledger(hour)
    return entry


def roll_back(lake: Lake, hour: str, to: str = "previous") -> Execution:
    return lake.run_hour(hour, job_id=JOB, roll_back_to=to)


def replaced(lake: Lake) -> list[str]:
    """Returns the hours that a recheck would run again."""
    hours: list[str] = lake.invoke("next-file", {"job_id": JOB, "max_hours": 1000, "recheck_days": 5})["hours"]
    return hours


def rows_by_sql(lake: Lake, hour: str) -> int:
    at = datetime.strptime(hour, "%Y-%m-%d-%H").replace(tzinfo=UTC)
    where = f"year = '{at:%Y}' AND month = '{at:%m}' AND dayofmonth = '{at:%d}' AND hour = '{at:%H}'"
    return int(lake.query(f"SELECT count(*) AS n FROM events WHERE {where}")[0]["n"])


def test_rolled_back_version_survives_a_recheck(lake: Lake, hour: str) -> None:
    first = lake.ledger(hour)
    second = serve(lake, hour, 310)
    objects = lake.hour_objects(hour)
    assert rows_by_sql(lake, hour) == 310

    run = roll_back(lake, hour)
    assert run.status == "SUCCEEDED", run
    assert (run.output["version"], run.output["rows"]) == (first["version"], 300)
    assert rows_by_sql(lake, hour) == 300
    item = lake.ledger(hour)
    assert (item["version"], item["rolled_back_from"]) == (first["version"], second["version"])
    assert versions_before(item) == [second["version"]]
    assert item["partition_location"] == first["partition_location"]
    assert lake.partition(hour)["StorageDescriptor"]["Location"] == first["partition_location"]
    assert lake.hour_objects(hour) == objects, "nothing was fetched, converted or deleted"
    assert lake.lease(hour) is None

    assert hour not in replaced(lake), "the source still has the file of the rolled-back version"

    run = roll_back(lake, hour)
    assert (run.output["version"], rows_by_sql(lake, hour)) == (second["version"], 310), "a second rollback undoes the first"
    assert "rolled_back_from" not in lake.ledger(hour)


def test_new_file_at_the_source_ends_a_rollback(lake: Lake, hour: str) -> None:
    serve(lake, hour, 320)
    assert roll_back(lake, hour).status == "SUCCEEDED"
    before = lake.ledger(hour)
    date, hour_of_day = hour.rsplit("-", 1)
    lake.serve(hour, gz(*(event(n, created_at=f"{date}T{int(hour_of_day):02}:00:00Z") for n in range(330))))
    assert hour in replaced(lake)
    assert lake.run_hour(hour, job_id=JOB).status == "SUCCEEDED"
    after = lake.ledger(hour)
    assert (after["counts"]["rows"], versions_before(after)[0]) == (330, before["version"])
    assert "rolled_back_from" not in after


def test_rollback_to_deleted_version_is_refused(lake: Lake, hour: str) -> None:
    first = lake.ledger(hour)["version"]
    for records in (340, 350):
        serve(lake, hour, records)
    before = lake.state(hour, JOB)
    never, unpublished = "0123456789ab", "2016-04-20-0"
    for phrase, where, to, cause in [
        ("two versions ago", hour, first, "is incomplete"),
        ("never seen", hour, never, f"version {never} is not among the earlier versions"),
        ("never published", unpublished, "previous", "it is not published"),
    ]:
        run = roll_back(lake, where, to)
        assert (run.status, run.error) == ("FAILED", "VersionNotKept"), phrase
        assert cause in run.cause, phrase
    assert lake.state(hour, JOB) == before
    assert lake.ledger(unpublished) is None, "an invalid request writes no ledger item"
    assert lake.lease(hour) is None


def test_rollback_beside_a_run_ends_with_one_of_both(lake: Lake, hour: str) -> None:
    serve(lake, hour, 360)
    date, hour_of_day = hour.rsplit("-", 1)
    lake.serve(hour, gz(*(event(n, created_at=f"{date}T{int(hour_of_day):02}:00:00Z") for n in range(370))))
    runs = [lake.start("ProcessHour", hour=hour, job_id=JOB), lake.start("ProcessHour", hour=hour, job_id=JOB, roll_back_to="previous")]
    ends = [lake.wait(arn, 400) for arn in runs]
    assert any(end.status == "SUCCEEDED" for end in ends), ends
    assert all(end.status == "SUCCEEDED" or end.error == "VersionOvertaken" for end in ends), ends
    item = lake.ledger(hour)
    assert lake.partition(hour)["StorageDescriptor"]["Location"] == item["partition_location"]
    assert len(lake.rows(hour)) == item["counts"]["rows"]
