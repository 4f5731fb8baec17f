"""The dashboards of the templates as a page, drawn from what the functions of the local AWS counted.

CloudWatch makes metrics of the log lines that functions write in its embedded metric format, and draws them; the local AWS
keeps the lines alone. So this reads the dashboards as they were deployed, the lines and the executions, takes each metric's
statistic per period as CloudWatch would, and writes one HTML page, whole in itself:

    .tools/local/bin/python -m local_aws dashboard

What only AWS measures (Kinesis, Lambda, SQS) is named on the page as not measured.
"""

import html
import json
import re
import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from local_aws.stack.aws import ROOT

PAGE = Path(__file__).parent
VENDOR = ROOT / "crates/cli/src/report/vendor"
#: Seconds that a point may stand for; the widget's own period is the longest.
PERIODS = (1, 5, 10, 30, 60, 300, 900, 3600)
MOST_POINTS = 60
SEARCH = re.compile(r"""SEARCH\('\{(?P<space>[^,}]+),(?P<dimensions>[^}]+)\} MetricName="(?P<name>[^"]+)"(?P<fixed>[^']*)', '(?P<stat>\w+)', \d+\)""")


@dataclass(frozen=True)
class Metric:
    """What CloudWatch tells metrics apart by."""

    namespace: str
    name: str
    dimensions: frozenset


@dataclass
class Measured:
    """Values with their moments, in milliseconds since 1970, per metric."""

    values: dict = field(default_factory=lambda: defaultdict(list))

    def add(self, namespace, name, dimensions, moment, value):
        self.values[Metric(namespace, name, frozenset(dimensions.items()))].append((moment, value))

    def of(self, namespace, name, dimensions):
        return self.values.get(Metric(namespace, name, frozenset(dimensions.items())), [])

    def matching(self, namespace, name, names, fixed):
        """The metrics with exactly these dimensions, of which some are given: each with the value of the dimension that is not."""
        for metric, points in sorted(self.values.items(), key=lambda pair: sorted(pair[0].dimensions)):
            dimensions = dict(metric.dimensions)
            if (metric.namespace, metric.name, set(dimensions)) == (namespace, name, names) and fixed.items() <= dimensions.items():
                yield " ".join(value for key, value in sorted(dimensions.items()) if key not in fixed), points

    def span(self):
        moments = [moment for points in self.values.values() for moment, _ in points]
        return (min(moments), max(moments)) if moments else None


def write(aws, file):
    """Writes the page of all dashboards of this account; answers their names."""
    cloudwatch = aws.client("cloudwatch")
    names = [entry["DashboardName"] for page in cloudwatch.get_paginator("list_dashboards").paginate() for entry in page["DashboardEntries"]]
    bodies = {name: json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"]) for name in sorted(names)}
    Path(file).write_text(page(bodies, measured(aws)))
    return sorted(names)


# -- what was measured --


def measured(aws):
    found = Measured()
    logs = aws.client("logs")
    for group in groups(logs):
        for line in lines(logs, group):
            for directive in line["_aws"]["CloudWatchMetrics"]:
                for metric in directive["Metrics"]:
                    for names in directive["Dimensions"]:
                        dimensions = {name: line[name] for name in names}
                        found.add(directive["Namespace"], metric["Name"], dimensions, line["_aws"]["Timestamp"], line[metric["Name"]])
    executions(aws.client("stepfunctions"), found)
    return found


def groups(logs):
    for answer in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/aws/lambda/"):
        yield from (group["logGroupName"] for group in answer["logGroups"])


def lines(logs, group):
    """A group's lines that hold metrics. The local AWS hands out 10,000 at most."""
    for answer in logs.get_paginator("filter_log_events").paginate(logGroupName=group, filterPattern='"CloudWatchMetrics"'):
        yield from (json.loads(entry["message"]) for entry in answer["events"])


def executions(sfn, found):
    """What Step Functions counts of executions that ended."""
    counted = {"FAILED": "ExecutionsFailed", "TIMED_OUT": "ExecutionsTimedOut", "ABORTED": "ExecutionsAborted", "SUCCEEDED": "ExecutionsSucceeded"}
    for machine in (one["stateMachineArn"] for answer in sfn.get_paginator("list_state_machines").paginate() for one in answer["stateMachines"]):
        for answer in sfn.get_paginator("list_executions").paginate(stateMachineArn=machine):
            for run in answer["executions"]:
                if run["status"] in counted:
                    moment = int(run["stopDate"].timestamp() * 1000)
                    found.add("AWS/States", counted[run["status"]], {"StateMachineArn": machine}, moment, 1)


# -- what is drawn --


def widget(definition, found, period_ms):
    """A widget of a dashboard's definition, with its series."""
    properties = definition["properties"]
    place = {name: definition[name] for name in ("x", "y", "width", "height")}
    if definition["type"] == "text":
        return {**place, "markdown": properties["markdown"]}
    series = [one for metric in expanded(properties["metrics"]) for one in drawn(metric, found, period_ms)]
    return {
        **place,
        "title": properties["title"],
        "definition": properties["metrics"],
        "stacked": properties.get("stacked", False),
        "lines": properties.get("annotations", {}).get("horizontal", []),
        "series": series,
    }


def expanded(metrics):
    """Metrics written out: in a definition "." stands for what the metric above has at that place."""
    above = []
    for metric in metrics:
        whole = [above[place] if part == "." else part for place, part in enumerate(metric)]
        above = whole
        yield whole


def drawn(metric, found, period_ms):
    if isinstance(metric[0], dict):
        search = SEARCH.fullmatch(metric[0]["expression"])
        if not search:
            raise ValueError(f"{metric[0]['expression']}: neither a metric nor a search of this kind")
        fixed = dict(re.findall(r'(\w+)="([^"]+)"', search["fixed"]))
        for label, points in found.matching(search["space"], search["name"], set(search["dimensions"].split(",")), fixed):
            yield {"label": label, "axis": "left", "points": per_period(points, search["stat"], period_ms)}
        return
    options = metric[-1] if isinstance(metric[-1], dict) else {}
    namespace, name, *rest = metric[:-1] if options else metric
    points = found.of(namespace, name, dict(zip(rest[::2], rest[1::2], strict=True)))
    label = options.get("label", name)
    if namespace not in ("ghactivity", "AWS/States"):
        label = f"{label} (only AWS measures it)"
    yield {"label": label, "axis": options.get("yAxis", "left"), "points": per_period(points, options.get("stat", "Average"), period_ms)}


def per_period(points, stat, period_ms):
    """The statistic of each period that has values: its beginning, and the value."""
    periods = defaultdict(list)
    for moment, value in points:
        periods[moment - moment % period_ms].append(value)
    return [[begin, statistic(values, stat)] for begin, values in sorted(periods.items())]


def statistic(values, stat):
    """As CloudWatch names them: Sum, Minimum, Maximum, Average, SampleCount, p50 and other percentiles."""
    simple = {"Sum": sum, "Minimum": min, "Maximum": max, "Average": statistics.fmean, "SampleCount": len}
    if stat in simple:
        return simple[stat](values)
    percentile = float(re.fullmatch(r"p(\d+(?:\.\d+)?)", stat)[1])
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percentile / 100))]


def period_secs(span, longest):
    """The shortest period with which the whole span has few enough points."""
    if not span:
        return longest
    covered = (span[1] - span[0]) / 1000
    return next((period for period in PERIODS if covered / period <= MOST_POINTS and period <= longest), longest)


def page(bodies, found):
    span = found.span()
    sections, data = [], {}
    for name, body in bodies.items():
        longest = max((w["properties"].get("period", 300) for w in body["widgets"] if w["type"] == "metric"), default=300)
        period = period_secs(span, longest)
        widgets = [widget(definition, found, period * 1000) for definition in body["widgets"]]
        sections.append(f'<h1>{html.escape(name)}</h1><p class="faint">A point is {period:,} s here, {longest:,} s on AWS.</p>')
        sections.append('<div class="grid">')
        for number, one in enumerate(widgets):
            key = f"{name}-{number}"
            sections.append(section(key, one))
            if "series" in one:
                data[key] = {name: one[name] for name in ("series", "stacked", "lines")} | {"period_ms": period * 1000}
        sections.append("</div>")
    texts = {"sections": "\n".join(sections), "data": json.dumps(data).replace("<", "\\u003c")}
    files = {"style": PAGE / "page.css", "script": PAGE / "page.js", "d3": VENDOR / "d3.min.js", "plot": VENDOR / "plot.umd.min.js"}
    texts |= {name: file.read_text() for name, file in files.items()}
    return re.sub(r"\{\{(\w+)\}\}", lambda found: texts[found[1]], (PAGE / "page.html").read_text())


def section(key, one):
    place = f'style="--x: {one["x"] + 1}; --width: {one["width"]}; --height: {one["height"]}"'
    if "markdown" in one:
        heading, _, text = one["markdown"].partition("\n")
        return f'<div class="text" {place}><h2>{html.escape(heading.lstrip("# "))}</h2><p>{html.escape(text)}</p></div>'
    rows = [
        f"<tr><td>{clock(begin)}</td><td>{html.escape(series['label'])}</td><td>{value:,.10g}</td></tr>"
        for series in one["series"]
        for begin, value in series["points"]
    ]
    return (
        f'<section id="{html.escape(key)}" {place}><h2>{html.escape(one["title"])}</h2><div class="chart"></div>'
        f"<details><summary>values, and the definition</summary><div class=\"values\"><table><thead><tr><th>time (UTC)</th><th>series</th><th>value</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div><pre>{html.escape(json.dumps(one['definition'], indent=1))}</pre></details></section>"
    )


def clock(moment_ms):
    return datetime.fromtimestamp(moment_ms / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
