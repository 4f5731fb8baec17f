"""`make demo-csv`: a CSV file with every oddity into a table of a local AWS, its receipt, the same file again, and undone.

Ends with an error if the receipt is not what was planted in the file.
"""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

import build
from csv_files import CsvFile
from demo import exclusive, step
from local_aws import ROOT, LocalAws

DIRECTORY = ROOT / ".local/demo-csv"
STACK = "csv-load"
OPTIONS = {"types": {"price": "N"}, "infer": True}


def main():
    options = arguments()
    lock = exclusive(options.directory)
    step("Building the functions (cargo, dev profile)")
    build.build()
    shutil.rmtree(options.directory, ignore_errors=True)
    options.directory.mkdir(parents=True)
    step(f"A file of {options.rows:,} rows with planted oddities")
    path = options.directory / "people.csv"
    with open(path, "wb") as out:
        planted = CsvFile(options.rows, options.seed).write(out)
    print(f"  {path}: {planted.bytes:,} bytes; planted: {planted.counts()}")
    with LocalAws(options.directory) as aws:
        aws.stack = STACK
        outputs = aws.deploy({"CsvChunkRows": options.chunk_rows}, template=ROOT / "sam/csv-load.yaml")
        loads = Loads(aws, outputs)
        step("Loading it")
        loaded = loads.run("CsvLoad", **loads.upload(path, "incoming/people.csv"))
        tell(aws, outputs, loads, loaded)
        step("The same bytes under another name")
        again = loads.run("CsvLoad", **loads.upload(path, "incoming/copy.csv"))
        print(f"  {again['status']}: load {again['plan']['load_id']}")
        step("Undoing it")
        undone = loads.run("CsvUndo", load_id=loaded["load"]["load_id"])
        print(f"  {undone['undone']:,} items deleted")
    lock.close()
    if loaded["load"]["counts"] != planted.counts() or undone["undone"] != planted.counts()["written"]:
        sys.exit("demo-csv: the receipt is not what was planted")
    print("\nThe receipt says what was planted. Everything is stopped.")


def arguments():
    parser = argparse.ArgumentParser(description="A CSV file into DynamoDB, on this machine.")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--chunk-rows", type=int, default=5_000)
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="made anew (default: .local/demo-csv)")
    return parser.parse_args()


class Loads:
    """The deployed state machines."""

    def __init__(self, aws, outputs):
        self.s3, self.sfn, self.outputs = aws.client("s3"), aws.client("stepfunctions"), outputs

    def upload(self, path, key):
        """Puts a file there; answers the request to load it."""
        bucket = self.outputs["UploadBucketName"]
        self.s3.upload_file(str(path), bucket, key)
        return {"bucket": bucket, "key": key, "options": OPTIONS}

    def run(self, machine, **request):
        """Runs a state machine to its end; answers its output."""
        began = time.monotonic()
        arn = self.outputs[f"{machine}StateMachineArn"]
        arn = self.sfn.start_execution(stateMachineArn=arn, input=json.dumps(request))["executionArn"]
        while (ended := self.sfn.describe_execution(executionArn=arn))["status"] == "RUNNING":
            time.sleep(0.2)
        if ended["status"] != "SUCCEEDED":
            raise RuntimeError(f"{machine} {ended['status']}: {ended.get('error')} {ended.get('cause')}")
        print(f"  {machine} took {time.monotonic() - began:.1f} s")
        return json.loads(ended["output"])

    def read(self, address):
        """An object's bytes."""
        bucket, _, key = address.removeprefix("s3://").partition("/")
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def tell(aws, outputs, loads, loaded):
    receipt = json.loads(loads.read(loaded["load"]["receipt"]))
    print(f"  receipt {loaded['load']['receipt']}")
    print(f"  {'chunk':>8} {'read':>9} {'written':>9} {'duplicate':>9} {'rejected':>9} {'skipped':>9}")
    names = ("read", "written", "duplicate", "rejected", "skipped")
    for row in [*receipt["chunks"], {"chunk": "all", "counts": receipt["counts"]}]:
        print(f"  {row['chunk']:>8} " + " ".join(f"{row['counts'][name]:>9,}" for name in names))
    print("  types: " + ", ".join(f"{name} {kind}" for name, kind in loaded["plan"]["types"].items()))
    print("  some rows of the quarantine:")
    for line in loads.read(loaded["load"]["quarantine"]).splitlines()[:3]:
        rejected = json.loads(line)
        print(f"    line {rejected['line']}: {rejected['message']}")
    [item] = aws.client("dynamodb").scan(TableName=outputs["CsvTableName"], Limit=1)["Items"]
    print(f"  an item: {json.dumps({name: value for name, value in sorted(item.items())}, ensure_ascii=False)}")


if __name__ == "__main__":
    main()
