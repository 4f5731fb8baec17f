"""Who takes part, and the command that each one runs."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field

from environment import PYTHON, ROOT, target


@dataclass(frozen=True)
class Contestant:
    name: str
    title: str
    command: Callable = field(repr=False)
    # The package that it needs, if any.
    package: str | None = None
    makes_parquet: bool = True
    # What its files hold of the payload's text: "exact", "caseless" (DuckDB writes \\u001b as \\u001B) or "none" that
    # can be compared, as it is parsed and written anew.
    payload_text: str = "none"


def ours(threads):
    def command(hour, payload, output):
        options = ["--hour", hour.hour, "--threads", str(threads), "--payload", payload, "--json"]
        return [target() / "ghactivity", "convert", hour.path, "--out", output, *options]

    return command


def script(name):
    def command(hour, payload, output):
        return [PYTHON, ROOT / f"bench/tools/{name}.py", hour.path, output / "out.parquet", payload]

    return command


def inflate(hour, payload, output):
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


def missing(names):
    """Those whose package cannot be imported, with the reason."""
    absent = {}
    for name in names:
        package = CONTESTANTS[name].package
        if package:
            tried = subprocess.run([PYTHON, "-c", f"import {package}"], capture_output=True, text=True)
            if tried.returncode != 0:
                absent[name] = (tried.stderr.strip().splitlines() or ["it cannot be imported"])[-1]
    return absent
