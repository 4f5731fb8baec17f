"""Contracts of metrics, alarms, dashboard, saved log queries and the runbook."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from project import FUNCTIONS, ROOT, STATE_MACHINES, Json, match, resources, rust, template

OPERATIONS = template("sam/operations.yaml")
ALARMS = resources(OPERATIONS, "AWS::CloudWatch::Alarm")


def emitted() -> set[str]:
    """Returns the names of the metrics that functions emit."""
    sources = rust(*(f"functions/{function}/src/**/*.rs" for function in FUNCTIONS))
    text = "\n".join(text.split("#[cfg(test)]")[0] for text in sources.values())
    names = set(re.findall(r'\.with\(\s*"(\w+)"', text))
    [counted] = re.findall(r"let metrics = \[(.*?)\]\s*\.into_iter", text, re.S)
    return names | set(re.findall(r'\("(\w+)"', counted)) | set(re.findall(r'=> "(Hours\w+)"', text))


def dashboard() -> Json:
    body: Json = json.loads(resources(OPERATIONS, "AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"])
    return body


def shown() -> Iterator[tuple[str, str, Json]]:
    """Yields namespace, name and dimensions of each metric of the dashboard."""
    for widget in dashboard()["widgets"]:
        for metric in widget["properties"].get("metrics", []):
            namespace, name, *dimensions = metric[:-1]
            yield namespace, name, dict(zip(dimensions[::2], dimensions[1::2], strict=True))


def watched() -> Iterator[tuple[str, str, Json]]:
    """Yields namespace, name and dimensions of each metric of an alarm."""
    for properties in ALARMS.values():
        metrics = [m["MetricStat"]["Metric"] for m in properties.get("Metrics", []) if "MetricStat" in m] or [properties]
        for metric in metrics:
            yield metric["Namespace"], metric["MetricName"], {d["Name"]: d["Value"] for d in metric["Dimensions"]}


def test_metrics_shown_and_watched_are_emitted() -> None:
    ours = {name for namespace, name, _ in shown() if namespace == "ghactivity"}
    alarmed = {name for namespace, name, _ in watched() if namespace == "ghactivity"}
    assert ours == emitted()
    assert alarmed <= emitted()


def test_dimensions_match_metrics() -> None:
    for source in (shown(), watched()):
        for namespace, name, dimensions in source:
            if namespace == "AWS/States":
                assert set(dimensions) == {"StateMachineArn"}
                arn = dimensions["StateMachineArn"]
                machine = match(r"\$\{StackName\}-([a-z-]+)$", arn["Fn::Sub"] if isinstance(arn, dict) else arn)[1]
                assert machine in STATE_MACHINES
            else:
                assert set(dimensions) == ({"Stack", "Job"} if name == "LagHours" else {"Stack"}), name


@pytest.mark.parametrize("logical, properties", ALARMS.items())
def test_alarm_has_text_topic_and_runbook(logical: str, properties: Json) -> None:
    assert len(properties["AlarmDescription"]) > 60
    assert properties["AlarmActions"] == [{"Ref": "AlarmTopic"}]
    name = properties["AlarmName"]["Fn::Sub"].removeprefix("${StackName}-")
    assert re.search(rf"^\| `{name}`", (ROOT / "docs/operate.md").read_text(), re.M), "the page has no row for this alarm"


def test_silence_alarms_require_schedule() -> None:
    scheduled = {name for name, properties in ALARMS.items() if "ActionsEnabled" in properties}
    assert scheduled == {"LagAlarm", "NoHourPublishedAlarm"}
    assert ALARMS["NoHourPublishedAlarm"]["TreatMissingData"] == "breaching"


def test_saved_log_queries_cover_every_function() -> None:
    for properties in resources(OPERATIONS, "AWS::Logs::QueryDefinition").values():
        groups = {group["Fn::Sub"].removeprefix("/aws/lambda/${StackName}-") for group in properties["LogGroupNames"]}
        assert groups == set(FUNCTIONS)


def test_widgets_fill_rows_without_overlap() -> None:
    cells = [
        (x, y) for w in dashboard()["widgets"] for x in range(w["x"], w["x"] + w["width"]) for y in range(w["y"], w["y"] + w["height"])
    ]
    assert len(cells) == len(set(cells)) and len(cells) == 24 * (max(y for _, y in cells) + 1)


def test_alarm_sums_at_most_ten_metrics() -> None:
    for name, properties in ALARMS.items():
        assert len([one for one in properties.get("Metrics", []) if "MetricStat" in one]) <= 10, name
