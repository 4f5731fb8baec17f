"""Periods, statistics and searches."""

import pytest

from local_aws.dashboard.metrics import MetricStore
from local_aws.dashboard.series import per_period, period_secs, series_of, with_full_names


@pytest.mark.parametrize(
    ("span", "longest", "expected"),
    [(None, 3600, 3600), ((0, 59_000), 3600, 1), ((0, 61_000), 3600, 5), ((0, 3_600_000), 3600, 60), ((0, 10**9), 300, 300)],
)
def test_period_gives_at_most_sixty_points(span: tuple[int, int] | None, longest: int, expected: int) -> None:
    assert period_secs(span, longest) == expected


@pytest.mark.parametrize(
    ("stat", "period_ms", "expected"),
    [
        ("Sum", 1000, [[0, 4], [1000, 30]]),
        ("Average", 1000, [[0, 2], [1000, 15]]),
        ("p50", 10_000, [[0, 10]]),
        ("p99", 10_000, [[0, 20]]),
    ],
)
def test_statistic_equals_cloudwatchs(stat: str, period_ms: int, expected: list[list[float]]) -> None:
    assert per_period([(500, 1), (900, 3), (1500, 10), (1999, 20)], stat, period_ms) == expected


def test_dots_repeat_the_metric_above() -> None:
    assert list(with_full_names([["n", "a", "D", "d"], [".", "b", ".", "."]]))[1] == ["n", "b", "D", "d"]


def test_search_finds_a_series_for_each_value() -> None:
    store = MetricStore()
    for kind in ("lesson", "order"):
        store.add("ghactivity", "EventsByType", {"Stack": "s", "EventType": kind}, 5, 2)
    store.add("ghactivity", "EventsByType", {"Stack": "another", "EventType": "lesson"}, 5, 7)
    search = """SEARCH('{ghactivity,Stack,EventType} MetricName="EventsByType" Stack="s"', 'Sum', 300)"""
    series = list(series_of([{"expression": search}], store, 1000))
    assert [(one["label"], one["points"]) for one in series] == [("lesson", [[0, 2]]), ("order", [[0, 2]])]
