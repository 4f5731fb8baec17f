"""Collects the metrics that CloudWatch would have.

CloudWatch reads them from log lines in its embedded metric format; the local AWS keeps only the lines. Executions come from the API of
Step Functions. Metrics of Kinesis, Lambda and SQS exist on AWS only.

AWS: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from local_aws.stack.aws import LocalAws

#: A value and its moment, in milliseconds since 1970.
Point = tuple[int, float]

EXECUTION_METRICS = {
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
    "SUCCEEDED": "ExecutionsSucceeded",
}


@dataclass(frozen=True)
class MetricId:
    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]


@dataclass
class MetricStore:
    points: dict[MetricId, list[Point]] = field(default_factory=lambda: defaultdict(list))

    def add(self, namespace: str, name: str, dimensions: dict[str, str], moment: int, value: float) -> None:
        self.points[MetricId(namespace, name, frozenset(dimensions.items()))].append((moment, value))

    def get(self, namespace: str, name: str, dimensions: dict[str, str]) -> list[Point]:
        return self.points.get(MetricId(namespace, name, frozenset(dimensions.items())), [])

    def search(self, namespace: str, name: str, names: set[str], fixed: dict[str, str]) -> Iterator[tuple[str, list[Point]]]:
        """The metrics with exactly the dimensions `names`, of which `fixed` have a value. Yields the other values as a label."""
        for metric, points in sorted(self.points.items(), key=lambda pair: sorted(pair[0].dimensions)):
            dimensions = dict(metric.dimensions)
            if (metric.namespace, metric.name, set(dimensions)) == (namespace, name, names) and fixed.items() <= dimensions.items():
                yield " ".join(value for key, value in sorted(dimensions.items()) if key not in fixed), points

    def span(self) -> tuple[int, int] | None:
        """The first and the last moment; None if there are no values."""
        moments = [moment for points in self.points.values() for moment, _ in points]
        return (min(moments), max(moments)) if moments else None


def collect(aws: LocalAws) -> MetricStore:
    store = MetricStore()
    logs = aws.client("logs")
    for group in log_groups(logs):
        for line in metric_lines(logs, group):
            add_line(store, line)
    add_executions(store, aws.client("stepfunctions"))
    return store


def log_groups(logs: Any) -> Iterator[str]:
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/aws/lambda/"):
        yield from (group["logGroupName"] for group in page["logGroups"])


def metric_lines(logs: Any, group: str) -> Iterator[dict[str, Any]]:
    """A group's lines with metrics. The local AWS returns at most 10,000."""
    for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group, filterPattern='"CloudWatchMetrics"'):
        yield from (json.loads(entry["message"]) for entry in page["events"])


def add_line(store: MetricStore, line: dict[str, Any]) -> None:
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for metric in directive["Metrics"]:
            for names in directive["Dimensions"]:
                dimensions = {name: line[name] for name in names}
                store.add(directive["Namespace"], metric["Name"], dimensions, line["_aws"]["Timestamp"], line[metric["Name"]])


def add_executions(store: MetricStore, sfn: Any) -> None:
    """Adds the counts of ended executions."""
    pages = sfn.get_paginator("list_state_machines").paginate()
    for machine in (one["stateMachineArn"] for page in pages for one in page["stateMachines"]):
        for page in sfn.get_paginator("list_executions").paginate(stateMachineArn=machine):
            for execution in page["executions"]:
                if name := EXECUTION_METRICS.get(execution["status"]):
                    moment = int(execution["stopDate"].timestamp() * 1000)
                    store.add("AWS/States", name, {"StateMachineArn": machine}, moment, 1)
