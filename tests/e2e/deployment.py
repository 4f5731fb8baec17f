"""Access to the deployed stack for tests: executions, objects, tables, partitions, SQL."""

from __future__ import annotations

import gzip
import json
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from boto3.dynamodb.conditions import Key

from local_aws.stack.build import logical_id

JOB = "ghactivity_ingest"
#: Ledger attributes that contain a time or an execution, so they differ between runs.
VOLATILE = {"execution_arn", "updated_at", "published_at", "revision", "next_attempt_at"}


@dataclass
class Execution:
    """How an execution ended."""

    arn: str
    status: str
    output: Any
    error: str | None
    # The type is Any, not Optional: each test knows whether its execution succeeds and has an output.
    cause: Any


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Waits until the condition holds. After the timeout, fails with the name of the condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.2)


class Deployed:
    """A stack on a local AWS. State machines are named as in its outputs, functions as in the workspace."""

    def __init__(self, aws: Any, outputs: dict[str, str]) -> None:
        self.aws = aws
        self.outputs = outputs
        self.s3 = aws.client("s3")
        self.sfn = aws.client("stepfunctions")
        self.lambda_ = aws.client("lambda")
        self._names: dict[str, str] = {}

    def start(self, machine: str, **arguments: Any) -> str:
        arn = self.outputs[f"{machine}StateMachineArn"]
        started: str = self.sfn.start_execution(stateMachineArn=arn, input=json.dumps(arguments))["executionArn"]
        return started

    def wait(self, arn: str, seconds: float = 180) -> Execution:
        deadline = time.monotonic() + seconds
        while (found := self.sfn.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < deadline, f"{arn} still runs after {seconds} s"
            time.sleep(0.1)
        output = json.loads(found["output"]) if found.get("output") else None
        return Execution(arn, found["status"], output, found.get("error"), found.get("cause"))

    def function_name(self, function: str) -> str:
        """Returns the deployed name of a function of the workspace."""
        if function not in self._names:
            self._names[function] = self.aws.physical_id(logical_id(function))
        return self._names[function]

    def invoke(self, function: str, event: Any) -> Any:
        """Invokes a function of the workspace. Raises `FunctionError` if the function returns an error."""
        reply = self.lambda_.invoke(FunctionName=self.function_name(function), Payload=json.dumps(event).encode())
        payload = json.loads(reply["Payload"].read())
        if reply.get("FunctionError"):
            raise FunctionError(payload.get("errorType", ""), payload.get("errorMessage", ""))
        return payload


class Lake(Deployed):
    """A main stack on a local AWS, and the folder that its source serves."""

    def __init__(self, aws: Any, outputs: dict[str, str], source_dir: Path) -> None:
        super().__init__(aws, outputs)
        self.source_dir = source_dir
        self.bucket = outputs["DataBucketName"]
        self.database = outputs["GlueDatabaseName"]
        self.dynamodb = aws.resource("dynamodb")
        self.glue = aws.client("glue")
        #: Client through the fault proxy, while the functions use one.
        self.proxied_dynamodb: Any = None

    # The source.

    def serve(self, hour: str, body: bytes) -> None:
        """Publishes `body` as the hour's file, in one step."""
        path = self.source_dir / f"{hour}.json.gz"
        partial = path.with_suffix(".partial")
        partial.write_bytes(body)
        partial.replace(path)

    def serve_lines(self, hour: str, lines: list[bytes]) -> None:
        self.serve(hour, gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0))

    def unpublish(self, hour: str) -> None:
        (self.source_dir / f"{hour}.json.gz").unlink(missing_ok=True)

    # Executions.

    def run_hour(self, hour: str, **arguments: Any) -> Execution:
        return self.wait(self.start("ProcessHour", hour=hour, **arguments))

    def ingest(self, **arguments: Any) -> Execution:
        return self.wait(self.start("Ingest", **arguments))

    # Results of runs.

    def objects(self, *prefixes: str) -> dict[str, str]:
        """Returns the ETag of every object under the prefixes, by key. It is the MD5, except after a multipart upload."""
        found = {}
        for prefix in prefixes:
            for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
                for entry in page.get("Contents", []):
                    found[entry["Key"]] = entry["ETag"].strip('"')
        return found

    def read(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def remove(self, keys: Iterable[str]) -> None:
        """Deletes at most 1,000 objects."""
        if objects := [{"Key": key} for key in keys]:
            self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": objects})

    def hour_objects(self, hour: str) -> dict[str, str]:
        return self.objects(
            f"landing/ghactivity/{hour}.",
            f"landing/ghactivity/_plan/{hour}.",
            f"raw/ghactivity/{partition_path(hour)}/",
            f"quarantine/ghactivity/{hour}/",
        )

    def table(self, name: str) -> Any:
        """`ArchiveHours`, `Jobs` or `JobRunDetails`."""
        return self.dynamodb.Table(self.outputs[f"{name}TableName"])

    def item(self, table: str, **key: str) -> Any:
        """Returns an item, or None. The type is Any, because each test knows whether the item exists."""
        item = self.table(table).get_item(Key=key, ConsistentRead=True).get("Item")
        return plain(item) if item else None

    def ledger(self, hour: str) -> Any:
        return self.item("ArchiveHours", archive="ghactivity", hour=ledger_key(hour))

    def lease(self, hour: str) -> Any:
        return self.item("ArchiveHours", archive="ghactivity#lease", hour=ledger_key(hour))

    def job(self, job_id: str = JOB) -> Any:
        return self.item("Jobs", job_id=job_id)

    def bookmark(self, job_id: str = JOB) -> Any:
        job = self.job(job_id)
        details = job and job.get("job_run_bookmark_details")
        return details and details["last_run_file_name"].removesuffix(".json.gz")

    def runs(self, job_id: str = JOB) -> list[dict[str, Any]]:
        table = self.table("JobRunDetails")
        items: list[dict[str, Any]] = []
        start: dict[str, Any] = {}
        while True:
            page = table.query(KeyConditionExpression=Key("job_id").eq(job_id), **start)
            items += [plain(item) for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return items
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def partition(self, hour: str) -> Any:
        try:
            reply = self.glue.get_partition(DatabaseName=self.database, TableName="events", PartitionValues=partition_values(hour))
        except self.glue.exceptions.EntityNotFoundException:
            return None
        return reply["Partition"]

    def state(self, hour: str, job_id: str = JOB) -> dict[str, Any]:
        """Returns the part of an hour's state that must be the same after any sequence of runs."""
        ledger = {k: v for k, v in (self.ledger(hour) or {}).items() if k not in VOLATILE}
        partition = self.partition(hour)
        return {
            "objects": self.hour_objects(hour),
            "ledger": ledger,
            "partition": partition and partition["StorageDescriptor"],
            "bookmark": self.bookmark(job_id),
        }

    def forget(self, hour: str) -> None:
        """Deletes the hour's objects, ledger item, lease and partition. Its items in the run history stay."""
        self.remove(self.hour_objects(hour))
        for partition_key in ("ghactivity", "ghactivity#lease"):
            self.table("ArchiveHours").delete_item(Key={"archive": partition_key, "hour": ledger_key(hour)})
        self.forget_partition(hour)

    def forget_partition(self, hour: str) -> None:
        if self.partition(hour):
            self.glue.delete_partition(DatabaseName=self.database, TableName="events", PartitionValues=partition_values(hour))

    def rows(self, hour: str) -> list[dict[str, Any]]:
        """Returns the hour's rows in order, read from the objects under its partition's location."""
        partition = self.partition(hour)
        if partition is None:
            return []
        prefix = partition["StorageDescriptor"]["Location"].removeprefix(f"s3://{self.bucket}/")
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for number, key in enumerate(sorted(self.objects(prefix))):
                path = Path(folder) / f"{number:05}.parquet"
                path.write_bytes(self.read(key))
                paths.append(str(path))
            if not paths:
                return []
            return _read_parquet(paths)

    def quarantined(self, hour: str) -> list[dict[str, Any]]:
        keys = sorted(self.objects(f"quarantine/ghactivity/{hour}/"))
        return [json.loads(line) for key in keys for line in self.read(key).splitlines()]

    # SQL.

    def query(self, sql: str, *parameters: str) -> list[dict[str, Any]]:
        """Runs SQL in the stack's workgroup and database. Returns each row as text by column name. Parameters are SQL literals."""
        result = self.aws.query(sql, parameters, self.database, self.outputs["AthenaWorkGroupName"])
        return [dict(zip(result.columns, row, strict=True)) for row in result.rows]


def _read_parquet(paths: list[str]) -> list[dict[str, Any]]:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = true")
    rows = []
    for path in paths:
        result = connection.execute("SELECT * FROM read_parquet(?, hive_partitioning = false)", [path])
        names = [column[0] for column in result.description]
        rows += [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    return rows


class FunctionError(Exception):
    """A Lambda function returned an error."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message


def partition_values(hour: str) -> list[str]:
    year, month, day, hour_of_day = hour.split("-")
    return [year, month, day, f"{int(hour_of_day):02}"]


def partition_path(hour: str) -> str:
    return "/".join(f"{name}={value}" for name, value in zip(("year", "month", "dayofmonth", "hour"), partition_values(hour), strict=True))


def ledger_key(hour: str) -> str:
    year, month, day, hour_of_day = partition_values(hour)
    return f"{year}-{month}-{day}T{hour_of_day}"


def versions_before(item: dict[str, Any]) -> list[str]:
    """Returns the earlier published versions that a ledger item lists, newest first."""
    return [previous["version"] for previous in item.get("previous_versions", [])]


def plain(value: Any) -> Any:
    """Converts DynamoDB's numbers to int."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    return value
