"""`ghactivity report`: in a browser, the page shows all charts and the results of its own queries."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import chromium
from deployment import Lake

Run = Callable[..., "subprocess.CompletedProcess[str]"]
DAYS = ("2025-01-13", "2025-01-14")
HOURS = [f"{DAYS[0]}-{hour}" for hour in (21, 22, 23)] + [f"{DAYS[1]}-{hour}" for hour in (0, 1)]
ATHENA = ("totals", "types", "hours", "contributors", "repositories", "actions", "organisations", "week", "late")


@pytest.fixture(scope="module")
def page(lake: Lake, ghactivity: Run, generate: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Writes a report about five published hours of two days, one of them degraded, and one missing hour after them."""
    for hour in HOURS:
        lake.serve(hour, generate(hour, "--events", "800", "--bad", "0.01", "--duplicates", "0.01"))
        assert lake.run_hour(hour).status == "SUCCEEDED"
    ledger = lake.table("ArchiveHours")
    key = {"archive": "ghactivity", "hour": f"{DAYS[0]}T22"}
    ledger.update_item(Key=key, UpdateExpression="SET verdict = :v", ExpressionAttributeValues={":v": "degraded"})
    lake.run_hour(f"{DAYS[1]}-2")
    out = tmp_path_factory.mktemp("report") / "report.html"
    run = ghactivity("report", "--from", HOURS[0], "--to", f"{DAYS[1]}-3", "--out", str(out))
    assert run.returncode == 0, run.stderr
    assert run.stdout == f"{out}\n"
    return out


@pytest.fixture(scope="module")
def seen(page: Path) -> Iterator[dict[str, Any]]:
    pictures = os.environ.get("GHACTIVITY_PICTURES")
    try:
        yield chromium.look(page, Path(pictures) if pictures else None)
    except chromium.NoBrowser as reason:
        pytest.skip(f"no browser: {reason}")


def test_page_has_no_errors_network_or_overflow(page: Path, seen: dict[str, Any]) -> None:
    for name, view in seen.items():
        assert view["complaints"] == [], name
        assert view["asked"] == [f"file://{page}"], name
        assert view["overflow"] <= 0, name


def test_every_chart_is_drawn_in_every_view(seen: dict[str, Any]) -> None:
    for name, view in seen.items():
        assert set(view["figures"]) == {*ATHENA, "calendar", "quality"}
        for figure, facts in view["figures"].items():
            assert facts["height"] > 20, (name, figure)
            assert bool(facts["drawings"]) != bool(facts["tiles"]), (name, figure)


def test_page_values_equal_the_shown_queries(lake: Lake, seen: dict[str, Any]) -> None:
    for figure in ATHENA:
        shown = seen["light"]["figures"][figure]
        answer = lake.query(shown["query"])
        assert answer, figure
        expected = [[value or "" for value in row.values()] for row in answer]
        assert (shown["columns"], shown["rows"]) == (list(answer[0]), expected), figure


def numbers(title: str) -> list[int]:
    """Returns the numbers after the colon of a title."""
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", title.rsplit(": ", 1)[1])]


def test_charts_show_page_values(seen: dict[str, Any]) -> None:
    for view in seen.values():
        figures = view["figures"]
        for figure, column in (
            ("types", "events"),
            ("contributors", "events"),
            ("repositories", "events"),
            ("hours", "events"),
            ("actions", "actions"),
        ):
            facts = figures[figure]
            at = facts["columns"].index(column)
            drawn = sorted(numbers(title)[0] for title in facts["titles"])
            assert drawn == sorted(int(row[at]) for row in facts["rows"]), figure
        (totals,) = figures["totals"]["rows"]
        assert [tile.replace(",", "") for tile in figures["totals"]["tiles"]] == totals
        assert len(figures["week"]["titles"]) == len(figures["week"]["rows"]) == 5
        degraded = [title for title in figures["hours"]["titles"] if title.endswith(", degraded")]
        assert [title[:13] for title in degraded] == [f"{DAYS[0]} 22"]


def test_calendar_and_quality_equal_the_ledger(lake: Lake, seen: dict[str, Any]) -> None:
    figures = seen["light"]["figures"]
    states = {title.split(": ")[0]: title.split(": ")[1] for title in figures["calendar"]["titles"]}
    assert states == {
        f"{DAYS[0]} 21": "published",
        f"{DAYS[0]} 22": "degraded",
        f"{DAYS[0]} 23": "published",
        f"{DAYS[1]} 00": "published",
        f"{DAYS[1]} 01": "published",
        f"{DAYS[1]} 02": "missing",
        f"{DAYS[1]} 03": "not yet",
    }
    assert figures["calendar"]["legend"] == ["published 4", "degraded 1", "missing 1", "not yet 1"]
    counts = [lake.ledger(hour)["counts"] for hour in HOURS]
    columns = figures["quality"]["columns"]
    quality = {row[columns.index("what")]: int(row[columns.index("records")].replace(",", "")) for row in figures["quality"]["rows"]}
    for name in ("rows", "duplicates", "quarantined"):
        assert quality[name] == sum(count[name] for count in counts), name
    assert quality["in all"] == quality["rows"] + quality["duplicates"] + quality["quarantined"]


def test_colour_schemes_apply_to_screen_and_paper(seen: dict[str, Any]) -> None:
    def brightness(colour: str) -> int:
        return sum(int(part) for part in re.findall(r"\d+", colour)[:3]) // 3

    for name, light in (("light", True), ("dark", False), ("phone", True), ("print", True)):
        paper, ink = brightness(seen[name]["background"]), brightness(seen[name]["ink"])
        assert (paper > 230 and ink < 60) if light else (paper < 40 and ink > 200), (name, paper, ink)


def test_picture_is_written(page: Path, ghactivity: Run, tmp_path: Path) -> None:
    try:
        binary, variables = chromium.program()
    except chromium.NoBrowser as reason:
        pytest.skip(f"no browser: {reason}")
    picture = tmp_path / "report.png"
    span = ("--from", DAYS[0], "--to", DAYS[1])
    run = ghactivity("report", *span, "--out", str(tmp_path / "r.html"), "--png", str(picture), environment={"CHROME": binary, **variables})
    assert run.returncode == 0, run.stderr
    header = picture.read_bytes()[:24]
    assert header.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = int.from_bytes(header[16:20]), int.from_bytes(header[20:24])
    assert width == 900 and height > 2000, "the whole page, as high as it is"


def test_json_output_names_written_files(ghactivity: Run, tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    run = ghactivity("report", "--from", HOURS[0], "--to", HOURS[0], "--out", str(out), "--json")
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert (told["page"], told["picture"], len(told["figures"])) == (str(out), None, len(ATHENA)) and out.exists()
    assert all(figure in out.read_text() for figure in told["figures"])


def test_without_browser_only_the_page_is_written(ghactivity: Run, tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    run = ghactivity(
        "report", "--from", HOURS[0], "--to", HOURS[0], "--out", str(out), "--png", str(tmp_path / "r.png"),
        environment={"CHROME": "/nonexistent/chromium"},
    )  # fmt: skip
    assert run.returncode == 2
    assert "the page is complete" in run.stderr and "CHROME=" in run.stderr
    data = re.search(r'id="data">(.*?)</script>', out.read_text(), re.DOTALL)
    assert data
    assert json.loads(data.group(1))["totals"][0]["events"] > 0


def test_report_without_hours_says_so(ghactivity: Run, tmp_path: Path) -> None:
    out = tmp_path / "empty.html"
    run = ghactivity("report", "--from", "2019-05-05", "--to", "2019-05-05", "--out", str(out))
    assert run.returncode == 0, run.stderr
    assert '"types":[]' in out.read_text()
