"""The compared tools, and the command that each one runs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from environment import PYTHON, ROOT, target
from inputs import Hour

# Returns the command for an hour, a payload option and an output folder.
Command = Callable[[Hour, str, Path], list[str | Path]]


@dataclass(frozen=True)
class Contestant:
    name: str
    title: str
    command: Command = field(repr=False)
    # Python package that the tool needs.
    package: str | None = None
    makes_parquet: bool = True
    # Comparable payload text in its files: "exact", "caseless" (DuckDB writes \\u001b as \\u001B) or "none" (parsed and
    # written again).
    payload_text: str = "none"


def ours(threads: int) -> Command:
    def command(hour: Hour, payload: str, output: Path) -> list[str | Path]:
        options = ["--hour", hour.hour, "--threads", str(threads), "--payload", payload, "--json"]
        return [target() / "ghactivity", "convert", hour.path, "--out", output, *options]

    return command


def script(name: str) -> Command:
    def command(hour: Hour, payload: str, output: Path) -> list[str | Path]:
        return [PYTHON, ROOT / f"bench/tools/{name}.py", hour.path, output / "out.parquet", payload]

    return command


def inflate(hour: Hour, payload: str, output: Path) -> list[str | Path]:
    return [target() / "examples/inflate_alone", hour.path]


CONTESTANTS = {
    contestant.name: contestant
    for contestant in (
        Contestant("ours", "ghactivity, 1 thread", ours(1), payload_text="exact"),
        Contestant("ours2", "ghactivity, 2 threads", ours(2), payload_text="exact"),
        Contestant("duckdb", "DuckDB, 1 thread, schema given", script("duckdb_convert"), "duckdb", payload_text="caseless"),
        Contestant("chdb", "ClickHouse (chdb), 1 thread", script("chdb_convert"), "chdb", payload_text="exact"),
        Contestant("polars", "polars, 1 thread, schema given", script("polars_convert"), "polars"),
        Contestant("pandas", "pandas, chunks of 10,000", script("pandas_convert"), "pandas"),
        Contestant("inflate", "inflate alone", inflate, makes_parquet=False),
    )
}


def missing(names: list[str]) -> dict[str, str]:
    """Returns the tools whose package cannot be imported, with the reason."""
    absent: dict[str, str] = {}
    for name in names:
        package = CONTESTANTS[name].package
        if package:
            tried = subprocess.run([PYTHON, "-c", f"import {package}"], capture_output=True, text=True, check=False)
            if tried.returncode != 0:
                absent[name] = (tried.stderr.strip().splitlines() or ["it cannot be imported"])[-1]
    return absent
