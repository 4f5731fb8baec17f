"""A large file with planted oddities through the real stack on a local AWS; its receipt, and the table item by item, against an
independent account of the file.

    .tools/local/bin/python bench/csv/large_load.py --rows 1000000
"""

import argparse
import csv
import hashlib
import json
import shutil
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from local_aws.demos.csv_load import OPTIONS, Loads  # noqa: E402
from local_aws.demos.csv_files import CsvFile  # noqa: E402
from local_aws.stack.aws import LocalAws  # noqa: E402

DIRECTORY = ROOT / ".local/large-load"
ADDED = {"ingestion_timestamp", "source_file", "load_id"}


def main():
    parser = argparse.ArgumentParser(description="A large CSV file into DynamoDB, checked item by item.")
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
        sys.exit("the receipt or the table is not what was planted")
    print("receipt and table are what was planted")


def compare(path, dynamodb, table):
    """Whether the table has, for each id, the last row of the file that fits."""
    wanted = digests_of_file(path)
    for page in dynamodb.get_paginator("scan").paginate(TableName=table):
        for item in page["Items"]:
            item = {name: next(iter(value.values())) for name, value in item.items() if name not in ADDED}
            if wanted.pop(item["id"], None) != digest(item):
                print(f"item {item['id']} is not the file's last row with this id: {item}")
                return False
    print(f"the table was compared item by item; {len(wanted)} of the file's are missing")
    return not wanted


def digests_of_file(path):
    csv.field_size_limit(1 << 30)
    found = {}
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        reader = csv.reader(file)
        names = next(reader)
        for cells in reader:
            if len(cells) == len(names) and fits(cells):
                row = {name: cell for name, cell in zip(names, cells) if cell}
                if "active" in row:
                    row["active"] = row["active"] == "true"
                found[row["id"]] = digest(row)
    return found


def fits(cells):
    key, price = cells[0], cells[3]
    if not 0 < len(key) <= 2048 or any("\udc80" <= char <= "\udcff" for char in "".join(cells[:2])):
        return False
    digits = price.replace(".", "", 1)
    return sum(map(len, cells)) < 390_000 and digits.isdecimal()


def digest(row):
    """Numbers by their value: the table has them in a form of its own."""
    row = {name: float(value) if name == "price" else value for name, value in row.items()}
    return hashlib.blake2b(repr(sorted(row.items())).encode("utf-8", "surrogateescape"), digest_size=12).digest()


if __name__ == "__main__":
    main()
