"""The dashboards show the metrics of the functions, and their values equal those of the ledger."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import chromium
from deployment import Lake
from local_aws.dashboard import page
from stacks import Stacks
from test_bad_input import event, gz
from test_ingest import hours_before_now, small_hour

GOOD = [f"2024-09-02-{hour}" for hour in range(4)]
BROKEN, ABSENT, SHRUNK = "2024-09-03-5", "2024-09-03-6", "2024-09-03-7"


@pytest.fixture(scope="module")
def counted(
    source: tuple[str, Path], generate: Callable[..., bytes], stacks: Stacks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Lake, Path]]:
    """Deploys a stack, runs hours of every kind, and writes its dashboard page. Yields the stack and the page."""
    address, folder = source
    with stacks.start(tmp_path_factory.mktemp("aws"), SourceUrls=address) as aws:
        lake = Lake(aws, aws.outputs(), folder)
        for hour in GOOD:
            lake.serve(hour, generate(hour, "--events", "3000", "--bad", "0.01", "--duplicates", "0.01"))
            assert (run := lake.run_hour(hour)).status == "SUCCEEDED", run
        lake.serve(BROKEN, small_hour(BROKEN)[:300])
        assert lake.run_hour(BROKEN).status == "FAILED"
        assert lake.run_hour(ABSENT).output["status"] == "missing"
        lake.serve(SHRUNK, gz(*(event(n) for n in range(40))))
        assert lake.run_hour(SHRUNK).status == "SUCCEEDED"
        lake.serve(SHRUNK, gz(*(event(n) for n in range(30))))
        assert lake.run_hour(SHRUNK).error == "HourWouldShrink"
        due = hours_before_now(1)[0]
        lake.serve(due, small_hour(due))
        assert lake.ingest(**{"from": due}).status == "SUCCEEDED"
        uploads = lake.outputs["UploadBucketName"]
        lake.s3.put_object(Bucket=uploads, Key="incoming/few.csv", Body=b"id,n\n1,2\n1,3\nx\n4,5\n")
        assert lake.wait(lake.start("CsvLoad", bucket=uploads, key="incoming/few.csv")).status == "SUCCEEDED"
        file = tmp_path_factory.mktemp("page") / "dashboard.html"
        assert lake.aws.stack in page.write(aws, file)
        yield lake, file


@pytest.fixture(scope="module")
def seen(counted: tuple[Lake, Path]) -> dict[str, Any]:
    pictures = os.environ.get("GHACTIVITY_PICTURES")
    try:
        return chromium.look(counted[1], Path(pictures) if pictures else None)
    except chromium.NoBrowser as reason:
        pytest.skip(f"no browser: {reason}")


def figures(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns the widgets of the main dashboard by title."""
    others = ("events", "csv")
    found = view["figures"].items()
    return {one["heading"]: one for key, one in found if key.startswith("ghactivity-") and not any(other in key for other in others)}


def sums(widget: dict[str, Any]) -> Any:
    """Returns the sum of each series in a widget's table."""
    total: Any = Counter()
    for _, series, value in widget["rows"]:
        total[series] += float(value.replace(",", ""))
    return total


def test_dashboard_values_equal_the_ledger(counted: tuple[Lake, Path], seen: dict[str, Any]) -> None:
    lake, _ = counted
    hours = [entry for entry in lake.table("ArchiveHours").scan()["Items"] if entry.get("status") == "published"]
    facts = [entry["counts"] for entry in hours]
    widgets = figures(seen["light"])
    assert sums(widgets["Hours"]) == {"published": len(GOOD) + 2, "missing": 1, "failed": 1, "refused": 1}
    assert sums(widgets["Rows"]) == {"rows": sum(one["rows"] for one in facts)}
    expected = {name: sum(one[name] for one in facts) for name in ("duplicates", "quarantined")}
    assert sums(widgets["Records without a row"]) == expected and all(expected.values())
    odd = Counter(entry["verdict"] for entry in hours if entry["verdict"] != "complete")
    wrong = sums(widgets["Suspicious hours"])
    assert wrong.pop("percent quarantined") > 0
    assert +wrong == odd
    assert sums(widgets["Bytes"])["Parquet"] == sum(entry["parquet_bytes"] for entry in hours)
    assert sums(widgets["Executions that did not succeed"]) == {"process-hour: Failed": 2}
    assert [row[2] for row in widgets["Lag of the bookmark, hours"]["rows"]][-1] == "0"
    chunks = widgets["Seconds per chunk"]["rows"]
    median, longest = ([float(value) for _, series, value in chunks if series == wanted] for wanted in ("median", "longest"))
    assert len(median) > 0 and all(middle <= most for middle, most in zip(median, longest, strict=True))


def test_loads_of_csv_files_are_counted(seen: dict[str, Any]) -> None:
    widgets = {one["heading"]: one for key, one in seen["light"]["figures"].items() if key.startswith("ghactivity-csv")}
    assert sums(widgets["Rows"]) == {"read": 4, "written": 2, "duplicate": 1, "rejected": 1, "skipped": 0}
    assert sums(widgets["Percent rejected, worst load"]) == {"rejected": 25}
    assert sums(widgets["Loads"])["succeeded"] == 1


def test_every_widget_is_drawn_without_errors(counted: tuple[Lake, Path], seen: dict[str, Any]) -> None:
    _, file = counted
    for name, view in seen.items():
        assert view["complaints"] == [], name
        assert view["asked"] == [f"file://{file}"], name
        assert view["overflow"] <= 0, name
        for heading, widget in figures(view).items():
            assert widget["drawings"] == 1, (name, heading)
            assert len(widget["legend"]) >= 1 and widget["height"] > 100, (name, heading)
            assert any(re.fullmatch(r"\d\d:\d\d:\d\d", label) for label in widget["labels"]), (name, heading)
    assert seen["light"]["background"] != seen["dark"]["background"]
