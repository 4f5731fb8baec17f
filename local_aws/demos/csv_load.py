"""`make demo-csv`: a CSV file with every oddity into a table of a local AWS by the command `ghactivity`: its price, its receipt,
the same file again, and undone.

Ends with an error if the receipt is not what was planted in the file.
"""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

from local_aws.stack import build
from local_aws.stack.ghactivity import Command
from local_aws.demos.csv_files import CsvFile
from local_aws.demos.lake import exclusive, step
from local_aws.stack.aws import ROOT, LocalAws

DIRECTORY = ROOT / ".local/demo-csv"
STACK = "csv-load"
OPTIONS = {"types": {"price": "N"}, "infer": True}


def main():
    options = arguments()
    lock = exclusive(options.directory)
    step("Building the functions and the command (cargo, dev profile)")
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
        command = Command(aws)
        load = ("load-csv", path, "--types", "price=N", "--infer")
        step("What it costs")
        command.run(*load, "--dry-run")
        step("Loading it")
        command.run(*load)
        [item] = aws.client("dynamodb").scan(TableName=outputs["CsvTableName"], Limit=1)["Items"]
        print(f"\nan item: {json.dumps(dict(sorted(item.items())), ensure_ascii=False)}")
        step("The same bytes again: recognised, and the receipt as JSON")
        again = command.answer(*load)
        print(f"  {again['outcome']}: {again['counts']}")
        step("Undoing it")
        undone = command.answer("unload", again["load_id"])
        print(f"  {undone['undone']:,} items deleted")
    lock.close()
    if again["counts"] != planted.counts() or undone["undone"] != planted.counts()["written"]:
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


if __name__ == "__main__":
    main()
