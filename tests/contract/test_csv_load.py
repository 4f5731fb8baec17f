"""Contracts of sam/csv-load.yaml and its state machines: permissions, variables, retries, names and the runbook."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import node
from errors import DETERMINISTIC, OF_AWS, TRANSIENT
from project import (
    CSV_FUNCTIONS,
    CSV_STATE_MACHINES,
    ROOT,
    Json,
    arguments,
    camel,
    match,
    resources,
    rust,
    state_machine,
    state_machine_text,
    states,
    template,
)
from simulator import Execution, TaskError

CSV = template("sam/csv-load.yaml")
FUNCTIONS = resources(CSV, "AWS::Serverless::Function")
MACHINES = resources(CSV, "AWS::Serverless::StateMachine")
ROLES = resources(CSV, "AWS::IAM::Role")


def every_state(kind: str | None = None) -> list[Any]:
    found = [(m, n, s) for m in CSV_STATE_MACHINES for n, s in states(state_machine(m)).items() if kind in (None, s["Type"])]
    return [pytest.param(*case, id=f"{case[0]}/{case[1]}") for case in found]


def test_template_has_all_functions_and_machines() -> None:
    assert set(FUNCTIONS) == {camel(name) + "Function" for name in CSV_FUNCTIONS}
    assert set(MACHINES) == set(CSV_STATE_MACHINES.values())


@pytest.mark.parametrize("name", CSV_FUNCTIONS)
def test_function_has_binary_role_and_log_group(name: str) -> None:
    logical = camel(name) + "Function"
    properties = FUNCTIONS[logical]
    assert CSV["Resources"][logical]["Metadata"] == {"BuildMethod": "rust-cargolambda", "BuildProperties": {"Binary": name}}
    assert tomllib.loads((ROOT / "functions" / name / "Cargo.toml").read_text())["package"]["name"] == name
    assert properties["Role"] == {"Fn::GetAtt": [camel(name) + "Role", "Arn"]} and "Policies" not in properties
    group = resources(CSV, "AWS::Logs::LogGroup")[properties["LoggingConfig"]["LogGroup"]["Ref"]]
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert group["LogGroupName"]["Fn::Sub"] == "/aws/lambda/" + properties["FunctionName"]["Fn::Sub"]


@pytest.mark.parametrize("name", CSV_FUNCTIONS)
def test_function_variables_equal_those_read(name: str) -> None:
    given = FUNCTIONS[camel(name) + "Function"].get("Environment", {}).get("Variables", {})
    [source] = rust(f"functions/{name}/src/context.rs").values()
    read = set(re.findall(r'env\.\w+(?:::<\w+>)?\(\s*"([A-Z_]+)"', source))
    measures = any(".emit()" in text for text in rust(f"functions/{name}/src/**/*.rs").values())
    assert read == set(given) - {"METRICS_STACK"} | {"UPLOAD_BUCKET"}
    assert given.get("METRICS_STACK") == ({"Ref": "StackName"} if measures else None)
    assert set(CSV["Globals"]["Function"]["Environment"]["Variables"]) == {"AWS_ENDPOINT_URL", "UPLOAD_BUCKET"}


def granted(role: str) -> list[Json]:
    return [s for policy in ROLES[f"{role}Role"]["Policies"] for s in policy["PolicyDocument"]["Statement"]]


def actions(role: str, service: str) -> set[str]:
    named = [s["Action"] if isinstance(s["Action"], list) else [s["Action"]] for s in granted(role)]
    return {action for actions in named for action in actions if action.startswith(f"{service}:")}


@pytest.mark.parametrize(
    "role, expected",
    [
        ("PlanCsv", set()),
        ("LoadCsvChunk", {"dynamodb:BatchWriteItem", "dynamodb:PutItem"}),
        ("CommitCsvLoad", {"dynamodb:PutItem"}),
        ("UndoCsvLoad", {"dynamodb:Scan", "dynamodb:DeleteItem"}),
        ("CsvLoad", {"dynamodb:DescribeTable", "dynamodb:CreateTable"}),
        ("CsvUndo", set()),
    ],
)
def test_role_has_only_its_table_actions(role: str, expected: set[str]) -> None:
    assert actions(role, "dynamodb") == expected
    for statement in granted(role):
        if role != "CommitCsvLoad" and "dynamodb:" in json.dumps(statement["Action"]):
            assert statement["Resource"]["Fn::Sub"].endswith(":table/${CsvTablePrefix}*")


def test_uploads_are_read_only() -> None:
    for role in ROLES:
        for statement in granted(role.removesuffix("Role")):
            text = json.dumps(statement)
            if "/raw/*" in text:
                assert statement["Action"] == "s3:GetObject" and role in ("PlanCsvRole", "LoadCsvChunkRole")


@pytest.mark.parametrize("machine, name, state", every_state())
def test_states_have_comments_and_known_errors(machine: str, name: str, state: Json) -> None:
    assert len(state.get("Comment", "")) > 10
    for clause in state.get("Retry", []) + state.get("Catch", []):
        assert set(clause["ErrorEquals"]) <= TRANSIENT | DETERMINISTIC | OF_AWS
    for clause in state.get("Retry", []):
        assert not set(clause["ErrorEquals"]) & DETERMINISTIC
        assert clause["JitterStrategy"] == "FULL" and clause["MaxDelaySeconds"] > clause["IntervalSeconds"] > 0


@pytest.mark.parametrize("machine, name, state", every_state("Task"))
def test_task_timeout_exceeds_function_timeout(machine: str, name: str, state: Json) -> None:
    assert state["TimeoutSeconds"] and state["Retry"]
    if state["Resource"].endswith("lambda:invoke"):
        function = match(r"^\$\{(\w+Function)Arn\}$", arguments(state)["FunctionName"])[1]
        assert FUNCTIONS[function]["Timeout"] < state["TimeoutSeconds"] <= FUNCTIONS[function]["Timeout"] + 30
        retried = {error for clause in state["Retry"] for error in clause["ErrorEquals"]}
        assert {name for name in TRANSIENT if name.startswith("Aws")} <= retried


@pytest.mark.parametrize("function", ["load-csv-chunk", "undo-csv-load"])
def test_work_ends_45_seconds_before_timeout(function: str) -> None:
    properties = FUNCTIONS[camel(function) + "Function"]
    assert int(properties["Environment"]["Variables"]["WORK_SECS"]) + 45 <= properties["Timeout"]


def test_writer_timeout_equals_call_ends_within() -> None:
    [within] = re.findall(r"CALL_ENDS_WITHIN: Duration = Duration::from_secs\((\d+)\)", (ROOT / "crates/csv-load/src/lib.rs").read_text())
    assert FUNCTIONS["LoadCsvChunkFunction"]["Timeout"] == int(within)
    for waiting in ("PlanCsvFunction", "CommitCsvLoadFunction", "UndoCsvLoadFunction"):
        assert FUNCTIONS[waiting]["Timeout"] >= 3 * int(within)


@pytest.mark.parametrize("machine", CSV_STATE_MACHINES)
def test_substitutions_are_used_and_invocable(machine: str) -> None:
    properties = MACHINES[CSV_STATE_MACHINES[machine]]
    assert properties["DefinitionUri"] == f"../statemachine/{machine}.asl.json"
    used = set(re.findall(r"\$\{(\w+)\}", state_machine_text(machine)))
    assert used == set(properties["DefinitionSubstitutions"])
    [invoke] = [s["Resource"] for s in granted(camel(machine)) if s["Action"] == "lambda:InvokeFunction"]
    assert {r["Fn::GetAtt"][0] + "Arn" for r in invoke} == {name for name in used if name.endswith("FunctionArn")}


@pytest.mark.parametrize("machine", CSV_STATE_MACHINES)
def test_validators_accept_state_machine(machine: str, tmp_path: Path) -> None:
    text = state_machine_text(machine)
    text = re.sub(r"\$\{(\w+)Arn\}", r"arn:aws:lambda:us-east-1:123456789012:function:\1", text)
    file = tmp_path / f"{machine}.json"
    file.write_text(re.sub(r"\$\{(\w+)\}", r"csv_\1", text))
    assert node.run("validate.js", file) == [[]]


@pytest.mark.parametrize(
    "error, cause, message",
    [
        ("BadHeader", json.dumps({"errorType": "BadHeader", "errorMessage": "columns 2 and 3"}), "columns 2 and 3"),
        ("States.Timeout", "", "no cause given"),
        ("TableHasOtherKey", "table csv_x has another key than id (S)", "table csv_x has another key than id (S)"),
    ],
)
def test_failed_load_is_recorded_and_redriven(error: str, cause: str, message: str) -> None:
    failing = state_machine("csv-load")["States"]["CommitFailure"]
    assert failing["Next"] == "WritesTable"
    machine = {
        "QueryLanguage": "JSONata",
        "StartAt": "CommitFailure",
        "States": {"CommitFailure": failing, "WritesTable": {"Type": "Succeed"}},
    }
    given = {"request": {"bucket": "up"}, "resumed_redrive": 0, "failed": {"Error": error, "Cause": cause}}
    seen = []

    def function(_: str, arguments: Json) -> Any:
        seen.append(arguments["Payload"])
        failed = arguments["Payload"]["failed"]
        if failed["redrive_count"] > failed["resumed_redrive"]:
            return {"resumed_redrive": failed["redrive_count"]}
        raise TaskError.of_lambda(failed["error"]["name"], failed["error"]["message"])

    execution = Execution(machine, function)
    execution.run(given)
    assert (execution.status, execution.error) == ("FAILED", error)
    execution.redrive()
    assert (execution.status, execution.output) == (
        "SUCCEEDED",
        {"request": {"bucket": "up"}, "resumed_redrive": 1, "described": {"table_id": None}},
    )
    for payload in seen:
        assert payload["failed"]["plan"] == {} and payload["failed"]["error"] == {"name": error, "message": message}
    planned = Execution(machine, function)
    planned.run(given | {"planned": {"plan": {"load_id": "0123456789abcdef"}}})
    assert seen[-1]["failed"]["plan"] == {"load_id": "0123456789abcdef"}


def test_every_state_catches_into_commit_failure() -> None:
    machine = state_machine("csv-load")
    for name, state in machine["States"].items():
        if state["Type"] in ("Task", "Map") and name != "CommitFailure":
            assert state["Catch"][-1] == {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failed", "Next": "CommitFailure"}, name
        assert state["Type"] != "Fail"


def test_failed_undo_is_recorded_and_redriven() -> None:
    machine, seen = state_machine("csv-undo"), []
    segments = [{"segment": number, "segments": 2} for number in range(2)]

    def function(state: str, arguments: Json) -> Any:
        payload = arguments["Payload"]
        seen.append((state, payload))
        if state == "FindLoad":
            return {"segments": segments}
        if state == "UndoSegment":
            if len(seen) < 4:
                raise TaskError.of_lambda("AwsRefused", "DeleteItem on csv_x was refused")
            return {"segment": payload["segment"] | {"deleted": 3, "gone": payload["segment"]["segment"]}, "done": True}
        if state == "CommitFailure":
            failed = payload["failed"]
            if failed["redrive_count"] > failed["resumed_redrive"]:
                return {"resumed_redrive": failed["redrive_count"]}
            raise TaskError.of_lambda(failed["error"]["name"], failed["error"]["message"])
        return payload

    execution = Execution(machine, function)
    execution.run({"load_id": "0123456789abcdef"})
    assert (execution.status, execution.error) == ("FAILED", "AwsRefused")
    _, recorded = seen[-1]
    assert recorded["failed"]["undoing"] and recorded["failed"]["request"] == {"load_id": "0123456789abcdef"}
    assert recorded["failed"]["error"] == {"name": "AwsRefused", "message": "DeleteItem on csv_x was refused"}
    execution.redrive()
    assert execution.status == "SUCCEEDED" and (execution.output["undone"], execution.output["gone"]) == (6, 1)
    assert execution.variables["resumed_redrive"] == 1
    for state in machine["States"].values():
        assert state["Type"] == "Pass" or "Catch" in state or state is machine["States"]["CommitFailure"]


def test_upload_starts_load() -> None:
    rule = MACHINES["CsvLoadStateMachine"]["Events"]["Uploaded"]["Properties"]
    assert rule["Pattern"]["detail"]["object"]["key"] == [{"wildcard": "raw/*.csv"}, {"wildcard": "raw/*.csv.gz"}]
    assert json.loads(re.sub(r"<(\w+)>", r'"\1"', rule["InputTransformer"]["InputTemplate"])) == {"bucket": "bucket", "key": "key"}
    bucket = CSV["Resources"]["UploadBucket"]
    assert bucket["Properties"]["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert bucket["DeletionPolicy"] == "RetainExceptOnCreate" and all(bucket["Properties"]["PublicAccessBlockConfiguration"].values())


def test_standalone_parameters_equal_main_template() -> None:
    assert all("Default" in properties for properties in CSV["Parameters"].values())
    main = template()
    for name in main["Resources"]["CsvLoad"]["Properties"]["Parameters"]:
        outer, inner = main["Parameters"].get(name), CSV["Parameters"][name]
        for field in ("Type", "Default", "AllowedPattern", "MinValue", "MaxValue") if name.startswith("Csv") else ():
            assert outer.get(field) == inner.get(field), name


ALARMS = resources(CSV, "AWS::CloudWatch::Alarm")


def emitted() -> set[str]:
    text = "\n".join(text.split("#[cfg(test)]")[0] for name in CSV_FUNCTIONS for text in rust(f"functions/{name}/src/**/*.rs").values())
    return set(re.findall(r'\.with\(\s*"(\w+)"', text))


def widgets() -> list[Json]:
    body = json.loads(resources(CSV, "AWS::CloudWatch::Dashboard")["CsvDashboard"]["DashboardBody"]["Fn::Sub"])
    found: list[Json] = body["widgets"]
    return found


def watched() -> Iterator[tuple[str, str, Json]]:
    """Yields namespace, name and dimensions of each metric of an alarm."""
    for properties in ALARMS.values():
        for metric in [m["MetricStat"]["Metric"] for m in properties.get("Metrics", []) if "MetricStat" in m] or [properties]:
            yield metric["Namespace"], metric["MetricName"], {d["Name"]: d["Value"] for d in metric["Dimensions"]}


def test_metrics_shown_and_watched_are_emitted() -> None:
    shown = [metric for widget in widgets() for metric in widget["properties"].get("metrics", [])]
    assert {metric[1] for metric in shown if metric[0] == "ghactivity"} == emitted()
    assert {tuple(metric[2:4]) for metric in shown if metric[0] == "ghactivity"} == {("Stack", "${StackName}")}
    ours = [(name, dimensions) for space, name, dimensions in watched() if space == "ghactivity"]
    assert ours == [("CsvRejectedPercent", {"Stack": {"Ref": "StackName"}})]
    theirs = [(name, dimensions["StateMachineArn"]["Ref"]) for space, name, dimensions in watched() if space == "AWS/States"]
    assert sorted(theirs) == sorted((name, machine) for name in ("ExecutionsFailed", "ExecutionsTimedOut") for machine in MACHINES)


@pytest.mark.parametrize("logical, properties", ALARMS.items())
def test_alarm_has_text_topic_and_runbook(logical: str, properties: Json) -> None:
    assert len(properties["AlarmDescription"]) > 60
    assert properties["AlarmActions"] == [{"Fn::If": ["MakesTopic", {"Ref": "CsvAlarmTopic"}, {"Ref": "AlarmTopicArn"}]}]
    name = properties["AlarmName"]["Fn::Sub"].removeprefix("${StackName}-")
    assert re.search(rf"^\| `{name}`", (ROOT / "docs/csv-load.md").read_text(), re.M), "the page has no row for this alarm"
    assert template()["Resources"]["CsvLoad"]["Properties"]["Parameters"]["AlarmTopicArn"] == {
        "Fn::GetAtt": ["Operations", "Outputs.AlarmTopicArn"]
    }


def test_widgets_fill_rows_without_overlap() -> None:
    cells = [(x, y) for w in widgets() for x in range(w["x"], w["x"] + w["width"]) for y in range(w["y"], w["y"] + w["height"])]
    assert len(cells) == len(set(cells)) and len(cells) == 24 * (max(y for _, y in cells) + 1)
