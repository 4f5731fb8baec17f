"""The metrics that CloudWatch would extract from the functions' log lines."""

from __future__ import annotations

import json
from collections import Counter

from deployment import Lake
from test_bad_input import event, gz, whole_hour


def counted(lake: Lake, function: str, hour: str) -> Counter[str]:
    """Sums the metrics in a function's log lines of an hour."""
    # The local AWS returns at most 10,000 lines, without a next page.
    pages = (
        lake.aws.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=f"/aws/lambda/ghactivity-{function}", filterPattern=f'"_aws" "{hour}"')
    )
    sums: Counter[str] = Counter()
    for line in (json.loads(entry["message"]) for page in pages for entry in page["events"]):
        [directive] = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "ghactivity" and line["Stack"] == "ghactivity"
        assert all(dimension in line for dimensions in directive["Dimensions"] for dimension in dimensions)
        if line.get("hour") == hour:
            sums.update({metric["Name"]: line[metric["Name"]] for metric in directive["Metrics"]})
    return +sums


def test_hour_is_counted_once_over_several_runs(lake: Lake) -> None:
    hour = "2023-05-01-7"
    lines = [*(event(n) for n in range(40)), event(3), b'{"bad"']
    lake.serve(hour, gz(*lines))
    for _ in range(2):
        assert lake.run_hour(hour).status == "SUCCEEDED"
    found = counted(lake, "commit-bookmark", hour)
    assert found.pop("ParquetBytes") == lake.ledger(hour)["parquet_bytes"]
    assert round(found.pop("QuarantinedPercent"), 3) == round(100 / 42, 3)
    verdict = found.pop("HoursTiny", 0) + found.pop("HoursDegraded", 0)
    assert verdict == (lake.ledger(hour)["verdict"] != "complete")
    assert found == {"HoursPublished": 1, "Rows": 40, "Duplicates": 1, "Quarantined": 1}
    assert counted(lake, "fetch", hour)["LandedBytes"] == 2 * lake.ledger(hour)["landing_bytes"], "fetched twice"
    assert counted(lake, "convert-chunk", hour)["ChunkSeconds"] > 0


def test_failures_are_counted_by_meaning(lake: Lake) -> None:
    broken, absent, shrunk = "2023-05-02-7", "2023-05-03-7", "2023-05-04-7"
    lake.serve(broken, whole_hour()[:1000])
    lake.serve(shrunk, gz(*(event(n) for n in range(40))))
    assert [lake.run_hour(hour).status for hour in (broken, absent, shrunk)] == ["FAILED", "SUCCEEDED", "SUCCEEDED"]
    lake.serve(shrunk, gz(*(event(n) for n in range(30))))
    assert lake.run_hour(shrunk).error == "HourWouldShrink"
    assert counted(lake, "commit-bookmark", broken) == {"HoursFailed": 1}
    assert counted(lake, "commit-bookmark", absent) == {"HoursMissing": 1}
    assert counted(lake, "commit-bookmark", shrunk)["HoursRefused"] == 1
