"""Helpers for tests of the CSV loader, and an independent computation of the items that a file must produce."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from deployment import Deployed, Execution
from local_aws.paths import ROOT

CSV_TEMPLATE = ROOT / "sam/csv-load.yaml"
LOAD_ATTRIBUTES = {"ingestion_timestamp", "source_file", "load_id"}
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?")
deserialize = TypeDeserializer().deserialize


class CsvStack(Deployed):
    """The CSV loader on a local AWS, deployed alone or as a part of the main stack."""

    def __init__(self, aws: Any, outputs: dict[str, str]) -> None:
        super().__init__(aws, outputs)
        self.bucket = outputs["UploadBucketName"]
        self.dynamodb = aws.client("dynamodb")

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def read(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key.removeprefix(f"s3://{self.bucket}/"))["Body"].read()
        return body

    def keys(self, prefix: str) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def start_load(self, key: str, **request: Any) -> str:
        return self.start("CsvLoad", **{"bucket": self.bucket, "key": key, **request})

    def load(self, body: bytes, table: str, key: str = "incoming/file.csv", **request: Any) -> Execution:
        """Uploads the bytes, starts csv-load for them and waits until the execution ends."""
        self.put(key, body)
        return self.wait(self.start_load(key, table=table, **request))

    def wait_for_event(self, key: str, seconds: float = 60) -> Execution:
        """Waits for the execution that an upload started, and returns it when it has ended."""
        deadline = time.monotonic() + seconds
        arn = self.outputs["CsvLoadStateMachineArn"]
        while time.monotonic() < deadline:
            for execution in self.sfn.list_executions(stateMachineArn=arn)["executions"]:
                given = json.loads(self.sfn.describe_execution(executionArn=execution["executionArn"])["input"])
                if given == {"bucket": self.bucket, "key": key}:
                    return self.wait(execution["executionArn"])
            time.sleep(0.1)
        raise AssertionError(f"no execution was started for {key} within {seconds} s")

    def items(self, table: str) -> dict[str, dict[str, Any]]:
        """Returns the table's items by id, without the attributes that the load adds."""
        return {item["id"]: {k: v for k, v in item.items() if k not in LOAD_ATTRIBUTES} for item in self.raw_items(table)}

    def raw_items(self, table: str) -> list[dict[str, Any]]:
        try:
            pages = list(self.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True))
        except self.dynamodb.exceptions.ResourceNotFoundException:
            return []
        return [{name: deserialize(value) for name, value in item.items()} for page in pages for item in page["Items"]]

    def receipt(self, run: Execution) -> dict[str, Any]:
        receipt: dict[str, Any] = json.loads(self.read(run.output["load"]["receipt"]))
        return receipt

    def quarantine(self, run: Execution) -> list[dict[str, Any]]:
        key = run.output["load"]["quarantine"]
        return [json.loads(line) for line in self.read(key).splitlines()] if key else []

    def runs(self) -> list[dict[str, Any]]:
        """Returns the items of CSV loads in the run history."""
        reply = self.dynamodb.query(
            TableName=self.outputs["CsvRunDetailsTableName"],
            KeyConditionExpression="job_id = :job",
            ExpressionAttributeValues={":job": {"S": "csv_load"}},
        )
        return [{name: deserialize(value) for name, value in item.items()} for item in reply["Items"]]


@dataclass
class Expected:
    """The items and counts that a file must produce, computed with Python's `csv` module."""

    items: dict[str, dict[str, str]] = field(default_factory=dict)
    read: int = 0
    duplicate: int = 0
    rejected: list[tuple[int, str]] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        rejected = len(self.rejected)
        return {
            "read": self.read,
            "written": len(self.items),
            "duplicate": self.duplicate,
            "rejected": rejected,
            "skipped": 0,
        }


def expected(body: bytes, delimiter: str = ",", numbers: tuple[str, ...] = ()) -> Expected:
    """Computes the expected result with all columns as text and without empty cells. A rejected row is a pair of line and reason."""
    csv.field_size_limit(1 << 30)
    text = io.StringIO(body.decode("utf-8-sig", "surrogateescape"), newline="")
    reader = csv.reader(text, delimiter=delimiter)
    names = [name.strip() for name in next(reader)]
    found, line = Expected(), reader.line_num + 1
    for cells in reader:
        first, line = line, reader.line_num + 1
        if not cells:
            continue
        found.read += 1
        if reason := why_not(names, cells, numbers):
            found.rejected.append((first, reason))
            continue
        row = {name: cell for name, cell in zip(names, cells, strict=True) if cell}
        key = row.get("id") or row_id(row)
        found.duplicate += key in found.items
        found.items[key] = row | {"id": key}
    return found


def why_not(names: list[str], cells: list[str], numbers: tuple[str, ...]) -> str | None:
    if len(cells) != len(names):
        return "CellCount"
    row = dict(zip(names, cells, strict=True))
    if any(row[name] and not NUMBER.fullmatch(row[name]) for name in numbers):
        return "BadNumber"
    if not any(cells):
        return "NoValue"
    if any("\udc80" <= char <= "\udcff" for cell in cells for char in cell):
        return "NotUtf8"
    if row.get("id") == "":
        return "EmptyId"
    if len(row.get("id", "").encode()) > 2048:
        return "IdTooLong"
    if sum(len(name.encode()) + len(cell.encode()) for name, cell in row.items()) > 398 * 1024:
        return "ItemTooLarge"
    return None


def row_id(row: dict[str, str]) -> str:
    """Returns the SHA-256 of the row's non-empty cells as netstrings, ordered by column name."""
    form = b""
    for name, cell in sorted((name.encode(), cell.encode()) for name, cell in row.items() if cell):
        form += b"%d:%b,%d:%b," % (len(name), name, len(cell), cell)
    return hashlib.sha256(form).hexdigest()
