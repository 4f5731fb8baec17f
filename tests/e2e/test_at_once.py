"""Several parallel executions over the same hours end in the same state as one execution."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deployment import Lake
from local_aws.stack.archive_server import ArchiveServer
from stacks import Stacks
from test_bad_input import whole_hour
from test_ingest import hours_before_now, small_hour


def test_new_hour_run_three_times_at_once_ends_as_one(
    lake: Lake, generate: Callable[..., bytes], job_starting_at: Callable[[str, str], None]
) -> None:
    hour, job = "2016-07-01-0", "test_three_at_once"
    lake.serve(hour, generate(hour, "--events", "25000", "--duplicates", "0.01", "--bad", "0.005"))
    job_starting_at(job, hour)
    arns = [lake.start("ProcessHour", hour=hour, job_id=job) for _ in range(3)]
    assert [lake.wait(arn).status for arn in arns] == ["SUCCEEDED"] * 3
    at_once = lake.state(hour, job)
    assert (at_once["ledger"]["chunks"], at_once["bookmark"], lake.lease(hour)) == (3, hour, None)
    assert {run["execution_arn"] for run in lake.runs(job)} == set(arns), "each execution has an item in the run history"
    lake.forget(hour)
    assert lake.run_hour(hour, job_id=job).status == "SUCCEEDED"
    assert lake.state(hour, job) == at_once


def test_two_ingests_at_once_handle_hole_and_failure(lake: Lake) -> None:
    job = "test_two_ingests_with_trouble"
    hours = hours_before_now(120)[:6]
    hole, broken = hours[2], hours[4]
    for hour in hours:
        lake.serve(hour, small_hour(hour))
    lake.unpublish(hole)
    lake.serve(broken, whole_hour()[:1000])
    arns = [lake.start("Ingest", job_id=job, max_hours=6, **{"from": hours[0]}) for _ in range(2)]
    ended = [lake.wait(arn) for arn in arns]
    assert {run.error for run in ended} <= {None, "HoursFailed"} and any(run.error for run in ended), ended
    assert all(broken in run.cause for run in ended if run.error)
    found = {hour: lake.ledger(hour)["status"] for hour in hours}
    assert found == dict.fromkeys(hours, "published") | {hole: "missing", broken: "failed"}
    assert lake.bookmark(job) == hours[3], "up to the failed hour: the bookmark passes an absent hour that is five days old"
    lake.serve(broken, small_hour(broken))
    assert lake.run_hour(broken, job_id=job).status == "SUCCEEDED"
    assert lake.bookmark(job) == hours[5]


def test_backfills_and_recheck_at_once_end_consistent(stacks: Stacks, tmp_path: Path) -> None:
    """Uses its own stack, because the recheck reads every recent hour of a stack."""
    job, folder = "test_forced_beside", tmp_path / "source"
    folder.mkdir()
    with ArchiveServer(tmp_path / "archive", ["--dir", folder]) as archive, stacks.start(tmp_path / "aws", SourceUrls=archive.url) as aws:
        lake = Lake(aws, aws.outputs(), folder)
        hours = hours_before_now(40)[:5]
        for hour in hours:
            lake.serve(hour, small_hour(hour))
            assert lake.run_hour(hour, job_id=job).status == "SUCCEEDED"
        for hour in hours[1:4]:
            lake.serve(hour, small_hour(hour, 45))
        span = {"from": hours[0], "to": hours[-1]}
        arns = [
            lake.start("Backfill", **span, force=True),
            lake.start("Ingest", job_id=job, recheck_days=3),
            lake.start("Backfill", **span),
        ]
        runs = [lake.wait(arn) for arn in arns]
        assert [run.status for run in runs] == ["SUCCEEDED"] * 3, runs
        assert [len(lake.rows(hour)) for hour in hours] == [30, 45, 45, 45, 30]
        for hour in hours:
            ledger = lake.ledger(hour)
            assert lake.partition(hour)["StorageDescriptor"]["Location"] == ledger["partition_location"]
            assert lake.lease(hour) is None
