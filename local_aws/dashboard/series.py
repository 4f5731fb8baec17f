"""Computes the series of a widget: the statistic of each metric in each period.

AWS: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

import re
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from local_aws.dashboard.metrics import MetricStore, Point

#: Periods of a point, in seconds. The widget's own period is the longest.
PERIODS_SECS = (1, 5, 10, 30, 60, 300, 900, 3600)
MAX_POINTS = 60
LOCAL_NAMESPACES = ("ghactivity", "AWS/States")
SEARCH = re.compile(
    r"""SEARCH\('\{(?P<space>[^,}]+),(?P<dimensions>[^}]+)\} MetricName="(?P<name>[^"]+)"(?P<fixed>[^']*)', '(?P<stat>\w+)', \d+\)"""
)
SIMPLE_STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "Sum": sum,
    "Minimum": min,
    "Maximum": max,
    "Average": statistics.fmean,
    "SampleCount": len,
}


def with_full_names(metrics: Iterable[list[Any]]) -> Iterator[list[Any]]:
    """Replaces each `.` of a definition by the value at the same position of the metric above."""
    above: list[Any] = []
    for metric in metrics:
        above = [above[index] if part == "." else part for index, part in enumerate(metric)]
        yield above


def series_of(metric: list[Any], store: MetricStore, period_ms: int) -> Iterator[dict[str, Any]]:
    """The series of one entry of a widget's metrics: one, or several for a SEARCH expression."""
    if isinstance(metric[0], dict):
        yield from searched_series(metric[0]["expression"], store, period_ms)
        return
    options = metric[-1] if isinstance(metric[-1], dict) else {}
    namespace, name, *rest = metric[:-1] if options else metric
    points = store.get(namespace, name, dict(zip(rest[::2], rest[1::2], strict=True)))
    label = options.get("label", name)
    if namespace not in LOCAL_NAMESPACES:
        label = f"{label} (measured on AWS only)"
    values = per_period(points, options.get("stat", "Average"), period_ms)
    yield {"label": label, "axis": options.get("yAxis", "left"), "points": values}


def searched_series(expression: str, store: MetricStore, period_ms: int) -> Iterator[dict[str, Any]]:
    search = SEARCH.fullmatch(expression)
    if not search:
        raise ValueError(f"{expression}: only SEARCH expressions of one metric name are supported")
    fixed = dict(re.findall(r'(\w+)="([^"]+)"', search["fixed"]))
    for label, points in store.search(search["space"], search["name"], set(search["dimensions"].split(",")), fixed):
        yield {"label": label, "axis": "left", "points": per_period(points, search["stat"], period_ms)}


def per_period(points: Iterable[Point], stat: str, period_ms: int) -> list[list[float]]:
    """The beginning and the statistic of each period that has values."""
    periods: dict[int, list[float]] = defaultdict(list)
    for moment, value in points:
        periods[moment - moment % period_ms].append(value)
    return [[begin, statistic(values, stat)] for begin, values in sorted(periods.items())]


def statistic(values: Sequence[float], stat: str) -> float:
    """`Sum`, `Minimum`, `Maximum`, `Average`, `SampleCount`, or a percentile such as `p50`."""
    ordered = sorted(values)
    if stat in SIMPLE_STATISTICS:
        return SIMPLE_STATISTICS[stat](ordered)
    percentile = re.fullmatch(r"p(\d+(?:\.\d+)?)", stat)
    if not percentile:
        raise ValueError(f"{stat}: not a statistic")
    return ordered[min(len(ordered) - 1, int(len(ordered) * float(percentile[1]) / 100))]


def period_secs(span: tuple[int, int] | None, longest: int) -> int:
    """The shortest period that gives the span, in milliseconds, at most `MAX_POINTS` points."""
    if not span:
        return longest
    covered = (span[1] - span[0]) / 1000
    return next((period for period in PERIODS_SECS if covered / period <= MAX_POINTS and period <= longest), longest)
