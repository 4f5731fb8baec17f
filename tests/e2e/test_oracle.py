"""Compares the oracle with the counts in the README of the real data, and with handwritten lines."""

import gzip
import json
import re
import zlib
from pathlib import Path
from typing import Any

import pytest

import oracle
from conftest import DATA, NO_DATA

PUSH = {"id": "1", "type": "PushEvent", "actor": {"login": "ann"}, "repo": {"name": "o/r"}}
PUSH_AT = {**PUSH, "created_at": "2015-01-01T00:00:01Z"}


def stated() -> dict[str, dict[str, Any]]:
    """Returns the counts of each data file in the README."""
    files: dict[str, dict[str, Any]] = {}
    try:
        sections = re.split(r"^### ", (DATA / "README.md").read_text(encoding="utf-8"), flags=re.M)[1:]
    except FileNotFoundError:
        return files
    for section in sections:
        name = match(r"^`([^`]+)`", section)[1]
        lines = re.search(r"; lines ([\d,]+); unparsable lines ([\d,]+);", section)
        if not lines:
            continue  # not a data file: a saved 404, headers
        types = match(r"^- types: (.+)$", section, re.M)[1]
        first, last = match(r"created_at min `([^`]+)` max `([^`]+)`", section).groups()
        files[name] = {
            "lines": _number(lines[1]),
            "unparsable": _number(lines[2]),
            "types": {kind: int(count) for kind, count in (item.split(" ") for item in types.split(", "))},
            "first": first,
            "last": last,
        }
    return files


def match(pattern: str, text: str, flags: int = 0) -> re.Match[str]:
    found = re.search(pattern, text, flags)
    assert found, f"nothing matches {pattern}"
    return found


def _number(text: str) -> int:
    return int(text.replace(",", ""))


STATED = stated()


def test_readme_names_the_existing_files() -> None:
    if not STATED:
        pytest.skip(f"{NO_DATA} that a README describes")
    there = {path.name for path in DATA.iterdir() if path.name.endswith((".json.gz", ".jsonl"))}
    assert there == {name for name in STATED if "/" not in name}


@pytest.mark.parametrize("name", sorted(STATED) or [pytest.param("", marks=pytest.mark.skip(reason=f"{NO_DATA} that a README describes"))])
def test_facts_equal_the_readme(name: str) -> None:
    found, expected = oracle.facts(DATA / name), STATED[name]
    types = dict(expected["types"])
    not_events = types.pop("None", 0)
    assert found["lines"] == expected["lines"]
    # Equal lines that are not events count as duplicates.
    assert found["bad_records"] + found["duplicates"] == expected["unparsable"] + not_events
    assert found["types"] == types
    assert found["rows"] == sum(types.values())
    assert found["records"] == found["rows"] + found["duplicates"] + found["bad_records"]
    assert sum(found["rows_by_created_hour"].values()) == found["rows"]
    assert 0 < found["distinct_actors"] <= found["rows"] and 0 < found["distinct_repos"] <= found["rows"]
    # The README has the smallest and the largest text. Texts sort like times only if all have the same offset and none has a
    # fraction.
    if not any("." in expected[end] for end in ("first", "last")) and expected["first"][19:] == expected["last"][19:]:
        assert found["min_created_at"] == oracle._text(oracle._instant(expected["first"]))
        assert found["max_created_at"] == oracle._text(oracle._instant(expected["last"]))


CASES = [
    ("one event", [PUSH_AT], {"rows": 1}),
    ("no final line feed", json.dumps(PUSH_AT).encode(), {"lines": 1, "rows": 1}),
    ("a byte order mark", b"\xef\xbb\xbf" + json.dumps(PUSH_AT).encode(), {"rows": 1}),
    ("blank lines of many kinds", b"\n  \n\r\n\t\n\0\0\n", {"lines": 5, "blank_lines": 5, "records": 0}),
    ("two on a line", (json.dumps(PUSH_AT) + json.dumps({**PUSH_AT, "id": "2"})).encode(), {"lines": 1, "rows": 2}),
    ("NUL between", b"\0" + json.dumps(PUSH_AT).encode() + b"\0\n", {"rows": 1, "blank_lines": 0}),
    ("an equal line", [PUSH_AT, PUSH_AT], {"lines": 2, "rows": 1, "duplicates": 1}),
    ("an equal bad line", b"x\nx\n", {"bad_records": 1, "duplicates": 1}),
    ("torn", b'{"id":"1","url":"https://api.{"id":"2"}\n', {"bad_records": 1}),
    ("an event, then a torn one", json.dumps(PUSH_AT).encode() + b'{"id":nul\n', {"rows": 1, "bad_records": 1}),
    ("NUL inside", b'{"type":"a\0b"}\n', {"bad_records": 1}),
    ("letters beyond ASCII", json.dumps(PUSH_AT).replace("ann", "å🚀").encode(), {"rows": 1}),
    ("invalid UTF-8", json.dumps(PUSH_AT).encode().replace(b"ann", b"a\xff"), {"bad_records": 1}),
    ("NaN", json.dumps(PUSH_AT).encode().replace(b'"1"', b"NaN"), {"bad_records": 1}),
    ("a number no double holds", json.dumps(PUSH_AT).encode().replace(b'"1"', b"1e999"), {"bad_records": 1}),
    ("an unpaired surrogate", [{**PUSH_AT, "payload": {"a": "\ud83d"}}], {"bad_records": 1}),
    ("a surrogate pair", [{**PUSH_AT, "payload": {"a": "\U0001f600"}}], {"rows": 1}),
    ("127 deep", json.dumps(PUSH_AT).encode().replace(b'"1"', b"[" * 126 + b"]" * 126), {"rows": 1}),
    ("128 deep", json.dumps(PUSH_AT).encode().replace(b'"1"', b"[" * 127 + b"]" * 127), {"bad_records": 1}),
    ("100,000 deep", b"[" * 100_000 + b"]" * 100_000 + b"\n", {"bad_records": 1, "records": 1}),
    ("no object", b'[1]\n"a"\n1\nnull\n', {"bad_records": 4}),
    ("no type", [{"created_at": "2015-01-01T00:00:01Z"}], {"bad_records": 1}),
    ("no time", [PUSH], {"bad_records": 1}),
    ("a leap second", [{**PUSH, "created_at": "2015-06-30T23:59:60Z"}], {"bad_records": 1}),
]


@pytest.mark.parametrize("lines, expected", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_every_kind_of_line_is_counted(tmp_path: Path, lines: Any, expected: dict[str, int]) -> None:
    if isinstance(lines, list):
        lines = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    path = tmp_path / "2015-01-01-0.json.gz"
    path.write_bytes(gzip.compress(lines))
    found = oracle.facts(path)
    assert {name: found[name] for name in expected} == expected
    assert found["records"] == found["rows"] + found["duplicates"] + found["bad_records"]


def test_every_shape_has_actor_repo_and_org(tmp_path: Path) -> None:
    at = {"type": "WatchEvent", "created_at": "2012/03/10 22:36:55 -0800"}
    repository = {"name": "r", "owner": "o", "organization": "g"}
    cases = [
        ({**PUSH_AT, "org": {"login": "g"}}, ("ann", "o/r", "g")),
        ({**PUSH_AT, "actor": {}, "repo": {}}, (None, None, None)),
        ({**at, "actor": "bob", "actor_attributes": {"login": "Bob"}, "repository": repository}, ("bob", "o/r", "g")),
        ({**at, "actor": None, "actor_attributes": {"login": "Bob"}}, ("Bob", None, None)),
        ({**at, "actor": None}, (None, None, None)),
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event, _ in cases), encoding="utf-8")
    rows = list(oracle.rows_of(path))
    assert [(row.actor, row.repo, row.org) for row in rows] == [expected for _, expected in cases]
    assert oracle._text(rows[2].created_at) == "2012-03-11T06:36:55Z"


def test_answers_break_ties_by_name_within_a_day(tmp_path: Path) -> None:
    def event(number: int, kind: str, actor: str, repo: str, org: str | None = None) -> dict[str, Any]:
        owner = {"org": {"login": org}} if org else {}
        at = f"2015-01-01T00:00:0{number}Z"
        return {"id": str(number), "type": kind, "actor": {"login": actor}, "repo": {"name": repo}, "created_at": at} | owner

    hours = {
        "2015-01-01-0": [
            event(1, "PushEvent", "zoe", "b/b", "b"),
            event(2, "PushEvent", "ann", "a/a"),
            event(3, "WatchEvent", "ann", "c/c"),
            event(4, "ForkEvent", "ann", "c/c"),
        ],
        "2015-01-01-10": [event(5, "PushEvent", "ann", "b/b", "b")],
        "2015-01-02-0": [event(6, "PushEvent", "zoe", "b/b", "b")],
    }
    files = []
    for name, events in hours.items():
        path = tmp_path / f"{name}.republished.json.gz"
        path.write_bytes(gzip.compress("".join(json.dumps(event) + "\n" for event in events).encode()))
        files.append(oracle.hour_of(str(path)))
    found = oracle.answers(files)
    assert found["top_repositories_of_day"]["2015-01-01"] == [("b/b", 2), ("c/c", 2), ("a/a", 1)]
    assert found["events_by_type_of_day"]["2015-01-01"] == [("PushEvent", 3), ("ForkEvent", 1), ("WatchEvent", 1)]
    assert found["events_by_type_of_month"] == {"2015-01": [("PushEvent", 4), ("ForkEvent", 1), ("WatchEvent", 1)]}
    assert found["events_per_hour_of_day"] == {"2015-01-01": [(0, 4), (10, 1)], "2015-01-02": [(0, 1)]}
    assert found["top_contributors_by_push"] == [("ann", 2), ("zoe", 2)]
    assert found["events_by_type_per_contributor_without_push"] == {"ann": [("ForkEvent", 1), ("WatchEvent", 1)]}
    assert found["organisation_share_of_day"]["2015-01-01"] == {"with_org": 2, "rows": 5, "share": 0.4}
    assert found["hours"]["2015-01-01-0"] == {
        "rows": 4,
        "first_created_at": "2015-01-01T00:00:01Z",
        "last_created_at": "2015-01-01T00:00:04Z",
    }


def test_truncated_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "2015-01-01-0.json.gz"
    path.write_bytes(gzip.compress(json.dumps(PUSH_AT).encode() * 100)[:-20])
    with pytest.raises((EOFError, zlib.error)):
        oracle.facts(path)


@pytest.mark.parametrize("name", ["x.json.gz", "2015-13-01-0.json.gz", "2015-01-01-24.json.gz"])
def test_file_without_an_hour_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"hour|month"):
        oracle.hour_of(name)
