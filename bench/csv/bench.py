"""`make bench-csv`: rows per CPU second of load-csv-chunk, of plain use of the SDK, and of boto3's `batch_writer`.

The contestants take turns against an endpoint that returns immediately. The endpoint counts the items; a missing one fails the run.

    .tools/local/bin/python bench/csv/bench.py --rows 200000 --rounds 3
"""

from __future__ import annotations

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
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from local_aws.demos.csv_files import CsvFile  # noqa: E402
from local_aws.stack.build import target_folder  # noqa: E402

# Rows, CPU seconds and seconds of a run.
Measured = dict[str, Any]


def main() -> None:
    options = arguments()
    build = ["cargo", "build", "--release", "--locked", "-p", "load-csv-chunk", "--examples"]
    subprocess.run(build, cwd=ROOT, check=True)
    binaries = target_folder("release") / "examples"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        with open(path, "wb") as out:
            planted = CsvFile(options.rows, odd=False).write(out)
        machine = f"{platform.machine()}, {os.cpu_count()} processors"
        print(f"{options.rows:,} rows, {planted.bytes:,} bytes; {machine}; medians of {options.rounds} rounds")
        contestants: dict[str, list[str | Path]] = {
            "load-csv-chunk": [binaries / "chunk_cost", "function", path],
            "the same SDK, plainly": [binaries / "chunk_cost", "plain", path],
            "boto3 batch_writer": [sys.executable, ROOT / "bench/csv/boto3_load.py", path],
        }
        with Endpoint(binaries / "instant_table") as endpoint:
            found: dict[str, list[Measured]] = {name: [] for name in contestants}
            for _ in range(options.rounds):
                for name, command in contestants.items():
                    found[name].append(run(command, endpoint, options.rows))
    table(found)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures the cost of loading rows.")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


class Endpoint:
    """A DynamoDB table that returns immediately."""

    def __init__(self, binary: Path) -> None:
        self.binary = binary

    def __enter__(self) -> Endpoint:
        self.process = subprocess.Popen([self.binary], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.url = self.process.stdout.readline().split()[-1]
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)

    def items(self) -> int:
        """Returns the number of items put since the last call."""
        with urllib.request.urlopen(f"{self.url}/items") as answer:
            return int(answer.read())


def run(command: list[str | Path], endpoint: Endpoint, rows: int) -> Measured:
    endpoint.items()
    environment = os.environ | {
        "AWS_ENDPOINT_URL": endpoint.url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1", "TOKIO_WORKER_THREADS": "2",
    }  # fmt: skip
    done = subprocess.run([str(part) for part in command], env=environment, check=True, capture_output=True, text=True)
    measured: Measured = json.loads(done.stdout)
    if not rows == measured["rows"] == (items := endpoint.items()):
        sys.exit(f"bench: {command[0]} reports {measured['rows']} rows, the endpoint counted {items}, the file has {rows}")
    return measured


def table(found: dict[str, list[Measured]]) -> None:
    def rate(name: str, field: str) -> float:
        rates: list[float] = [one["rows"] / one[field] for one in found[name]]
        return statistics.median(rates)

    slowest = rate("boto3 batch_writer", "cpu_secs")
    print("\n| | rows per CPU second | to boto3 | rows per second |\n| --- | --- | --- | --- |")
    for name in found:
        cpu = rate(name, "cpu_secs")
        print(f"| {name} | {cpu:,.0f} | {cpu / slowest:.1f} | {rate(name, 'secs'):,.0f} |")


if __name__ == "__main__":
    main()
