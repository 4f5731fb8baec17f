"""A backfill runs every hour of a range once, counts missing and failed hours, and resumes where it stopped."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from deployment import Lake
from local_aws.stack.archive_hours import moment
from local_aws.stack.archive_server import ArchiveServer
from stacks import Stacks
from test_bad_input import whole_hour
from test_ingest import hours_before_now, hours_from, small_hour

JOB = "ghactivity_backfill"


def statuses(lake: Lake, hours: list[str]) -> dict[str, Any]:
    return {hour: (lake.ledger(hour) or {}).get("status") for hour in hours}


def test_month_with_faults_accounts_for_every_hour(stacks: Stacks, tmp_path: Path) -> None:
    """Of 744 hours, 16 at a time, 5 are absent and 4 are truncated. The source is slow for 20."""
    month = hours_from(datetime(2025, 10, 1), 744)
    absent, broken, slow = month[100:105], month[300:304], month[500:520]
    folder = tmp_path / "source"
    folder.mkdir()
    faults = [argument for hour in slow for argument in ("--fault", f"{hour}=slow:300")]
    with (
        ArchiveServer(tmp_path / "archive", ["--dir", folder, *faults]) as archive,
        stacks.start(tmp_path / "aws", SourceUrls=archive.url, BackfillConcurrency=16, HourConcurrency=8) as aws,
    ):
        lake = Lake(aws, aws.outputs(), folder)
        for hour in month:
            lake.serve(hour, small_hour(hour, 3))
        for hour in absent:
            lake.unpublish(hour)
        for hour in broken:
            lake.serve(hour, small_hour(hour, 3)[:-6])
        span = {"from": month[0], "to": month[-1]}

        run = lake.wait(lake.start("Backfill", **span), seconds=600)
        assert (run.status, run.error) == ("FAILED", "HoursFailed"), run
        assert run.cause.startswith("4 hours are still open") and all(f"{hour} (failed)" in run.cause for hour in broken)
        expected = dict.fromkeys(month, "published") | dict.fromkeys(absent, "missing") | dict.fromkeys(broken, "failed")
        assert statuses(lake, month) == expected
        assert Counter(run["hour"] for run in lake.runs(JOB)) == Counter(month)

        for hour in broken:
            lake.serve(hour, small_hour(hour, 3))
        run = lake.wait(lake.start("Backfill", **span))
        assert run.status == "SUCCEEDED", run
        assert run.output["statuses"] == {"published": 739, "missing": 5, "not_published": 0, "failed": 0, "landed": 0, "unknown": 0}
        again = Counter(run["hour"] for run in lake.runs(JOB)) - Counter(month)
        assert again == Counter(broken + absent), "only open hours, and hours that the source may have now"
        [[rows, days]] = [list(row.values()) for row in lake.query("SELECT count(*), count(DISTINCT dayofmonth) FROM events")]
        assert (rows, days) == (str(739 * 3), "31")


def test_backfill_above_failure_limit_resumes(lake: Lake) -> None:
    hours = hours_from(datetime(2024, 2, 1), 6)
    for hour in hours:
        lake.serve(hour, small_hour(hour))
    lake.serve(hours[2], whole_hour()[:1000])
    run = lake.wait(lake.start("Backfill", **{"from": hours[0], "to": hours[-1]}))
    assert (run.status, run.error) == ("FAILED", "States.ExceedToleratedFailureThreshold"), run
    lake.serve(hours[2], small_hour(hours[2]))
    run = lake.wait(lake.start("Backfill", **{"from": hours[0], "to": hours[-1]}))
    assert run.status == "SUCCEEDED", run
    assert (run.output["statuses"]["published"], run.output["open"]) == (6, 0)


def test_published_hours_are_skipped_unless_forced(lake: Lake) -> None:
    hours = hours_from(datetime(2024, 3, 1), 3)
    span = {"from": hours[0], "to": hours[-1], "job_id": "test_forced_backfill"}
    for hour in hours:
        lake.serve(hour, small_hour(hour, 30))
    assert lake.wait(lake.start("Backfill", **span)).status == "SUCCEEDED"
    before = [lake.state(hour) for hour in hours]
    lake.serve(hours[1], small_hour(hours[1], 20))
    assert lake.wait(lake.start("Backfill", **span)).status == "SUCCEEDED"
    assert [lake.state(hour) for hour in hours] == before, "no hour was open"
    assert len(lake.runs("test_forced_backfill")) == 3

    run = lake.wait(lake.start("Backfill", **span, force=True))
    assert run.status == "SUCCEEDED", run
    assert [len(lake.rows(hour)) for hour in hours] == [30, 20, 30], "force publishes fewer rows too"
    assert len(lake.runs("test_forced_backfill")) == 6


def test_backfill_and_ingest_at_once_publish_all(lake: Lake) -> None:
    job = "test_beside_backfill"
    hours = hours_before_now(90)[:8]
    for hour in hours:
        lake.serve(hour, small_hour(hour))
    arns = [
        lake.start("Backfill", **{"from": hours[0], "to": hours[-1]}),
        lake.start("Ingest", job_id=job, max_hours=8, **{"from": hours[0]}),
        lake.start("Backfill", **{"from": hours[0], "to": hours[-1]}),
    ]
    assert [lake.wait(arn).status for arn in arns] == ["SUCCEEDED"] * 3
    assert set(statuses(lake, hours).values()) == {"published"}
    assert [len(lake.rows(hour)) for hour in hours] == [30] * 8
    assert [lake.lease(hour) for hour in hours] == [None] * 8
    lake.ingest(job_id=job, max_hours=1)
    assert moment(lake.bookmark(job)) >= moment(hours[-1])


def test_backfill_with_bad_input_is_refused(lake: Lake) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"from": "2024-04-02-0", "to": "2024-04-01-0"}, "hour 2024-04-01-0 is before from"),
        ({"from": "2024-04-01-0", "to": "2124-04-01-0"}, "is not over"),
        ({"from": "2024-04-01-24", "to": "2024-04-02-1"}, "from"),
        ({"from": "2024-04-01-0"}, "to"),
        ({"from": "2024-04-01-0", "to": "2024-04-01-1", "forced": True}, "forced"),
    ]
    for given, words in cases:
        run = lake.wait(lake.start("Backfill", **given))
        assert (run.status, run.error) == ("FAILED", "InvalidInput"), (given, run)
        assert words in run.cause, (given, run)
    assert lake.ledger("2024-04-01-0") is None
