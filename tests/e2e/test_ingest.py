"""The hourly ingest runs older due hours by itself, is not stopped by a missing hour, and obeys its limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deployment import Lake, ledger_key
from stacks import Stacks
from test_bad_input import event, gz, whole_hour


def hours_before_now(count: int) -> list[str]:
    """Returns the last `count` complete hours, oldest first."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return hours_from(now - timedelta(hours=count), count)


def hours_from(first: datetime, count: int) -> list[str]:
    moments = [first + timedelta(hours=n) for n in range(count)]
    return [f"{moment:%Y-%m-%d}-{moment.hour}" for moment in moments]


def small_hour(hour: str, records: int = 30) -> bytes:
    date, hour_of_day = hour.rsplit("-", 1)
    return gz(*(event(n, created_at=f"{date}T{int(hour_of_day):02}:00:{n % 60:02}Z") for n in range(records)))


def test_ingest_reaches_the_newest_hour(lake: Lake) -> None:
    job = "test_catch_up"
    hours = hours_before_now(8)
    hole, broken = hours[3], hours[5]
    for hour in hours:
        lake.serve(hour, small_hour(hour))
    lake.unpublish(hole)
    lake.serve(broken, whole_hour()[:1000])

    run = lake.ingest(job_id=job, **{"from": hours[0]})
    assert (run.status, run.error) == ("FAILED", "HoursFailed"), run
    assert broken in run.cause
    found = {hour: lake.ledger(hour)["status"] for hour in hours}
    assert found == dict.fromkeys(hours, "published") | {hole: "not_published", broken: "failed"}
    assert lake.bookmark(job) == hours[2], "the bookmark does not pass the absent hour"

    lake.serve(hole, small_hour(hole))
    assert lake.run_hour(hole, job_id=job).status == "SUCCEEDED"
    assert lake.bookmark(job) == hours[4]
    lake.serve(broken, small_hour(broken))
    assert lake.run_hour(broken, job_id=job).status == "SUCCEEDED"
    assert lake.bookmark(job) == hours[-1]

    run = lake.ingest(job_id=job)
    assert run.status == "SUCCEEDED", run
    assert run.output["caught_up"] is True
    assert (run.output["published"], run.output["failed"]) == (0, 0), "no hour was due"


def test_ingest_stops_at_limit_and_resumes(lake: Lake) -> None:
    job = "test_bounded"
    hours = hours_before_now(30)[:5]
    for hour in hours:
        lake.serve(hour, small_hour(hour))
    run = lake.ingest(job_id=job, max_hours=2, **{"from": hours[0]})
    assert run.status == "SUCCEEDED", run
    assert (run.output["published"], run.output["caught_up"]) == (2, False)
    assert lake.bookmark(job) == hours[1]
    run = lake.ingest(job_id=job, max_hours=2)
    assert lake.bookmark(job) == hours[3]


@pytest.mark.parametrize(("age", "status"), [(45, "not_published"), (100, "missing")])
def test_late_hour_is_published_by_a_later_ingest(lake: Lake, age: int, status: str) -> None:
    job = f"test_late_{status}"
    hours = hours_before_now(age)[:3]
    for hour in (hours[0], hours[2]):
        lake.serve(hour, small_hour(hour))
    hole = hours[1]
    run = lake.ingest(job_id=job, max_hours=3, **{"from": hours[0]})
    assert (run.status, run.output["published"], run.output[status]) == ("SUCCEEDED", 2, 1), run
    first = lake.ledger(hole)
    assert (first["status"], lake.bookmark(job)) == (status, hours[2] if status == "missing" else hours[0])

    lake.serve(hole, small_hour(hole))
    assert lake.ingest(job_id=job, max_hours=1).status == "SUCCEEDED"
    assert lake.ledger(hole) == first, "the hour's next attempt is later"

    lake.table("ArchiveHours").update_item(
        Key={"archive": "ghactivity", "hour": ledger_key(hole)},
        UpdateExpression="SET next_attempt_at = :past",
        ExpressionAttributeValues={":past": "2026-01-01T00:00:00Z"},  # simulates the time that has passed
    )
    run = lake.ingest(job_id=job, max_hours=1)
    assert (run.status, run.output["published"]) == ("SUCCEEDED", 1), run
    assert (lake.ledger(hole)["status"], len(lake.rows(hole))) == ("published", 30)
    assert ledger_key(lake.bookmark(job)) >= ledger_key(hours[2])


def test_two_ingests_at_once_publish_every_hour(lake: Lake) -> None:
    job = "test_two_ingests"
    hours = hours_before_now(60)[:4]
    for hour in hours:
        lake.serve(hour, small_hour(hour))
    arns = [lake.start("Ingest", job_id=job, max_hours=4, **{"from": hours[0]}) for _ in range(2)]
    assert [lake.wait(arn).status for arn in arns] == ["SUCCEEDED", "SUCCEEDED"]
    assert lake.bookmark(job) == hours[-1]
    assert {lake.ledger(hour)["status"] for hour in hours} == {"published"}


def test_recheck_replaces_republished_hours(lake: Lake) -> None:
    job = "test_recheck"
    hours = hours_before_now(20)[:4]
    for hour in hours:
        lake.serve(hour, small_hour(hour))
        assert lake.run_hour(hour, job_id=job).status == "SUCCEEDED"
    before = [lake.state(hour, job) for hour in hours]
    assert lake.ingest(job_id=job, recheck_days=2).output["published"] == 0, "no file was replaced"
    grown, shrunk = hours[1], hours[2]
    lake.serve(grown, small_hour(grown, 45))
    lake.serve(shrunk, small_hour(shrunk, 20))

    run = lake.ingest(job_id=job, recheck_days=2)
    assert (run.status, run.error) == ("FAILED", "HoursFailed"), run
    assert f"{shrunk} (HourWouldShrink)" in run.cause and "1 published" in run.cause, run
    assert [len(lake.rows(hour)) for hour in hours] == [30, 45, 30, 30]
    assert lake.ledger(grown)["version"] != before[1]["ledger"]["version"]
    assert [lake.state(hour, job) for hour in (hours[0], hours[3])] == [before[0], before[3]], "the others are skipped"
    assert lake.run_hour(shrunk, job_id=job, force=True).status == "SUCCEEDED"
    run = lake.ingest(job_id=job, recheck_days=2)
    assert (run.status, run.output["published"]) == ("SUCCEEDED", 0), run


def test_new_job_starts_a_week_back_and_catches_up(source: tuple[str, Path], stacks: Stacks, tmp_path: Path) -> None:
    """Uses the template's defaults (`BaselineDays` 7, `MaxHoursPerRun` 48) and the schedule's input, {}."""
    address, folder = source
    with stacks.start(tmp_path / "aws", SourceUrls=address, BackfillConcurrency=16, HourConcurrency=8) as aws:
        lake = Lake(aws, aws.outputs(), folder)
        week = hours_before_now(7 * 24 + 2)
        hole = week[40]
        for hour in week:
            lake.serve(hour, small_hour(hour, 3))
        lake.unpublish(hole)
        outputs: list[Any] = []
        while not outputs or not outputs[-1]["caught_up"]:
            run = lake.wait(lake.start("Ingest"), seconds=300)
            assert run.status == "SUCCEEDED", run
            outputs.append(run.output)
            assert len(outputs) <= 5, outputs
        assert [output["published"] + output["missing"] + output["not_published"] for output in outputs[:3]] == [48, 48, 48]
        first = lake.job()["first_hour"]
        assert week.index(first) in (1, 2), "seven days before the newest complete hour"
        missed = [hour for hour in week[week.index(first) :] if (lake.ledger(hour) or {}).get("status") != "published"]
        assert missed == [hole] and lake.ledger(hole)["status"] == "missing", "an absent hour older than two days is missing"
        assert lake.bookmark() == week[-1]
