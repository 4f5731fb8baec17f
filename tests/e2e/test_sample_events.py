"""The sample events work as they are, in the order of an hour, on the hour that the local source has for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from archive import SAMPLE_HOUR, write_sample_hour
from conftest import ROOT
from deployment import FunctionError, Lake

FAILURES = {
    "commit-bookmark-failed-hour": "CorruptArchive",
    "commit-bookmark-no-outcome": "InvalidInput",
    "convert-chunk-bad-hour": "InvalidInput",
    "convert-chunk-negative-chunk": "InvalidInput",
    "fetch-bad-hour": "InvalidInput",
    "fetch-unknown-source": "InvalidInput",
    "next-file-negative-hours": "InvalidInput",
    "register-partition-unknown-field": "InvalidInput",
}
STEPS = ("next-file", "fetch", "convert-chunk", "register-partition", "commit-bookmark")


def event(name: str) -> dict:
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


def test_every_event_is_tried_here() -> None:
    assert {path.stem for path in (ROOT / "events").glob("*.json")} == set(FAILURES) | set(STEPS)


def test_the_events_in_order_publish_their_hour(lake: Lake, tmp_path: Path) -> None:
    file = tmp_path / "hour.json.gz"
    write_sample_hour(file)
    lake.serve(SAMPLE_HOUR, file.read_bytes())
    answers = {name: lake.invoke(name, event(name)) for name in STEPS}
    assert len(answers["next-file"]["hours"]) <= event("next-file")["max_hours"]
    assert answers["fetch"]["version"] == event("convert-chunk")["version"], "events/*.json name the version that fetch answers"
    sample, real = event("commit-bookmark")["outcome"]["published"], answers["register-partition"]
    for field in ("version", "landing_md5", "landing_bytes", "counts", "chunks", "parquet_bytes", "types"):
        assert sample[field] == real[field], f"events/commit-bookmark.json: {field}"
    assert answers["commit-bookmark"]["status"] == "published"
    assert len(lake.rows(SAMPLE_HOUR)) == real["counts"]["rows"]


@pytest.mark.parametrize(("name", "error"), sorted(FAILURES.items()))
def test_an_event_that_fails_does_so_by_name(lake: Lake, name: str, error: str) -> None:
    function = next(step for step in STEPS if name.startswith(step))
    with pytest.raises(FunctionError) as failed:
        lake.invoke(function, event(name))
    assert failed.value.name == error
