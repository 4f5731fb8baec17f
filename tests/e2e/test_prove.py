"""`prove` verifies published rows against the landed bytes, and reports each kind of damage by name."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from conftest import configured
from deployment import Execution, Lake, ledger_key, partition_values
from test_bad_input import event, gz

DAY = "2016-08-01"
WHOLE, SPOILT, ABSENT, NEVER = (f"{DAY}-{hour}" for hour in range(4))
JOB = "test_prove"


@pytest.fixture(scope="module")
def hours(lake: Lake, generate: Callable[..., bytes]) -> None:
    """Runs an hour with all kinds of records in several chunks, and an hour that the source does not have."""
    lake.serve(WHOLE, generate(WHOLE, "--events", "25000", "--duplicates", "0.01", "--bad", "0.001"))
    assert lake.run_hour(WHOLE, job_id=JOB).status == "SUCCEEDED"
    assert lake.run_hour(ABSENT, job_id=JOB).output["status"] == "missing"


def prove(lake: Lake, first: str, last: str) -> Execution:
    return lake.wait(lake.start("Prove", **{"from": first, "to": last}))


def report(lake: Lake, run: Execution, hour: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(lake.read(f"reports/ghactivity/prove/{run.arn.rsplit(':', 1)[1]}/{hour}.json"))
    return report


def test_landed_hour_is_proven(lake: Lake, hours: None) -> None:
    before = lake.state(WHOLE, JOB)
    run = prove(lake, WHOLE, WHOLE)
    assert run.status == "SUCCEEDED", run
    assert (run.output["hours"], run.output["proven"], run.output["wrong"]) == (1, 1, 0)
    counts = lake.ledger(WHOLE)["counts"]
    assert run.output["rows"] == counts["rows"] and counts["duplicates"] > 0 and counts["quarantined"] > 0
    found = report(lake, run, WHOLE)
    assert (found["findings"], found["counts"]) == ([], counts)
    assert found["fingerprints"]["landing"] == found["fingerprints"]["parquet"]
    assert lake.state(WHOLE, JOB) == before, "prove changes nothing"


def test_range_reports_each_hour(lake: Lake, hours: None) -> None:
    lake.serve(SPOILT, gz(*(event(n) for n in range(30))))
    assert lake.run_hour(SPOILT, job_id=JOB).status == "SUCCEEDED"
    run = prove(lake, WHOLE, ABSENT)
    assert run.status == "SUCCEEDED", run
    assert (run.output["hours"], run.output["proven"], run.output["absent"]) == (3, 2, 1)
    run = prove(lake, WHOLE, NEVER)
    assert (run.status, run.error) == ("FAILED", "NotProven")
    assert f'1 of 4 hours are wrong: ["{NEVER} (HourOpen)"]' in run.cause, run.cause


def parquet_keys(lake: Lake) -> list[str]:
    return sorted(lake.objects(lake.partition(SPOILT)["StorageDescriptor"]["Location"].removeprefix(f"s3://{lake.bucket}/")))


def rewrite(sql: str) -> Callable[[Lake, Path], None]:
    """Replaces the hour's first Parquet object by the result of a statement on its rows."""

    def spoil(lake: Lake, folder: Path) -> None:
        (key, *_) = parquet_keys(lake)
        (folder / "before.parquet").write_bytes(lake.read(key))
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = true")
        connection.execute(f"CREATE TABLE found AS SELECT * FROM read_parquet('{folder}/before.parquet')")
        connection.execute(f"COPY ({sql}) TO '{folder}/after.parquet' (FORMAT parquet)")
        lake.s3.put_object(Bucket=lake.bucket, Key=key, Body=(folder / "after.parquet").read_bytes())

    return spoil


def put(key: str, body: bytes) -> Callable[[Lake, Path], None]:
    return lambda lake, folder: lake.s3.put_object(Bucket=lake.bucket, Key=key, Body=body)


def remove(prefix: str) -> Callable[[Lake, Path], None]:
    def spoil(lake: Lake, folder: Path) -> None:
        for key in lake.objects(prefix):
            lake.s3.delete_object(Bucket=lake.bucket, Key=key)

    return spoil


def remove_object(lake: Lake, folder: Path) -> None:
    lake.s3.delete_object(Bucket=lake.bucket, Key=parquet_keys(lake)[0])


def copy_object(lake: Lake, folder: Path) -> None:
    key = parquet_keys(lake)[0]
    lake.s3.put_object(Bucket=lake.bucket, Key=key.replace("part-", "copy-"), Body=lake.read(key))


def break_object(lake: Lake, folder: Path) -> None:
    key = parquet_keys(lake)[0]
    lake.s3.put_object(Bucket=lake.bucket, Key=key, Body=lake.read(key)[:-9])


def set_in_ledger(expression: str, **values: object) -> Callable[[Lake, Path], None]:
    def spoil(lake: Lake, folder: Path) -> None:
        lake.table("ArchiveHours").update_item(
            Key={"archive": "ghactivity", "hour": ledger_key(SPOILT)},
            UpdateExpression=f"SET {expression}",
            ExpressionAttributeNames={"#rows": "rows"} if "#rows" in expression else {"#status": "status"},
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        )

    return spoil


def remove_partition(lake: Lake, folder: Path) -> None:
    lake.glue.delete_partition(DatabaseName=lake.database, TableName="events", PartitionValues=partition_values(SPOILT))


def move_partition(lake: Lake, folder: Path) -> None:
    storage = lake.partition(SPOILT)["StorageDescriptor"]
    storage["Location"] = lake.partition(WHOLE)["StorageDescriptor"]["Location"]
    values = partition_values(SPOILT)
    lake.glue.update_partition(
        DatabaseName=lake.database,
        TableName="events",
        PartitionValueList=values,
        PartitionInput={"Values": values, "StorageDescriptor": storage},
    )


def forget_in_ledger(lake: Lake, folder: Path) -> None:
    lake.table("ArchiveHours").delete_item(Key={"archive": "ghactivity", "hour": ledger_key(SPOILT)})


LANDING = f"landing/ghactivity/{SPOILT}.json.gz"
ELSEWHERE = f"raw/ghactivity/year=2016/month=08/dayofmonth=01/hour=01/{'f' * 12}/part-0.parquet"


@pytest.mark.parametrize(
    ("phrase", "spoil", "findings", "message"),
    [
        ("a row is gone", rewrite("SELECT * FROM found WHERE source_line <> 7"), ["CountsDiffer", "RowsMissing"], "source lines 7"),
        (
            "a row is there twice",
            rewrite("FROM found UNION ALL (FROM found WHERE source_line = 7)"),
            ["CountsDiffer", "RowsDoubled"],
            "source lines 7",
        ),
        (
            "a value is another",
            rewrite("SELECT * REPLACE (IF(source_line = 7, 'X', type) AS type) FROM found"),
            ["RowsDiffer"],
            "source lines 7",
        ),
        (
            "a struct's value is another",
            rewrite("SELECT * REPLACE (IF(source_line = 7, NULL, actor) AS actor) FROM found"),
            ["RowsDiffer"],
            "source lines 7",
        ),
        (
            "a column is gone",
            rewrite("SELECT * EXCLUDE (payload) FROM found"),
            ["CountsDiffer", "ObjectUnreadable", "RowsMissing"],
            "the columns of the Parquet file are not those of the table",
        ),
        ("an object is gone", remove_object, ["CountsDiffer", "RowsMissing"], "30 rows: source lines 1, 2, 3, 4, 5, …"),
        ("an object is there twice", copy_object, ["CountsDiffer", "RowsDoubled"], "30 rows"),
        ("an object is cut", break_object, ["CountsDiffer", "ObjectUnreadable", "RowsMissing"], "not a valid Parquet file"),
        ("the quarantine is gone", remove(f"quarantine/ghactivity/{SPOILT}/"), ["QuarantineDiffers"], "1 missing"),
        ("objects of no version", put(ELSEWHERE, b"PAR1"), ["OrphanObjects"], ELSEWHERE),
        ("the landed file is gone", remove(LANDING), ["LandingMissing"], "does not exist"),
        ("the plan is gone", remove(f"landing/ghactivity/_plan/{SPOILT}."), ["PlanMissing"], "does not exist"),
        ("other bytes were landed", put(LANDING, gz(event(1))), ["LandingDiffers"], "MD5"),
        ("the ledger's rows are others", set_in_ledger("counts.#rows = :n", n=31), ["CountsDiffer", "CountsDiffer"], "the ledger says 31"),
        ("the ledger calls it failed", set_in_ledger("#status = :s", s="failed"), ["HourOpen"], "its status is failed"),
        ("the partition is gone", remove_partition, ["PartitionMissing"], "no partition shows"),
        ("the partition shows another folder", move_partition, ["PartitionStale"], "hour=00"),
        ("the ledger has forgotten it", forget_in_ledger, ["HourOpen", "PartitionStale", "OrphanObjects"], "published is nothing"),
    ],
)
def test_damage_is_found_by_name(
    lake: Lake, hours: None, tmp_path: Path, phrase: str, spoil: Callable[[Lake, Path], None], findings: list[str], message: str
) -> None:
    lake.forget(SPOILT)
    lake.serve(SPOILT, gz(*(event(n) for n in range(30)), b"{broken"))
    assert lake.run_hour(SPOILT, job_id=JOB).status == "SUCCEEDED"
    assert lake.invoke("prove-hour", {"proof": "before", "hour": SPOILT})["proven"]
    spoil(lake, tmp_path)
    name = f"after-{time.monotonic_ns()}"
    assert lake.invoke("prove-hour", {"proof": name, "hour": SPOILT}) == {"hour": SPOILT, "proven": False}, phrase
    found = json.loads(lake.read(f"reports/ghactivity/prove/{name}/{SPOILT}.json"))["findings"]
    assert sorted(one["what"] for one in found) == sorted(findings), found
    assert any(message in one["message"] for one in found), found
    lake.forget(SPOILT)
    lake.s3.delete_object(Bucket=lake.bucket, Key=ELSEWHERE)


def test_hour_without_landed_bytes_is_partly_checked(lake: Lake, tmp_path: Path) -> None:
    hour = f"{DAY}-9"
    lake.serve(hour, gz(*(event(n) for n in range(30))))
    assert lake.run_hour(hour, job_id=JOB).status == "SUCCEEDED"
    lake.s3.delete_object(Bucket=lake.bucket, Key=f"landing/ghactivity/{hour}.json.gz")
    with configured(lake, ["prove-hour"], {"LANDING_RETENTION_DAYS": "30"}):
        run = prove(lake, hour, hour)
    assert (run.status, run.output["proven"], run.output["not_recomputed"]) == ("SUCCEEDED", 0, 1)
    assert "does not exist" in report(lake, run, hour)["not_recomputed"]

    lake.serve(hour, gz(*(event(n) for n in range(40))))
    assert lake.run_hour(hour, job_id=JOB).status == "SUCCEEDED"
    assert lake.run_hour(hour, job_id=JOB, roll_back_to="previous").status == "SUCCEEDED"
    run = prove(lake, hour, hour)
    assert (run.status, run.output["not_recomputed"]) == ("SUCCEEDED", 1), "landing has the file of the rolled-back version"


def test_refused_file_leaves_only_the_published_one(lake: Lake) -> None:
    hour = f"{DAY}-10"
    published = gz(*(event(n) for n in range(30)))
    for body, ends in ((published, "SUCCEEDED"), (gz(*(event(n) for n in range(20))), "FAILED")):
        lake.serve(hour, body)
        assert lake.run_hour(hour, job_id=JOB).status == ends
    run = prove(lake, hour, hour)
    assert (run.status, run.output["proven"]) == ("SUCCEEDED", 1), run
    assert report(lake, run, hour)["counts"]["rows"] == 30, "rows come from the kept file"

    # As docs/operate.md says: copy the published file back to landing, and run the hour from it.
    (kept,) = lake.objects(f"landing/ghactivity/_replaced/{hour}.")
    assert lake.read(kept) == published
    lake.s3.copy_object(Bucket=lake.bucket, Key=f"landing/ghactivity/{hour}.json.gz", CopySource={"Bucket": lake.bucket, "Key": kept})
    assert lake.run_hour(hour, job_id=JOB, source="landing").status == "SUCCEEDED"
    run = prove(lake, hour, hour)
    assert (run.status, run.output["proven"]) == ("SUCCEEDED", 1), run


def test_expired_quarantine_is_not_a_finding(lake: Lake) -> None:
    hour = f"{DAY}-11"
    lake.serve(hour, gz(*(event(n) for n in range(30)), b'{"bad"'))
    assert lake.run_hour(hour, job_id=JOB).status == "SUCCEEDED"
    (quarantine,) = lake.objects(f"quarantine/ghactivity/{hour}/")
    lake.s3.delete_object(Bucket=lake.bucket, Key=quarantine)

    def findings() -> tuple[list[str], bool]:
        lake.invoke("prove-hour", {"proof": "expired", "hour": hour})
        found = json.loads(lake.read(f"reports/ghactivity/prove/expired/{hour}.json"))
        return [one["what"] for one in found["findings"]], found["quarantine_expired"]

    assert findings() == (["QuarantineDiffers"], False)
    with configured(lake, ["prove-hour"], {"QUARANTINE_RETENTION_DAYS": "30"}):
        assert findings() == (["QuarantineDiffers"], False), "it was published today"
        for when, ends in (("2026-01-01T00:00:00Z", ([], True)), ("2999-01-01T00:00:00Z", (["QuarantineDiffers"], False))):
            lake.table("ArchiveHours").update_item(
                Key={"archive": "ghactivity", "hour": ledger_key(hour)},
                UpdateExpression="SET published_at = :at",
                ExpressionAttributeValues={":at": when},
            )
            assert findings() == ends


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"from": f"{DAY}-1", "to": f"{DAY}-0"}, "to"),
        ({"from": "yesterday", "to": f"{DAY}-0"}, "from"),
        ({"from": f"{DAY}-0"}, "to"),
        ({"form": 1}, "form"),
    ],
)
def test_invalid_range_is_refused_by_name(lake: Lake, given: dict[str, Any], complaint: str) -> None:
    run = lake.wait(lake.start("Prove", **given))
    assert (run.status, run.error) == ("FAILED", "InvalidInput")
    assert complaint in run.cause
