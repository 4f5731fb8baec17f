"""Compares the conversion of an hour with other tools, and prints one table.

    make bench [ROUNDS=5] [EVENTS=150000] [TOOLS=ours,duckdb,…] [QUICK=1]

Each run is a separate process. The kernel accounts for its CPU time (user and system), wall time and peak memory. Every round
runs every tool once, so other load on the machine affects all of them. A ratio is the median of the ratios of the rounds.
Before the table is printed, all outputs are read and compared: rows, rows by type, distinct actors and repositories, and
the contents of the columns that a tool does not change.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import inputs
import report
from agreement import disagreements
from contestants import CONTESTANTS, Contestant, missing
from environment import ROOT, build, prepare
from measure import run

WORK = ROOT / ".local/bench"


def main() -> None:
    options = parse()
    prepare()
    build()
    absent = missing(options.tools)
    for name, reason in absent.items():
        print(f"MISSING: {CONTESTANTS[name].title}: {reason}", flush=True)
    contestants = [CONTESTANTS[name] for name in options.tools if name not in absent]
    results: list[report.Result] = []
    problems: list[str] = []
    for hour in inputs.make(WORK / "inputs", options.events, options.data):
        for payload in options.payload:
            measured = compare(hour, payload, contestants, options.rounds)
            problems += disagreements(hour, payload, measured)
            results += measured
    (WORK / "results.json").write_text(json.dumps([result.as_json() for result in results], indent=1))
    if problems:
        sys.exit("\n".join(["the outputs differ:", *problems]))
    report.print_table(results, [CONTESTANTS[name].title for name in absent], options.rounds)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compares the conversion of an hour with other tools.")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each tool (default: 5)")
    parser.add_argument("--events", type=int, default=150_000, help="records of a generated hour (default: 150000)")
    parser.add_argument("--tools", default="", help=f"tools, separated by commas (default: {','.join(CONTESTANTS)})")
    parser.add_argument("--payload", default="drop,keep", help="payload dropped, kept or both (default: drop,keep)")
    parser.add_argument("--data", type=Path, default=inputs.REAL_DATA, help="folder of real hours")
    parser.add_argument("--quick", action="store_true", help="run 2 rounds of 30,000 records")
    options = parser.parse_args()
    options.tools = [name for name in options.tools.replace(" ", ",").split(",") if name] or list(CONTESTANTS)
    unknown = [name for name in options.tools if name not in CONTESTANTS]
    if unknown:
        parser.error(f"no such tool: {', '.join(unknown)}; expected {', '.join(CONTESTANTS)}")
    options.payload = options.payload.split(",")
    if options.quick:
        options.rounds, options.events = 2, 30_000
    return options


def compare(hour: inputs.Hour, payload: str, contestants: list[Contestant], rounds: int) -> list[report.Result]:
    """Runs every contestant once per round."""
    folder = WORK / "out"
    measured = [report.Result(hour, payload, contestant) for contestant in contestants]
    for number in range(rounds):
        print(f"{hour.name}, payload {payload}: round {number + 1} of {rounds}", flush=True)
        # Each round begins with another contestant.
        begin = number % len(measured) if measured else 0
        for result in measured[begin:] + measured[:begin]:
            output = folder / result.contestant.name
            shutil.rmtree(output, ignore_errors=True)
            output.mkdir(parents=True)
            result.add(run(result.contestant.command(hour, payload, output), folder / "log"), output)
    return measured


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(str(error))
