"""Contracts of the state machines' definitions: timeouts, retries, existing names, and two validators."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import node
from errors import DETERMINISTIC, OF_AWS, TRANSIENT
from project import STATE_MACHINES, Json, arguments, camel, match, resources, state_machine, state_machine_text, states, template

MACHINES = sorted(STATE_MACHINES)


def each(kind: str | None = None) -> list[Any]:
    """Returns (machine, name, state) of all states of a type, as test parameters."""
    found = [(m, n, s) for m in MACHINES for n, s in states(state_machine(m)).items() if kind in (None, s["Type"])]
    assert found
    return [pytest.param(*case, id=f"{case[0]}/{case[1]}") for case in found]


@pytest.mark.parametrize("machine, name, state", each())
def test_retry_and_catch_names_exist(machine: str, name: str, state: Json) -> None:
    known = TRANSIENT | DETERMINISTIC | OF_AWS
    for clause in state.get("Retry", []) + state.get("Catch", []):
        assert set(clause["ErrorEquals"]) <= known


@pytest.mark.parametrize("machine, name, state", each())
def test_only_transient_errors_are_retried(machine: str, name: str, state: Json) -> None:
    for clause in state.get("Retry", []):
        assert not set(clause["ErrorEquals"]) & (DETERMINISTIC | {"States.ALL", "States.TaskFailed"})


@pytest.mark.parametrize("machine, name, state", each("Task"))
def test_task_retries_with_jitter_and_max_delay(machine: str, name: str, state: Json) -> None:
    retried = [name for clause in state["Retry"] for name in clause["ErrorEquals"]]
    assert len(retried) == len(set(retried)), "only the first clause with an error name applies"
    for clause in state["Retry"]:
        if clause["ErrorEquals"] == ["PartitionConflict"]:
            waits = [
                min(clause["IntervalSeconds"] * clause["BackoffRate"] ** n, clause["MaxDelaySeconds"]) for n in range(clause["MaxAttempts"])
            ]
            assert clause["JitterStrategy"] == "NONE" and sum(waits) > 2 * LEASE_SECS, "the retries must outlast an abandoned lease"
        else:
            assert clause["JitterStrategy"] == "FULL"
        assert clause["MaxDelaySeconds"] > clause["IntervalSeconds"] > 0
        assert clause["BackoffRate"] > 1 and 1 <= clause["MaxAttempts"] <= 6


# As in `pipeline::lease`.
LEASE_SECS = 300
# Transient errors of each task, besides those of AWS.
RETRIED = {
    "NextFile": {"SourceUnavailable"},
    "Fetch": {"SourceUnavailable", "SourceInterrupted", "SourceTimeout", "SourceChanged", "ChecksumMismatch"},
    "ConvertChunk": set(),
    "RegisterPartition": {"PartitionConflict"},
    "RollBack": {"PartitionConflict"},
    "CommitBookmark": {"BookmarkConflict"},
    "CommitFailure": {"BookmarkConflict"},
    "ListHours": set(),
    "ProveHour": {"PartitionConflict"},
    "AddUp": set(),
    "Account": set(),
}
# States that invoke the function of another state.
SHARED = {"RollBack": "RegisterPartition", "CommitFailure": "CommitBookmark", "Account": "ListHours", "AddUp": "ProveHour"}


def lambda_tasks() -> list[Any]:
    found = [case for case in each("Task") if case.values[2]["Resource"].endswith("lambda:invoke")]
    assert {case.values[1] for case in found} == set(RETRIED)
    return found


@pytest.mark.parametrize("machine, name, state", lambda_tasks())
def test_task_retries_transient_errors_of_function(machine: str, name: str, state: Json) -> None:
    retried = {error for clause in state["Retry"] for error in clause["ErrorEquals"]}
    assert RETRIED[name] | {"AwsThrottled", "AwsTimeout", "AwsUnavailable"} <= retried
    assert {error for error in OF_AWS if error.startswith("Lambda.")} <= retried


@pytest.mark.parametrize("machine, name, state", lambda_tasks())
def test_task_timeout_exceeds_function_timeout(machine: str, name: str, state: Json) -> None:
    function = match(r"^\$\{(\w+Function)Arn\}$", arguments(state)["FunctionName"])[1]
    runs = resources(template(), "AWS::Serverless::Function")[function]["Timeout"]
    assert runs < state["TimeoutSeconds"] <= runs + 30


@pytest.mark.parametrize("machine", ["ingest", "backfill"])
def test_hour_task_timeout_exceeds_process_hour(machine: str) -> None:
    wait = states(state_machine(machine))["ProcessHour"]["TimeoutSeconds"]
    assert state_machine("process-hour")["TimeoutSeconds"] < wait <= state_machine("process-hour")["TimeoutSeconds"] + 300


def test_redriven_backfill_uses_new_names() -> None:
    """A start with a used name returns the failed execution. A repeated start within one redrive finds its own execution."""
    name = arguments(states(state_machine("backfill"))["ProcessHour"])["Name.$"]
    assert name == "States.Format('{}_{}_{}', $.hour, States.Hash($.backfill, 'SHA-1'), $$.Execution.RedriveCount)"


@pytest.mark.parametrize("machine, name, state", each())
def test_every_state_has_comment(machine: str, name: str, state: Json) -> None:
    assert len(state.get("Comment", "")) > 10


@pytest.mark.parametrize("machine", MACHINES)
def test_substitutions_are_given_and_used(machine: str) -> None:
    properties = resources(template(), "AWS::Serverless::StateMachine")[STATE_MACHINES[machine]]
    used = set(re.findall(r"\$\{(\w+)\}", state_machine_text(machine)))
    assert properties["DefinitionUri"] == f"statemachine/{machine}.asl.json"
    assert used == set(properties["DefinitionSubstitutions"])


@pytest.mark.parametrize("machine", MACHINES)
def test_state_and_function_names_match(machine: str) -> None:
    functions = resources(template(), "AWS::Serverless::Function")
    for name, state in states(state_machine(machine)).items():
        if state.get("Resource", "").endswith("lambda:invoke"):
            function = SHARED.get(name, name)
            assert arguments(state)["FunctionName"] == f"${{{function}FunctionArn}}"
            assert f"{function}Function" in functions


@pytest.mark.parametrize("machine", MACHINES)
def test_definition_has_unique_keys_and_language(machine: str) -> None:
    def without_repetition(pairs: list[tuple[str, Any]]) -> Json:
        assert len(dict(pairs)) == len(pairs), f"duplicate key: {pairs}"
        return dict(pairs)

    definition = json.loads(state_machine_text(machine), object_pairs_hook=without_repetition)
    # The local AWS supports a Distributed Map only in JSONPath.
    distributed = any(
        state.get("ItemProcessor", {}).get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED" for state in definition["States"].values()
    )
    assert definition["QueryLanguage"] == ("JSONPath" if distributed else "JSONata") and definition["Comment"]


def test_validators_accept_state_machines(tmp_path: Path) -> None:
    accepted = node.run("validate.js", *(_substituted(machine, tmp_path) for machine in MACHINES))
    assert accepted == [[] for _ in MACHINES]


@pytest.mark.parametrize(
    "phrase, fault, validator",
    [
        ("transition to a missing state", ('"Next": "RecordLanded"', '"Next": "Nowhere"'), "asl-validator"),
        ("unreachable state", ('"Default": "NothingToPublish"', '"Default": "Fetch"'), "amazon-states-language-service"),
        ("invalid JSONata", ("{% $join($problems, '; ') %}", "{% $join($problems, %}"), "asl-validator"),
        ("Map without a processor", ('"ItemProcessor"', '"ItemProcesor"'), "amazon-states-language-service"),
    ],
)
def test_validators_reject_faults(tmp_path: Path, phrase: str, fault: tuple[str, str], validator: str) -> None:
    text = state_machine_text("process-hour")
    assert fault[0] in text
    file = tmp_path / "machine.json"
    file.write_text(text.replace(*fault, 1))
    [complaints] = node.run("validate.js", file)
    assert any(complaint.startswith(validator) for complaint in complaints), complaints


def _substituted(machine: str, folder: Path) -> Path:
    """Writes the definition with an ARN for each function and state machine, and a number for each count."""

    def given(found: re.Match[str]) -> str:
        name = found[1]
        return f"arn:aws:lambda:us-east-1:123456789012:function:{name}" if name.endswith("Arn") else "4"

    text = re.sub(r"\$\{(\w+)\}", given, state_machine_text(machine))
    file = folder / f"{machine}.json"
    file.write_text(text)
    return file


def test_machine_names_match_template() -> None:
    assert set(STATE_MACHINES.values()) == {f"{camel(name)}StateMachine" for name in MACHINES}
    assert set(STATE_MACHINES.values()) == set(resources(template(), "AWS::Serverless::StateMachine"))
