"""Loads a large file with planted faults through the real stack on a local AWS.

Compares the receipt, and every item of the table, with an independent reading of the file.

    .tools/local/bin/python bench/csv/large_load.py --rows 1000000
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from local_aws.demos.csv_files import CsvFile  # noqa: E402
from local_aws.stack.aws import LocalAws  # noqa: E402

DIRECTORY = ROOT / ".local/large-load"
OPTIONS = {"types": {"price": "N"}, "infer": True}
ADDED = {"ingestion_timestamp", "source_file", "load_id"}


def main() -> None:
    parser = argparse.ArgumentParser(description="Loads a large CSV file into DynamoDB and compares every item.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    DIRECTORY.mkdir(parents=True)
    path = DIRECTORY / "people.csv"
    with open(path, "wb") as out:
        planted = CsvFile(options.rows, options.seed).write(out)
    print(f"planted: {planted.counts()} in {planted.bytes:,} bytes", flush=True)
    with LocalAws(DIRECTORY) as aws:
        aws.stack = "csv-load"
        outputs = aws.deploy(template=ROOT / "sam/csv-load.yaml")
        loads = Loads(aws, outputs)
        began = time.monotonic()
        loaded = loads.run("CsvLoad", **loads.upload(path, "incoming/people.csv"))
        seconds = time.monotonic() - began
        counts = loaded["load"]["counts"]
        print(f"receipt: {counts}; {len(json.loads(loads.read(loaded['load']['receipt']))['chunks'])} chunks")
        print(f"{seconds:.0f} s, {options.rows / seconds:,.0f} rows a second")
        same = compare(path, aws.client("dynamodb"), outputs["CsvTableName"])
    if counts != planted.counts() or not same:
        sys.exit("the receipt or the table differs from the file")
    print("receipt and table equal the file")


class Loads:
    """Runs the deployed state machines."""

    def __init__(self, aws: LocalAws, outputs: dict[str, str]) -> None:
        self.s3, self.sfn, self.outputs = aws.client("s3"), aws.client("stepfunctions"), outputs

    def upload(self, path: Path, key: str) -> dict[str, Any]:
        """Uploads a file and returns the request that loads it."""
        bucket = self.outputs["UploadBucketName"]
        self.s3.upload_file(str(path), bucket, key)
        return {"bucket": bucket, "key": key, "options": OPTIONS}

    def run(self, machine: str, **request: Any) -> dict[str, Any]:
        """Runs a state machine to its end and returns its output."""
        began = time.monotonic()
        machine_arn = self.outputs[f"{machine}StateMachineArn"]
        arn = self.sfn.start_execution(stateMachineArn=machine_arn, input=json.dumps(request))["executionArn"]
        while (ended := self.sfn.describe_execution(executionArn=arn))["status"] == "RUNNING":
            time.sleep(0.2)
        if ended["status"] != "SUCCEEDED":
            raise RuntimeError(f"{machine} {ended['status']}: {ended.get('error')} {ended.get('cause')}")
        print(f"  {machine} took {time.monotonic() - began:.1f} s")
        output: dict[str, Any] = json.loads(ended["output"])
        return output

    def read(self, address: str) -> bytes:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        content: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content


def compare(path: Path, dynamodb: Any, table: str) -> bool:
    """Checks that the table has the last valid row of the file for each id."""
    wanted = digests_of_file(path)
    for page in dynamodb.get_paginator("scan").paginate(TableName=table):
        for stored in page["Items"]:
            item = {name: next(iter(value.values())) for name, value in stored.items() if name not in ADDED}
            if wanted.pop(item["id"], None) != digest(item):
                print(f"item {item['id']} differs from the last row with this id: {item}")
                return False
    print(f"compared all items of the table; {len(wanted)} ids of the file are missing")
    return not wanted


def digests_of_file(path: Path) -> dict[str, bytes]:
    csv.field_size_limit(1 << 30)
    found = {}
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        reader = csv.reader(file)
        names = next(reader)
        for cells in reader:
            if len(cells) == len(names) and fits(cells):
                row: dict[str, Any] = {name: cell for name, cell in zip(names, cells, strict=True) if cell}
                if "active" in row:
                    row["active"] = row["active"] == "true"
                found[row["id"]] = digest(row)
    return found


def fits(cells: list[str]) -> bool:
    key, price = cells[0], cells[3]
    if not 0 < len(key) <= 2048 or any("\udc80" <= char <= "\udcff" for char in "".join(cells[:2])):
        return False
    digits = price.replace(".", "", 1)
    return sum(map(len, cells)) < 390_000 and digits.isdecimal()


def digest(row: dict[str, Any]) -> bytes:
    """Hashes a row. Numbers count by value, because DynamoDB normalizes their form."""
    row = {name: float(value) if name == "price" else value for name, value in row.items()}
    return hashlib.blake2b(repr(sorted(row.items())).encode("utf-8", "surrogateescape"), digest_size=12).digest()


if __name__ == "__main__":
    main()
