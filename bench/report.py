"""Prints the results as tables."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contestants import Contestant
from inputs import Hour
from measure import Run

BASE = "duckdb"
FLOOR = "inflate"
OTHERS = {"duckdb": "DuckDB", "chdb": "ClickHouse", "polars": "polars", "pandas": "pandas", "inflate": "inflate"}


class Result:
    """Runs of one contestant on one hour."""

    def __init__(self, hour: Hour, payload: str, contestant: Contestant) -> None:
        self.hour, self.payload, self.contestant = hour, payload, contestant
        self.runs: list[Run] = []
        self.output: Path | None = None
        self.output_bytes = 0

    def add(self, run: Run, output: Path) -> None:
        self.runs.append(run)
        self.output = output
        self.output_bytes = sum(path.stat().st_size for path in output.rglob("*.parquet"))

    def median(self, fact: str) -> float:
        values: list[float] = [getattr(run, fact) for run in self.runs]
        return statistics.median(values)

    def ratio(self, base: Result, fact: str) -> Any:
        """Returns the median of the ratios of the rounds."""
        pairs = zip(self.runs, base.runs, strict=True)
        ratios: list[float] = [getattr(ours, fact) / getattr(theirs, fact) for ours, theirs in pairs]
        return statistics.median(ratios)

    def as_json(self) -> dict[str, Any]:
        runs = [vars(run) for run in self.runs]
        facts = {"hour": self.hour.name, "payload": self.payload, "tool": self.contestant.name}
        return {**facts, "output_bytes": self.output_bytes, "runs": runs}


def print_table(results: list[Result], absent: list[str], rounds: int) -> None:
    print(f"\nMedians of {rounds} rounds. CPU: user and system seconds of the whole process.\n")
    header = ["hour", "payload", "tool", "CPU s", "wall s", "peak MB", "output MB"]
    rows = [[*header, "CPU to DuckDB", "wall to DuckDB", "CPU to inflate"]]
    for result in results:
        others = {other.contestant.name: other for other in results if same_task(other, result)}
        rows.append(row(result, others))
    rows += [["–", "–", title, "missing", *[""] * 6] for title in absent]
    print_markdown(rows)
    print_summary(results)
    for hour in {result.hour.name: result.hour for result in results}.values():
        gzip, text = hour.path.stat().st_size / 1e6, hour.text_bytes() / 1e6
        print(f"\n{hour.name}: {hour.title}; {gzip:.1f} MB of gzip, {text:.0f} MB of text", end="")
    print("\n\nAll outputs agree on rows, rows by type, distinct actors and repositories, and on contents.")


def print_summary(results: list[Result]) -> None:
    """Prints one line per hour and payload: this program against each of the other tools that ran."""
    columns: list[tuple[str, Callable[[ByName], str]]] = [("CPU s", cpu_seconds)]
    columns += [(f"to {title}", ratio("ours", name, "cpu_secs")) for name, title in OTHERS.items()]
    columns += [("wall of 2 threads to 1", ratio("ours2", "ours", "wall_secs")), ("peak MB (DuckDB)", peaks)]
    rows = [["hour", "payload", *(title for title, _ in columns)]]
    for result in results:
        others = {other.contestant.name: other for other in results if same_task(other, result)}
        if result.contestant.name == "ours":
            rows.append([result.hour.name, result.payload, *(cell(others) for _, cell in columns)])
    print()
    print_markdown(rows)


# Results of one hour and payload, by the contestant's name.
ByName = dict[str, Result]


def cpu_seconds(of: ByName) -> str:
    return f"{of['ours'].median('cpu_secs'):.2f}"


def ratio(name: str, base: str, fact: str) -> Callable[[ByName], str]:
    return lambda of: f"{of[name].ratio(of[base], fact):.2f}" if {name, base} <= of.keys() else "–"


def peaks(of: ByName) -> str:
    peak = {name: f"{of[name].median('peak_bytes') / 1e6:,.0f}" for name in ("ours", BASE) if name in of}
    return f"{peak['ours']} ({peak.get(BASE, '–')})"


def same_task(one: Result, other: Result) -> bool:
    return (one.hour, one.payload) == (other.hour, other.payload)


def row(result: Result, others: ByName) -> list[str]:
    facts = [result.hour.name, result.payload, result.contestant.title]
    facts += [f"{result.median('cpu_secs'):.2f}", f"{result.median('wall_secs'):.2f}"]
    facts += [f"{result.median('peak_bytes') / 1e6:.0f}"]
    facts += [f"{result.output_bytes / 1e6:.1f}" if result.contestant.makes_parquet else "–"]
    for base, fact in ((BASE, "cpu_secs"), (BASE, "wall_secs"), (FLOOR, "cpu_secs")):
        facts.append(f"{result.ratio(others[base], fact):.2f}" if base in others else "–")
    return facts


def print_markdown(rows: list[list[str]]) -> None:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = [cell.ljust(width) if at < 3 else cell.rjust(width) for at, (cell, width) in enumerate(zip(row, widths, strict=True))]
        print(f"| {' | '.join(cells)} |")
        if number == 0:
            print(f"|{'|'.join('-' * (w + 2) if at < 3 else '-' * (w + 1) + ':' for at, w in enumerate(widths))}|")
