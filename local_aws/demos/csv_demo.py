"""`make demo-csv`: generates a CSV file with planted errors and duplicates, loads it into a local AWS, loads it again and undoes the load.

The demo fails if the receipt differs from what was planted.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

from local_aws.demos.csv_files import CsvFile
from local_aws.demos.steps import lock_directory, step
from local_aws.paths import LOCAL, ROOT
from local_aws.stack import build
from local_aws.stack.aws import LocalAws
from local_aws.stack.deploy import DeployError
from local_aws.stack.ghactivity_command import GhactivityCommand

STACK = "csv-load"


def main() -> None:
    options = arguments()
    lock = lock_directory(options.directory)
    step("Building the functions and the command (cargo, dev profile)")
    build.build()
    shutil.rmtree(options.directory, ignore_errors=True)
    options.directory.mkdir(parents=True)
    step(f"Generating a file of {options.rows:,} rows with planted errors and duplicates")
    path = options.directory / "people.csv"
    with open(path, "wb") as out:
        planted = CsvFile(options.rows, options.seed).write(out)
    print(f"  {path}: {planted.bytes:,} bytes; planted: {planted.counts()}")
    with LocalAws(options.directory) as aws:
        aws.stack = STACK
        outputs = aws.deploy({"CsvChunkRows": options.chunk_rows}, template=ROOT / "sam/csv-load.yaml")
        command = GhactivityCommand(aws)
        load = ("load-csv", path, "--types", "price=N", "--infer")
        step("Its price")
        command.run(*load, "--dry-run")
        step("Loading it")
        command.run(*load)
        [item] = aws.client("dynamodb").scan(TableName=outputs["CsvTableName"], Limit=1)["Items"]
        print(f"\nan item: {json.dumps(dict(sorted(item.items())), ensure_ascii=False)}")
        step("Loading the same bytes again: the load is recognised, and its receipt returned")
        again = command.json_output(*load)
        print(f"  {again['outcome']}: {again['counts']}")
        step("Undoing it")
        undone = command.json_output("unload", again["load_id"])
        print(f"  {undone['undone']:,} items deleted")
    lock.close()
    if again["counts"] != planted.counts() or undone["undone"] != planted.counts()["written"]:
        sys.exit("demo-csv: the receipt differs from what was planted")
    print("\nThe receipt equals what was planted. Everything is stopped.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Loads a CSV file into DynamoDB on this machine.")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--chunk-rows", type=int, default=5_000)
    parser.add_argument("--directory", type=Path, default=LOCAL / "demo-csv", help="deleted first (default: .local/demo-csv)")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, DeployError) as error:
        sys.exit(f"demo-csv: {error}")
