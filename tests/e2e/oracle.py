#!/usr/bin/env python3
"""Computes the expected content of the lake from the raw files alone.

It is independent of the pipeline: it uses only Python's standard library. For files of GH Archive
(`.json.gz`, or their text as `.jsonl`) it counts lines, records, rows and their facts, and computes the results of the questions the
lake is asked.

    oracle.py FILE...               facts of each file, as JSON
    oracle.py --questions FILE...   the answers over all files together, as JSON

A file's hour is read from its name (`2015-01-01-1.json.gz`, `2015-01-01-1.republished-2016-06.json.gz`); write
`2015-01-01-1=FILE` for a file of another name. Partitions follow the file's hour: "of a day" means the files of that
day, whatever the events' own time. All times are UTC.

Ties are broken by name: every list is sorted by count, largest first, then by name, smallest first (code points).

Rules:
- A line ends at a line feed; the last one may lack it. A line of white space and NUL alone is blank.
- A record is one JSON value, or one stretch up to the line feed that is not JSON; a line may hold several.
- A line equal to an earlier one of its file, byte for byte, is a duplicate with all its records.
- A record that is not an object, has no `type` or no readable `created_at`, or is not UTF-8, is bad; so is one of more than
  16 MiB, one nested more than 127 deep, one with an unpaired surrogate or a number no double can hold.
- records = rows + duplicates + bad.
"""

import argparse
import gzip
import hashlib
import json
import math
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

MAX_RECORD_BYTES = 16 << 20
MAX_DEPTH = 127
BLANK = b" \t\r\n\x00"
SKIPPED = " \t\r\x00"
HOUR = re.compile(r"^(\d{4})-(\d\d)-(\d\d)-(\d{1,2})$")
FILE = re.compile(r"^(\d{4}-\d\d-\d\d-\d{1,2})\.")
ISO = re.compile(r"^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):?(\d\d))$")
SLASHES = re.compile(r"^(\d{4})/(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d)()? ([+-])(\d\d):?(\d\d)$")


class Row(NamedTuple):
    """The fields of an event that the questions use."""

    type: str
    created_at: datetime
    actor: str | None
    repo: str | None
    org: str | None


class Record(NamedTuple):
    """A record: a row, a bad record (`reason`), or part of a line that is a duplicate."""

    line: int
    duplicate: bool
    row: Row | None
    reason: str | None


class Hour(NamedTuple):
    """An hour of the archive, from the name of its file."""

    day: str
    hour: int


def facts(path: Path) -> dict[str, Any]:
    """Returns the counts and facts of one file."""
    counts: Counter[str] = Counter()
    types: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    created: Counter[str] = Counter()
    actors, repos = set(), set()
    first = last = None
    for record in _records(path, counts):
        counts["records"] += 1
        if record.duplicate:
            counts["duplicates"] += 1
        elif record.row is None:
            counts["bad_records"] += 1
            reasons[record.reason or ""] += 1
        else:
            row = record.row
            counts["rows"] += 1
            counts["with_org"] += row.org is not None
            types[row.type] += 1
            created[row.created_at.strftime("%Y-%m-%dT%H")] += 1
            actors.add(row.actor)
            repos.add(row.repo)
            first = row.created_at if first is None else min(first, row.created_at)
            last = row.created_at if last is None else max(last, row.created_at)
    names = ["lines", "blank_lines", "records", "rows", "duplicates", "bad_records", "with_org"]
    return {
        **{name: counts[name] for name in names},
        "types": dict(_ranked(types)),
        "bad_reasons": dict(_ranked(reasons)),
        "distinct_actors": len(actors - {None}),
        "distinct_repos": len(repos - {None}),
        "min_created_at": _text(first),
        "max_created_at": _text(last),
        "rows_by_created_hour": dict(sorted(created.items())),
    }


def answers(files: Iterable[tuple[Hour, Path]]) -> dict[str, Any]:
    """Returns the results of all questions over all files together."""
    repos: dict[str, Counter[str]] = defaultdict(Counter)
    day_types: dict[str, Counter[str]] = defaultdict(Counter)
    month_types: dict[str, Counter[str]] = defaultdict(Counter)
    day_hours: dict[str, Counter[int]] = defaultdict(Counter)
    organised: Counter[str] = Counter()
    pushes: Counter[str] = Counter()
    others: dict[str, Counter[str]] = defaultdict(Counter)
    hours: dict[str, dict[str, Any]] = {}
    for hour, path in files:
        key = f"{hour.day}-{hour.hour}"
        if key in hours:
            raise ValueError(f"hour {key} is given twice")
        first = last = None
        rows = 0
        for row in rows_of(path):
            rows += 1
            first = row.created_at if first is None else min(first, row.created_at)
            last = row.created_at if last is None else max(last, row.created_at)
            day_types[hour.day][row.type] += 1
            month_types[hour.day[:7]][row.type] += 1
            day_hours[hour.day][hour.hour] += 1
            organised[hour.day] += row.org is not None
            if row.repo is not None:
                repos[hour.day][row.repo] += 1
            if row.actor is not None and row.type == "PushEvent":
                pushes[row.actor] += 1
            elif row.actor is not None:
                others[row.actor][row.type] += 1
        hours[key] = {"rows": rows, "first_created_at": _text(first), "last_created_at": _text(last)}
    return {
        "top_repositories_of_day": {day: _ranked(counter, 10) for day, counter in sorted(repos.items())},
        "events_by_type_of_day": {day: _ranked(counter) for day, counter in sorted(day_types.items())},
        "events_by_type_of_month": {month: _ranked(counter) for month, counter in sorted(month_types.items())},
        "events_per_hour_of_day": {day: sorted(counter.items()) for day, counter in sorted(day_hours.items())},
        "top_contributors_by_push": _ranked(pushes, 20),
        "events_by_type_per_contributor_without_push": {actor: _ranked(others[actor]) for actor in sorted(others)},
        "organisation_share_of_day": {
            day: {"with_org": organised[day], "rows": total, "share": organised[day] / total}
            for day, total in sorted((day, sum(counter.values())) for day, counter in day_types.items())
        },
        "hours": dict(sorted(hours.items(), key=lambda item: _hour_key(item[0]))),
    }


def rows_of(path: Path) -> Iterator[Row]:
    """Yields the rows of a file in order. Bad records and duplicates are not rows."""
    for record in _records(path, Counter()):
        if record.row is not None:
            yield record.row


def hour_of(argument: str) -> tuple[Hour, Path]:
    """Parses `FILE` or `HOUR=FILE` into hour and path."""
    name, equals, rest = argument.partition("=")
    if equals and HOUR.match(name):
        return _hour(name), Path(rest)
    found = FILE.match(Path(argument).name)
    if not found:
        raise ValueError(f"{argument}: no hour in the name; write HOUR=FILE")
    return _hour(found[1]), Path(argument)


def _hour(text: str) -> Hour:
    year, month, day, hour = (int(part) for part in _matched(text).groups())
    datetime(year, month, day, hour)  # raises if this is not an hour
    return Hour(f"{year:04}-{month:02}-{day:02}", hour)


def _matched(text: str) -> re.Match[str]:
    found = HOUR.match(text)
    if not found:
        raise ValueError(f"{text}: expected an hour such as 2025-11-21-0")
    return found


def _hour_key(text: str) -> tuple[str, int]:
    day, _, hour = text.rpartition("-")
    return day, int(hour)


def _records(path: Path, counts: Counter[str]) -> Iterator[Record]:
    seen: set[bytes] = set()
    for number, line in enumerate(_lines(path), start=1):
        counts["lines"] += 1
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.strip(BLANK):
            counts["blank_lines"] += 1
            continue
        digest = hashlib.sha256(line).digest()
        duplicate = digest in seen
        seen.add(digest)
        for value, reason in _values(line):
            row = None
            if reason is None and not duplicate:
                row, reason = _row(value)
            yield Record(number, duplicate, row, reason)


def _lines(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rb") if zipped else open(path, "rb") as file:
        for line in file:
            yield line.removesuffix(b"\n")


class _Decoder(json.JSONDecoder):
    """Python's decoder without its extensions to JSON. `too_large` is set when a number exceeds a double."""

    def __init__(self) -> None:
        super().__init__(parse_float=self._float, parse_constant=self._constant)
        self.too_large = False

    def _float(self, text: str) -> float:
        value = float(text)
        self.too_large |= math.isinf(value)
        return value

    def _constant(self, text: str) -> Any:
        raise ValueError(f"{text} is not JSON")


def _values(line: bytes) -> Iterator[tuple[Any, str | None]]:
    """Yields each value of a line, or the reason why it is invalid."""
    try:
        text, encoding = line.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        text, encoding = line.decode("latin-1"), "latin-1"  # one character per byte is enough to find the ends of values
    at = 0
    while True:
        while at < len(text) and text[at] in SKIPPED:
            at += 1
        if at == len(text):
            return
        value, reason, end = _value(text, at)
        if end is not None and len(text[at:end].encode(encoding)) > MAX_RECORD_BYTES:
            reason, end = "too long", None
        if end is None:  # the rest of the line is one record
            yield None, reason
            return
        if encoding != "utf-8":
            try:
                value, reason, _ = _value(text[at:end].encode(encoding).decode("utf-8"), 0)
            except UnicodeDecodeError:
                value, reason = None, "no UTF-8"
        yield (value, None) if reason is None else (None, reason)
        at = end


def _value(text: str, at: int) -> tuple[Any, str | None, int | None]:
    """Returns the value at `at`, the reason if it is rejected, and its end. The end is None if there is no JSON value."""
    decoder = _Decoder()
    try:
        value, end = decoder.raw_decode(text, at)
    except RecursionError:
        extent, _ = _extent(text, at)
        return None, "too deep" if extent else "no JSON", extent
    except ValueError:
        return None, "no JSON", None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and text[end : end + 1] in tuple("0123456789.eE+-"):
        return None, "no JSON", None
    many = text.count("{", at, end) + text.count("[", at, end) > MAX_DEPTH
    if many and _extent(text, at)[1] > MAX_DEPTH:
        return None, "too deep", end
    if decoder.too_large:
        return None, "number out of range", end
    if _has_lone_surrogate(text[at:end], value):
        return None, "unpaired surrogate", end
    return value, None, end


def _extent(text: str, at: int) -> tuple[int | None, int]:
    """Returns the end of the array or object at `at`, and its nesting depth."""
    depth = deepest = 0
    for token in re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]').finditer(text, at):
        if token[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token[0] in "]}":
            depth -= 1
            if depth == 0:
                return token.end(), deepest
    return None, deepest


def _has_lone_surrogate(raw: str, value: Any) -> bool:
    if "\\ud" not in raw and "\\uD" not in raw:
        return False
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
        return False
    except UnicodeEncodeError:
        return True


def _row(value: Any) -> tuple[Row | None, str | None]:
    if not isinstance(value, dict):
        return None, "no object"
    kind = value.get("type")
    if not isinstance(kind, str) or not kind:
        return None, "no type"
    text = value.get("created_at")
    if not isinstance(text, str):
        return None, "no created_at"
    created_at = _instant(text)
    if created_at is None:
        return None, "unreadable created_at"
    return Row(kind, created_at, _actor(value), _repo(value), _org(value)), None


def _instant(text: str) -> datetime | None:
    found = ISO.match(text) or SLASHES.match(text)
    if not found:
        return None
    *parts, fraction, sign, hours, minutes = found.groups()
    micros = int(((fraction or "") + "000000")[:6])
    try:
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        zone = timezone(-offset if sign == "-" else offset)
        year, month, day, hour, minute, second = (int(part) for part in parts)
        return datetime(year, month, day, hour, minute, second, micros, zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _actor(event: dict[str, Any]) -> str | None:
    """Events: actor.login. Timeline: actor itself, or actor_attributes.login."""
    actor = event.get("actor")
    if isinstance(actor, str):
        return actor
    return _string(actor, "login") or _string(event.get("actor_attributes"), "login")


def _repo(event: dict[str, Any]) -> str | None:
    """Events: repo.name. Timeline: repository.owner/repository.name."""
    name = _string(event.get("repo"), "name")
    if name is not None:
        return name
    owner, name = (_string(event.get("repository"), field) for field in ("owner", "name"))
    return f"{owner}/{name}" if owner and name is not None and "/" not in name else name


def _org(event: dict[str, Any]) -> str | None:
    """Events: org.login. Timeline: repository.organization."""
    return _string(event.get("org"), "login") or _string(event.get("repository"), "organization") or None


def _string(value: Any, field: str) -> str | None:
    found = value.get(field) if isinstance(value, dict) else None
    return found if isinstance(found, str) else None


def _ranked(counter: Counter[Any], limit: int | None = None) -> list[tuple[Any, int]]:
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:limit]


def _text(instant: datetime | None) -> str | None:
    return instant.isoformat().replace("+00:00", "Z") if instant else None


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", action="store_true", help="answer the questions instead")
    parser.add_argument("files", nargs="+", metavar="FILE", help="FILE or HOUR=FILE")
    options = parser.parse_args()
    try:
        if options.questions:
            result = answers([hour_of(name) for name in options.files])
        else:
            result = {name: facts(Path(name)) for name in options.files}
    except (OSError, EOFError, ValueError) as error:
        sys.exit(f"oracle: {error}")
    json.dump(result, sys.stdout, indent=2, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
