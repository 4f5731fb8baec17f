"""Downloads the hours of GH Archive that the tests use, about 25 MB, and verifies each file.

    python3 tests/e2e/real_data.py --folder .local/real-data

An existing file is only verified. A download is verified before it replaces a file in one step: its length, its gzip checksum, its number
of lines, and its SHA-256 if the list has one.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import sys
import urllib.request
import zlib
from dataclasses import dataclass
from pathlib import Path

ARCHIVE = "https://data.gharchive.org"
TIMEOUT_SECS = 60


@dataclass(frozen=True)
class Hour:
    """An hour, the reason why the tests use it, and the expected properties of its file."""

    name: str
    why: str
    lines: int
    #: SHA-256 of the file. None if the archive has served different bytes with the same records.
    sha256: str | None = None


HOURS = (
    Hour("2011-02-15-0", "back-fill of 2011: entities without an id", 1_639),
    Hour("2012-06-14-15", "Timeline: no id, times with -07:00", 5_313, "7157bd78aa6bcc291c891f554e7067cbaaf2f7d943eda16874ad2076a0b3d78e"),
    Hour("2014-02-15-0", "Timeline: absent actors, repositories and payloads", 7_119),
    Hour("2015-01-01-1", "Events, published again in 2016", 7_427, "7e13c9b7573945292a017592768339fc93927916533ee83c0c05369feedfa756"),
    Hour("2015-01-01-12", "Events, as served in 2017", 8_273, "b53693d6cb31d15b7ad028832bcc90623bcacf9f632eb65f1649cc472a918b28"),
    *(Hour(f"2016-01-01-{hour}", "five hours in a row", lines) for hour, lines in enumerate((12_698, 12_134, 11_954, 11_036, 10_578), 1)),
)


class Wrong(Exception):
    """A file is not as expected. The message has the difference."""


def check(hour: Hour, body: bytes) -> None:
    """Raises `Wrong` if the bytes are not the complete hour."""
    try:
        lines = gzip.decompress(body).count(b"\n")
    except (OSError, EOFError, zlib.error) as error:
        raise Wrong(f"not a complete gzip file: {error}") from error
    if lines != hour.lines:
        raise Wrong(f"{lines} lines, expected {hour.lines}")
    found = hashlib.sha256(body).hexdigest()
    if hour.sha256 not in (None, found):
        raise Wrong(f"SHA-256 {found}, expected {hour.sha256}: the archive may have published the hour again")


def download(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECS) as reply:
        length = reply.headers.get("Content-Length")
        body: bytes = reply.read()
    if length is not None and int(length) != len(body):
        raise Wrong(f"{len(body)} bytes, expected {length} (Content-Length)")
    return body


def bring(hour: Hour, folder: Path, source_url: str) -> str:
    """Verifies the hour's file, or downloads it if it is absent. Returns a phrase for the report."""
    file = folder / f"{hour.name}.json.gz"
    if file.exists():
        check(hour, file.read_bytes())
        return "is there"
    body = download(f"{source_url}/{file.name}")
    check(hour, body)
    partial = file.with_suffix(".partial")
    partial.write_bytes(body)
    partial.replace(file)
    return f"downloaded, {len(body):,} bytes"


def main(hours: tuple[Hour, ...] = HOURS) -> int:
    parser = argparse.ArgumentParser(description="Download the real hours that the tests use.")
    parser.add_argument("--folder", type=Path, required=True, help="where the files go")
    parser.add_argument("--source-url", default=ARCHIVE, help="an archive elsewhere (default: %(default)s)")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    for hour in hours:
        try:
            print(f"{hour.name}: {bring(hour, options.folder, options.source_url)} ({hour.why})", flush=True)
        except (OSError, Wrong) as error:
            print(f"{hour.name}: {error}", file=sys.stderr)
            failed += 1
    if failed:
        print(f"{failed} of {len(hours)} hours are not in {options.folder}; run it again, or tests over them are skipped", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
