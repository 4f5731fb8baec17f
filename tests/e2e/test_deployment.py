"""A deployment while executions run loses nothing: each hour is published, or fails with a named error and the next run publishes it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from deployment import Lake
from local_aws.paths import FUNCTIONS
from local_aws.stack.aws import LocalAws
from test_bad_input import event, gz

HOURS = [f"2018-06-01-{hour}" for hour in range(12)]
RECORDS = 3000
#: Allowed errors: of a task whose process is stopped, and of runs that find another version of the hour.
EXPECTED = {"Runtime.ExitError", "LandingChanged", "PlanNotFound", "VersionOvertaken", "ObjectMissing", "LeaseLost", "PartitionConflict"}


def test_hours_under_way_survive_a_deployment(source: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = source
    with LocalAws(tmp_path / "aws") as aws:
        aws.functions = shutil.copytree(FUNCTIONS, tmp_path / "functions")
        parameters = {"SourceUrls": address, "ChunkRecords": 1000}
        lake = Lake(aws, aws.deploy(parameters), folder)
        for hour in HOURS:
            lake.serve(hour, gz(*(event(n) for n in range(RECORDS))))
        assert lake.run_hour(HOURS[0]).status == "SUCCEEDED"
        assert lake.ledger(HOURS[0])["chunks"] == 3

        arns = [lake.start("ProcessHour", hour=hour) for hour in HOURS[:8]]
        while not lake.ledger(HOURS[1]):
            time.sleep(0.01)  # when this hour has landed, most other hours are between their first and last call
        for bootstrap in aws.functions.glob("*/bootstrap"):
            with bootstrap.open("ab") as binary:
                binary.write(b"another build")
        code = lake.lambda_.get_function_configuration(FunctionName=lake.function_name("fetch"))["CodeSha256"]
        aws.deploy(parameters | {"ChunkRecords": 700})
        arns += [lake.start("ProcessHour", hour=hour) for hour in HOURS[4:]]
        ended = [lake.wait(arn) for arn in arns]
        assert {run.error for run in ended if run.status != "SUCCEEDED"} <= EXPECTED, ended
        deployed = lake.lambda_.get_function_configuration(FunctionName=lake.function_name("fetch"))
        assert deployed["CodeSha256"] != code and deployed["Environment"]["Variables"]["CHUNK_RECORDS"] == "700"
        for hour in HOURS:
            found = lake.ledger(hour)
            if found["status"] == "published":
                assert_whole(lake, hour)
            else:
                assert found["last_error"]["name"] in EXPECTED, found

        again = [lake.start("ProcessHour", hour=hour) for hour in HOURS]
        assert {lake.wait(arn).status for arn in again} == {"SUCCEEDED"}
        for hour in HOURS:
            assert_whole(lake, hour)
            assert lake.ledger(hour)["chunks"] == 5, "with the chunks of the new version"
            assert lake.lease(hour) is None
        [[rows, hours]] = [list(row.values()) for row in lake.query("SELECT count(*), count(DISTINCT hour) FROM events")]
        assert (rows, hours) == (str(RECORDS * len(HOURS)), str(len(HOURS)))


def test_broken_build_fails_hours_until_next_build(source: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = source
    parameters = {"SourceUrls": address}
    with LocalAws(tmp_path / "aws") as aws:
        aws.functions = shutil.copytree(FUNCTIONS, tmp_path / "functions")
        lake = Lake(aws, aws.deploy(parameters), folder)
        for hour in HOURS[:2]:
            lake.serve(hour, gz(*(event(n) for n in range(RECORDS))))
        assert lake.run_hour(HOURS[0]).status == "SUCCEEDED"

        binary = aws.functions / "ConvertChunkFunction" / "bootstrap"
        build = binary.read_bytes()
        binary.write_text("#!/bin/sh\nexit 1\n")
        aws.deploy(parameters)
        run = lake.run_hour(HOURS[1])
        assert (run.status, run.error) == ("FAILED", "Runtime.ExitError"), run
        assert lake.ledger(HOURS[1])["last_error"]["name"] == "Runtime.ExitError"
        assert lake.query("SELECT count(*) AS rows FROM events") == [{"rows": str(RECORDS)}]

        binary.write_bytes(build)
        aws.deploy(parameters)
        assert lake.run_hour(HOURS[1]).status == "SUCCEEDED"
        for hour in HOURS[:2]:
            assert_whole(lake, hour)


def assert_whole(lake: Lake, hour: str) -> None:
    """Checks that readers see the complete hour in the ledger's version."""
    ledger = lake.ledger(hour)
    assert lake.partition(hour)["StorageDescriptor"]["Location"] == ledger["partition_location"]
    counts = ledger["counts"]
    assert counts["records"] == RECORDS == counts["rows"] + counts["duplicates"] + counts["quarantined"]
    assert len(lake.rows(hour)) == counts["rows"]
