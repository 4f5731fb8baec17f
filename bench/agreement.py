"""Compares the outputs of an hour.

DuckDB reads each output in a separate process and reduces it to a few facts, which are compared here.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from contestants import Contestant
from environment import PYTHON, ROOT
from inputs import Hour
from report import Result

# Facts of one output, by name.
Facts = dict[str, Any]


def disagreements(hour: Hour, payload: str, results: list[Result]) -> list[str]:
    """Returns the differences between the outputs of the last round, one line each."""
    facts: dict[Contestant, Facts] = {}
    for result in results:
        if result.contestant.makes_parquet:
            facts[result.contestant] = facts_of(result, payload)
    if not facts:
        return []
    problems = []
    expected_by, expected = next(iter(facts.items()))
    for contestant, found in facts.items():
        for fact in expected.keys() & found.keys():
            if found[fact] != expected[fact]:
                sides = f"{expected_by.title}: {expected[fact]}; {contestant.title}: {found[fact]}"
                problems.append(f"{hour.name}, payload {payload}, {fact}: {sides}")
    return problems


def facts_of(result: Result, payload: str) -> Facts:
    text = result.contestant.payload_text if payload == "keep" else "none"
    assert result.output, "the contestant has not run"
    command: list[str | Path] = [PYTHON, ROOT / "bench/tools/facts.py", result.output, text]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise SystemExit(f"cannot read the output of {result.contestant.title}:\n{found.stderr}")
    facts: Facts = json.loads(found.stdout)
    return facts
