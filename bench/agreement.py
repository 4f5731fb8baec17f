"""Whether all outputs of an hour say the same.

DuckDB reads them all, in a process of its own, and reduces each to a few facts; these are compared here.
"""

import json
import subprocess

from environment import PYTHON, ROOT


def disagreements(hour, payload, results):
    """What differs between the outputs of the last round, a line each."""
    facts = {}
    for result in results:
        if result.contestant.makes_parquet:
            facts[result.contestant] = facts_of(result, payload)
    problems = []
    expected_by, expected = next(iter(facts.items()), (None, None))
    for contestant, found in facts.items():
        for fact in expected.keys() & found.keys():
            if found[fact] != expected[fact]:
                sides = f"{expected_by.title}: {expected[fact]}; {contestant.title}: {found[fact]}"
                problems.append(f"{hour.name}, payload {payload}, {fact}: {sides}")
    return problems


def facts_of(result, payload):
    text = result.contestant.payload_text if payload == "keep" else "none"
    command = [PYTHON, ROOT / "bench/tools/facts.py", result.output, text]
    found = subprocess.run(command, capture_output=True, text=True)
    if found.returncode != 0:
        raise SystemExit(f"the output of {result.contestant.title} cannot be read:\n{found.stderr}")
    return json.loads(found.stdout)
