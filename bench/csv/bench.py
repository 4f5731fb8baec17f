"""`make bench-csv`: rows per CPU second of load-csv-chunk, next to plain use of the SDK and boto3's `batch_writer`, in turn,
against an endpoint that answers at once. Every contestant's items are counted by the endpoint: no table if one is missing.

    .tools/local/bin/python bench/csv/bench.py --rows 200000 --rounds 3
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from local_aws.stack.build import target  # noqa: E402
from local_aws.demos.csv_files import CsvFile  # noqa: E402


def main():
    options = arguments()
    build = ["cargo", "build", "--release", "--locked", "-p", "load-csv-chunk", "--examples"]
    subprocess.run(build, cwd=ROOT, check=True)
    binaries = target("release") / "examples"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        with open(path, "wb") as out:
            planted = CsvFile(options.rows, odd=False).write(out)
        print(f"{options.rows:,} rows, {planted.bytes:,} bytes; {platform.machine()}, {os.cpu_count()} processors; medians of {options.rounds} rounds")
        contestants = {
            "load-csv-chunk": [binaries / "chunk_cost", "function", path],
            "the same SDK, plainly": [binaries / "chunk_cost", "plain", path],
            "boto3 batch_writer": [sys.executable, ROOT / "bench/csv/boto3_load.py", path],
        }
        with Endpoint(binaries / "instant_table") as endpoint:
            found = {name: [] for name in contestants}
            for _ in range(options.rounds):
                for name, command in contestants.items():
                    found[name].append(run(command, endpoint, options.rows))
    table(found)


def arguments():
    parser = argparse.ArgumentParser(description="What loading rows costs the one who loads them.")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


class Endpoint:
    """The table that answers at once."""

    def __init__(self, binary):
        self.binary = binary

    def __enter__(self):
        self.process = subprocess.Popen([self.binary], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[-1]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)

    def items(self):
        """Items put since the last call."""
        with urllib.request.urlopen(f"{self.url}/items") as answer:
            return int(answer.read())


def run(command, endpoint, rows):
    endpoint.items()
    environment = os.environ | {
        "AWS_ENDPOINT_URL": endpoint.url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1", "TOKIO_WORKER_THREADS": "2",
    }  # fmt: skip
    done = subprocess.run([str(part) for part in command], env=environment, check=True, capture_output=True, text=True)
    measured = json.loads(done.stdout)
    if not rows == measured["rows"] == (items := endpoint.items()):
        sys.exit(f"bench: {command[0]} says {measured['rows']} rows, the endpoint got {items}, the file has {rows}")
    return measured


def table(found):
    def rate(name, field):
        return statistics.median(one["rows"] / one[field] for one in found[name])

    slowest = rate("boto3 batch_writer", "cpu_secs")
    print("\n| | rows per CPU second | to boto3 | rows per second |\n| --- | --- | --- | --- |")
    for name in found:
        cpu = rate(name, "cpu_secs")
        print(f"| {name} | {cpu:,.0f} | {cpu / slowest:.1f} | {rate(name, 'secs'):,.0f} |")


if __name__ == "__main__":
    main()
