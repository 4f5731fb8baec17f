"""`ghactivity` lineage, quarantine, rollback, prove and teardown: their output is true, and they change only what they report."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import BINARIES, configured
from deployment import Lake
from local_aws.stack.aws import LocalAws
from stacks import Stacks
from test_cli_errors import user

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def answered(run: subprocess.CompletedProcess[str]) -> Any:
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def messy(lake: Lake, generate: Callable[..., bytes]) -> tuple[str, bytes]:
    """Publishes an hour with bad and duplicate lines. Returns the hour and the text of its file."""
    hour = "2025-01-16-5"
    body = generate(hour, "--events", "900", "--bad", "0.02", "--duplicates", "0.02")
    lake.serve(hour, body)
    assert lake.run_hour(hour).status == "SUCCEEDED"
    return hour, gzip.decompress(body)


def test_lineage_finds_the_byte_in_the_file(messy: tuple[str, bytes], lake: Lake, ghactivity: Run) -> None:
    hour, text = messy
    lines = text.split(b"\n")
    row = lake.rows(hour)[-1]
    created = f"{row['created_at']:%Y-%m-%dT%H:%M:%SZ}"
    event = ("--id", row["id"], "--type", row["type"], "--created-at", created)
    (found,) = answered(ghactivity("lineage", *event, "--json"))
    at = found["place"]["offset"]
    record = lines[row["source_line"] - 1]
    assert found["source_line"] == row["source_line"]
    assert text[at : at + found["place"]["length"]] == record == found["record"].encode()
    ledger = lake.ledger(hour)
    assert found["source_url"] == ledger["source"]["url"] and found["source_etag"] == ledger["source"]["etag"]
    assert found["execution"] == ledger["execution_arn"]
    assert found["parquet_object"].removeprefix(f"s3://{lake.bucket}/") in lake.hour_objects(hour)
    told = ghactivity("lineage", *event).stdout
    assert f"byte {at} of the text" in told and ledger["execution_arn"] in told
    absent = ghactivity("lineage", "--id", "1", "--type", "NoEvent", "--created-at", created)
    assert absent.returncode == 2 and "not found" in absent.stderr


def test_quarantine_is_listed_and_shown(messy: tuple[str, bytes], lake: Lake, ghactivity: Run) -> None:
    hour, text = messy
    bad = lake.quarantined(hour)
    listed = answered(ghactivity("quarantine", "list", "--from", hour, "--to", hour, "--json"))
    assert listed == [{"hour": hour, "quarantined": len(bad), "records": lake.ledger(hour)["counts"]["records"]}]
    shown = answered(ghactivity("quarantine", "show", hour, "--json"))
    assert shown == bad
    assert all(text[one["offset"] :].startswith(base64.b64decode(one["raw"])) for one in shown)
    table = ghactivity("quarantine", "show", hour).stdout.splitlines()
    assert len(table) == len(bad) + 1
    assert bad[0]["reason"] in table[1]


def test_replay_adds_only_repaired_records(lake: Lake, ghactivity: Run, generate: Callable[..., bytes]) -> None:
    hour = "2025-01-16-6"
    lines = gzip.decompress(generate(hour, "--events", "50")).splitlines()
    whole = lines[7]
    lake.serve_lines(hour, [*lines[:7], b"{broken", *lines[8:]])
    assert lake.run_hour(hour).status == "SUCCEEDED"
    before = lake.rows(hour)
    unchanged = ghactivity("quarantine", "replay", hour)
    assert unchanged.returncode == 0 and "nothing changed" in unchanged.stdout
    # The fix makes the record valid.
    body = gzip.compress(b"".join(line + b"\n" for line in [*lines[:7], whole, *lines[8:]]), mtime=0)
    lake.s3.put_object(Bucket=lake.bucket, Key=f"landing/ghactivity/{hour}.json.gz", Body=body)
    # A deployment with other settings gives the hour a new version.
    version = lake.ledger(hour)["version"]
    with configured(lake, ["fetch"], {"CHUNK_RECORDS": "20"}):
        told = answered(ghactivity("quarantine", "replay", hour, "--json"))
    assert (told["quarantined_before"], told["quarantined_after"], told["balances"]) == (1, 0, True)
    assert (lake.ledger(hour)["chunks"], lake.ledger(hour)["previous_versions"][0]["version"]) == (3, version)
    after = lake.rows(hour)
    assert [row for row in after if row["source_line"] != 8] == before
    assert len(after) == len(before) + 1
    nothing = ghactivity("quarantine", "replay", hour)
    assert nothing.returncode == 1 and "nothing to replay" in nothing.stderr


def test_rollback_shows_the_previous_version(lake: Lake, ghactivity: Run, generate: Callable[..., bytes]) -> None:
    hour = "2025-01-16-7"
    for events in ("60", "90"):
        lake.serve(hour, generate(hour, "--events", events))
        assert lake.run_hour(hour).status == "SUCCEEDED"
    run = ghactivity("rollback", hour)
    assert run.returncode == 0, run.stderr
    assert len(lake.rows(hour)) == 60
    never = ghactivity("rollback", hour, "--to", "0123456789ab")
    assert never.returncode == 2 and "VersionNotKept" in never.stderr


def test_prove_reports_proven_and_wrong_hours(lake: Lake, ghactivity: Run, generate: Callable[..., bytes]) -> None:
    hours = [f"2025-01-17-{hour}" for hour in (0, 1)]
    for hour in hours:
        lake.serve(hour, generate(hour, "--events", "70"))
        assert lake.run_hour(hour).status == "SUCCEEDED"
    yes = ghactivity("prove", "..".join(hours))
    assert yes.returncode == 0, yes.stderr
    assert "proven           2" in yes.stdout
    key = next(key for key in lake.hour_objects(hours[1]) if key.startswith("raw/"))
    lake.s3.delete_object(Bucket=lake.bucket, Key=key)
    no = ghactivity("prove", "..".join(hours))
    assert no.returncode == 2
    assert "NotProven" in no.stderr and hours[1] in no.stderr and hours[0] not in no.stderr.split("NotProven")[1].split(";")[0]
    lake.forget(hours[1])


def teardown(aws: LocalAws, *arguments: str, typed: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [BINARIES / "ghactivity", "teardown", *arguments]
    environment = {"PATH": "/usr/bin:/bin", **aws.environment(), **variables}
    return subprocess.run(command, input=typed, env=environment, capture_output=True, text=True, cwd="/", timeout=120)


def test_teardown_lists_confirms_and_deletes_all(stacks: Stacks, tmp_path: Path) -> None:
    with stacks.start(tmp_path, EventStreamEnabled="ENABLED") as aws:
        outputs = aws.outputs()
        s3, dynamodb, sfn = aws.client("s3"), aws.client("dynamodb"), aws.client("stepfunctions")
        buckets = {aws.physical_id(name) for name in ("DataBucket", "UploadBucket")}
        of_stack = {aws.physical_id(f"{name}Table") for name in ("Jobs", "JobRunDetails", "ArchiveHours", "Claims")}
        for bucket in buckets:
            s3.put_object(Bucket=bucket, Key="landing/ghactivity/x", Body=b"12345")
        key = {
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        }
        for table in ("csv_people", "somebody_elses"):
            dynamodb.create_table(TableName=table, BillingMode="PAY_PER_REQUEST", **key)

        listed = teardown(aws, "--dry-run")
        assert listed.returncode == 0, listed.stderr
        for bucket in buckets:
            assert f"goes   bucket {bucket}: 1 objects, 5 B" in listed.stdout and "landing/: 1 objects" in listed.stdout
        assert {line.split()[2].rstrip(":") for line in listed.stdout.splitlines() if line.startswith("goes   table")} == of_stack
        assert "stays  table csv_people" in listed.stdout and "somebody_elses" not in listed.stdout
        as_json = json.loads(teardown(aws, "--dry-run", "--json").stdout)
        assert {one["name"]: one["folders"] for one in as_json["buckets"]} == {
            bucket: {"landing": {"objects": 1, "bytes": 5}} for bucket in buckets
        }
        assert {one["name"] for one in as_json["tables"] if one["goes"]} == of_stack
        for typed in ("", "yes\n"):
            refused = teardown(aws, typed=typed)
            assert refused.returncode == 1 and "nothing was done" in refused.stderr
        assert aws.outputs() == outputs
        kept = teardown(aws, "--keep-data=bucket", "--dry-run")
        assert all(f"stays  bucket {bucket}" in kept.stdout for bucket in buckets)
        assert f"goes   table {outputs['JobsTableName']}" in kept.stdout

        waits = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}}
        machine = outputs["CsvUndoStateMachineArn"]
        definition = sfn.describe_state_machine(stateMachineArn=machine)["definition"]
        sfn.update_state_machine(stateMachineArn=machine, definition=json.dumps(waits))
        running = sfn.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
        busy = teardown(aws, typed="delete\n")
        assert busy.returncode == 1 and f"watch {running}" in busy.stderr
        sfn.stop_execution(executionArn=running)
        sfn.update_state_machine(stateMachineArn=machine, definition=definition)

        done = teardown(aws, typed="delete\n")
        assert done.returncode == 0, done.stdout + done.stderr
        assert not buckets & {one["Name"] for one in s3.list_buckets()["Buckets"]}
        tables = set(dynamodb.list_tables()["TableNames"])
        assert not of_stack & tables and {"csv_people", "somebody_elses"} <= tables
        again = teardown(aws, "--dry-run")
        assert again.returncode == 2 and "no stack ghactivity" in again.stderr


def test_failed_teardown_prints_delete_commands(stacks: Stacks, tmp_path: Path) -> None:
    with stacks.start(tmp_path) as aws:
        outputs = aws.outputs()
        jobs = outputs["JobsTableName"]
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        but = {"Effect": "Deny", "Action": "dynamodb:DeleteTable", "Resource": f"*:table/{jobs}"}
        with user(aws.client("iam"), "careless", everything, but) as keys:
            run = teardown(aws, typed="delete\n", **keys)
        assert run.returncode == 2, run.stdout
        assert f"no permission for DeleteTable on {jobs}" in run.stderr
        assert "the stack is deleted, but these could not be" in run.stdout
        commands = [line.strip() for line in run.stdout.splitlines() if line.startswith("  aws ")]
        assert commands == [f"aws dynamodb delete-table --table-name {jobs} --region us-east-1"]
        # After the failed deletion, all other tables and buckets are deleted.
        assert not set(aws.client("dynamodb").list_tables()["TableNames"]) - {jobs}
        assert outputs["DataBucketName"] not in {one["Name"] for one in aws.client("s3").list_buckets()["Buckets"]}


@pytest.mark.parametrize("what", ["bucket", "tables", "all"])
def test_kept_data_outlives_the_stack(stacks: Stacks, tmp_path: Path, what: str) -> None:
    with stacks.start(tmp_path) as aws:
        outputs = aws.outputs()
        s3, dynamodb = aws.client("s3"), aws.client("dynamodb")
        bucket, jobs = outputs["DataBucketName"], outputs["JobsTableName"]
        s3.put_object(Bucket=bucket, Key="landing/ghactivity/x", Body=b"12345")
        dynamodb.put_item(TableName=jobs, Item={"job_id": {"S": "kept"}})
        done = teardown(aws, "--keep-data" if what == "all" else f"--keep-data={what}", typed="delete\n")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "no stack ghactivity" in teardown(aws, "--dry-run").stderr
        assert (bucket in {one["Name"] for one in s3.list_buckets()["Buckets"]}) == (what != "tables")
        assert (jobs in dynamodb.list_tables()["TableNames"]) == (what != "bucket")
        if what != "tables":
            assert s3.get_object(Bucket=bucket, Key="landing/ghactivity/x")["Body"].read() == b"12345"
        if what != "bucket":
            assert dynamodb.get_item(TableName=jobs, Key={"job_id": {"S": "kept"}})["Item"]
