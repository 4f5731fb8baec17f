"""Loads a CSV file with `csv.DictReader` and boto3's `batch_writer`, as most scripts do. Prints rows and CPU seconds."""

from __future__ import annotations

import csv
import json
import resource
import sys
import time

import boto3


def cpu_secs() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


table = boto3.resource("dynamodb").Table("csv_items")
added = {"ingestion_timestamp": "2025-11-21T00:00:00Z", "source_file": "s3://csv/raw/file.csv", "load_id": "0123456789abcdef"}
cpu, began, rows = cpu_secs(), time.monotonic(), 0
with open(sys.argv[1], newline="", encoding="utf-8") as file, table.batch_writer() as batch:
    for row in csv.DictReader(file):
        batch.put_item(Item={name: cell for name, cell in row.items() if cell} | added)
        rows += 1
print(json.dumps({"rows": rows, "cpu_secs": cpu_secs() - cpu, "secs": time.monotonic() - began}))
