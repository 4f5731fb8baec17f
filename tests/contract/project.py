"""Readers of the project's files for the contract tests: templates, state machines, Rust sources."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
# A JSON or YAML object.
Json = dict[str, Any]
FUNCTIONS = ["next-file", "fetch", "convert-chunk", "register-partition", "commit-bookmark", "list-hours", "export-ledger", "prove-hour"]
STREAM_FUNCTIONS = ["process-events"]  # of sam/event-stream.yaml
CSV_FUNCTIONS = ["plan-csv", "load-csv-chunk", "commit-csv-load", "undo-csv-load"]  # of sam/csv-load.yaml
CSV_STATE_MACHINES = {"csv-load": "CsvLoadStateMachine", "csv-undo": "CsvUndoStateMachine"}
STATE_MACHINES = {
    "process-hour": "ProcessHourStateMachine",
    "ingest": "IngestStateMachine",
    "backfill": "BackfillStateMachine",
    "prove": "ProveStateMachine",
    "landed": "LandedStateMachine",
}


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """YAML loader that reads CloudFormation's short forms as their long forms."""


def _intrinsic(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> Json:
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if tag == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _intrinsic)


def template(name: str = "template.yaml") -> Json:
    document: Json = yaml.load((ROOT / name).read_text(), _Loader)
    return document


def templates() -> dict[str, Json]:
    names = ["template.yaml", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "sam").glob("*.yaml"))]
    return {name: template(name) for name in names}


def resources(document: Json, kind: str) -> dict[str, Json]:
    return {name: r["Properties"] for name, r in document["Resources"].items() if r["Type"] == kind}


def camel(name: str) -> str:
    """Converts `convert-chunk` to `ConvertChunk`, as logical names spell it."""
    return "".join(part.capitalize() for part in name.split("-"))


def state_machine_text(name: str) -> str:
    return (ROOT / "statemachine" / f"{name}.asl.json").read_text()


def state_machine(name: str) -> Json:
    definition: Json = json.loads(state_machine_text(name))
    return definition


def states(definition: Json) -> dict[str, Json]:
    """Returns all states by name, including those inside Maps."""
    found = {}
    for name, state in definition["States"].items():
        assert name not in found, f"two states are called {name}"
        found[name] = state
        if "ItemProcessor" in state:
            found |= states(state["ItemProcessor"])
    return found


def match(pattern: str, text: str, flags: int = 0) -> re.Match[str]:
    """Returns the first match of a pattern; fails without one."""
    found = re.search(pattern, text, flags)
    assert found, f"nothing matches {pattern}"
    return found


def arguments(state: Json) -> Json:
    """Returns the input template of a task, in JSONata or JSONPath."""
    given: Json = state["Arguments"] if "Arguments" in state else state["Parameters"]
    return given


def rust(*patterns: str) -> dict[Path, str]:
    """Returns the Rust files that match the patterns, without comments."""
    files = sorted(path for pattern in patterns for path in ROOT.glob(pattern))
    assert files, f"no Rust file matches {patterns}"
    return {path.relative_to(ROOT): re.sub(r"(?m)^\s*//.*$", "", path.read_text()) for path in files}
