"""Writes the dashboards as one HTML page without external resources. Below each chart are its values and its definition."""

import html
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local_aws.dashboard.metrics import MetricStore, collect
from local_aws.dashboard.series import period_secs, series_of, with_full_names
from local_aws.paths import ROOT
from local_aws.stack.aws import LocalAws

Widget = dict[str, Any]

HERE = Path(__file__).parent
VENDOR = ROOT / "crates/cli-query/src/report/vendor"
DEFAULT_PERIOD_SECS = 300


def write(aws: LocalAws, file: Path) -> list[str]:
    """Writes the page of all deployed dashboards and returns their names."""
    cloudwatch = aws.client("cloudwatch")
    pages = cloudwatch.get_paginator("list_dashboards").paginate()
    names = sorted(entry["DashboardName"] for page in pages for entry in page["DashboardEntries"])
    bodies = {name: json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"]) for name in names}
    file.write_text(render(bodies, collect(aws)))
    return names


def render(bodies: dict[str, Any], store: MetricStore) -> str:
    sections: list[str] = []
    data: dict[str, Widget] = {}
    for name, body in bodies.items():
        longest = max(
            (one["properties"].get("period", DEFAULT_PERIOD_SECS) for one in body["widgets"] if one["type"] == "metric"),
            default=DEFAULT_PERIOD_SECS,
        )
        period = period_secs(store.span(), longest)
        sections.append(f'<h1>{html.escape(name)}</h1><p class="faint">A point is {period:,} s here, {longest:,} s on AWS.</p>')
        sections.append('<div class="grid">')
        for number, definition in enumerate(body["widgets"]):
            key, widget = f"{name}-{number}", read_widget(definition, store, period * 1000)
            sections.append(render_widget(key, widget))
            if "series" in widget:
                data[key] = {field: widget[field] for field in ("series", "stacked", "lines")} | {"period_ms": period * 1000}
        sections.append("</div>")
    texts = {"sections": "\n".join(sections), "data": json.dumps(data).replace("<", "\\u003c")}
    files = {"style": HERE / "page.css", "script": HERE / "page.js", "d3": VENDOR / "d3.min.js", "plot": VENDOR / "plot.umd.min.js"}
    texts |= {name: file.read_text() for name, file in files.items()}
    return re.sub(r"\{\{(\w+)\}\}", lambda name: texts[name[1]], (HERE / "page.html").read_text())


def read_widget(definition: dict[str, Any], store: MetricStore, period_ms: int) -> Widget:
    """A widget of a dashboard's definition, with its position, and its series if it is a chart."""
    properties = definition["properties"]
    position = {name: definition[name] for name in ("x", "y", "width", "height")}
    if definition["type"] == "text":
        return {**position, "markdown": properties["markdown"]}
    metrics = with_full_names(properties["metrics"])
    return {
        **position,
        "title": properties["title"],
        "definition": properties["metrics"],
        "stacked": properties.get("stacked", False),
        "lines": properties.get("annotations", {}).get("horizontal", []),
        "series": [series for metric in metrics for series in series_of(metric, store, period_ms)],
    }


def render_widget(key: str, widget: Widget) -> str:
    position = f'style="--x: {widget["x"] + 1}; --width: {widget["width"]}; --height: {widget["height"]}"'
    if "markdown" in widget:
        heading, _, text = widget["markdown"].partition("\n")
        return f'<div class="text" {position}><h2>{html.escape(heading.lstrip("# "))}</h2><p>{html.escape(text)}</p></div>'
    rows = [
        f"<tr><td>{clock(begin)}</td><td>{html.escape(series['label'])}</td><td>{value:,.10g}</td></tr>"
        for series in widget["series"]
        for begin, value in series["points"]
    ]
    return (
        f'<section id="{html.escape(key)}" {position}><h2>{html.escape(widget["title"])}</h2><div class="chart"></div>'
        '<details><summary>values, and the definition</summary><div class="values"><table><thead>'
        "<tr><th>time (UTC)</th><th>series</th><th>value</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        f"<pre>{html.escape(json.dumps(widget['definition'], indent=1))}</pre></details></section>"
    )


def clock(moment_ms: float) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
