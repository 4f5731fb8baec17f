"""The project's files as the contract tests read them: templates, state machines, events, Rust sources."""

import json
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ["next-file", "fetch", "convert-chunk", "register-partition", "commit-bookmark", "list-hours", "export-ledger", "prove-hour"]
STREAM_FUNCTIONS = ["process-events"]  # of sam/event-stream.yaml
STATE_MACHINES = {
    "process-hour": "ProcessHourStateMachine",
    "ingest": "IngestStateMachine",
    "backfill": "BackfillStateMachine",
    "prove": "ProveStateMachine",
    "landed": "LandedStateMachine",
}


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, read as their long forms."""


def _intrinsic(loader, tag, node):
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


def template(name="template.yaml"):
    return yaml.load((ROOT / name).read_text(), _Loader)


def templates():
    names = ["template.yaml", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "sam").glob("*.yaml"))]
    return {name: template(name) for name in names}


def resources(document, kind):
    return {name: r["Properties"] for name, r in document["Resources"].items() if r["Type"] == kind}


def camel(name):
    """`convert-chunk` as it is spelled in logical names: `ConvertChunk`."""
    return "".join(part.capitalize() for part in name.split("-"))


def state_machine_text(name):
    return (ROOT / "statemachine" / f"{name}.asl.json").read_text()


def state_machine(name):
    return json.loads(state_machine_text(name))


def states(definition):
    """Every state by name, those inside Maps included."""
    found = {}
    for name, state in definition["States"].items():
        assert name not in found, f"two states are called {name}"
        found[name] = state
        if "ItemProcessor" in state:
            found |= states(state["ItemProcessor"])
    return found


def arguments(state):
    """What a task is given: JSONata's name for it, or JSONPath's."""
    return state["Arguments"] if "Arguments" in state else state["Parameters"]


def rust(*patterns):
    """The Rust files that match the patterns, comments left out."""
    files = sorted(path for pattern in patterns for path in ROOT.glob(pattern))
    assert files, f"no Rust file matches {patterns}"
    return {path.relative_to(ROOT): re.sub(r"(?m)^\s*//.*$", "", path.read_text()) for path in files}
