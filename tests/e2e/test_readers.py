"""DuckDB, pyarrow and polars read the same rows from the output of `ghactivity convert`. They equal DuckDB's own conversion."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from conftest import BINARIES, DATA, ROOT, SAMPLES, real_hours
from rows import COLUMNS, canonical

HOUR = "2026-06-01-15"
#: All real files; if there are none, one skipped parameter.
FILES = [*real_hours(), *(DATA / name for name in SAMPLES if (DATA / name).exists())]
#: Beginnings of the names of files that DuckDB can read with the one schema `SOURCE`.
EVENTS = ("2015-", "2016-", "2019-", "2021-", "2026-")
ENTITY = "STRUCT(id BIGINT, {texts})"
ACTOR, REPO, ORG = (
    ENTITY.format(texts=", ".join(f"{text} VARCHAR" for text in texts))
    for texts in (
        ("login", "display_login", "gravatar_id", "url", "avatar_url"),
        ("name", "url"),
        ("login", "gravatar_id", "url", "avatar_url"),
    )
)
SOURCE = {
    "id": "VARCHAR",
    "type": "VARCHAR",
    "actor": ACTOR,
    "repo": REPO,
    "org": ORG,
    "public": "BOOLEAN",
    "created_at": "VARCHAR",
    "payload": "JSON",
}


def converted(file: Path, hour: str, out: Path) -> list[list[Any]]:
    """Converts the file, and returns its rows as DuckDB reads them."""
    command: list[str | Path] = [BINARIES / "ghactivity", "convert", file, "--hour", hour, "--out", out, "--chunk-records", "3000"]
    subprocess.run(command, check=True, capture_output=True)
    columns = ", ".join("epoch_us(created_at) AS created_at" if column == "created_at" else column for column in COLUMNS)
    found = duckdb.sql(f"SELECT {columns} FROM read_parquet('{out}/year=*/**/*.parquet') ORDER BY source_line, id")
    assert found
    return in_order([canonical(dict(zip(COLUMNS, row, strict=True))) for row in found.fetchall()])


def in_order(rows: list[list[Any]]) -> list[list[Any]]:
    """Sorts rows by line, and rows of the same line by their values."""
    return sorted(rows, key=lambda row: (row[-1], json.dumps(row)))


def assert_equal(found: list[list[Any]], expected: list[list[Any]], reader: str) -> None:
    assert len(found) == len(expected), reader
    different = [(theirs, ours) for theirs, ours in zip(found, expected, strict=False) if theirs != ours]
    assert not different, f"{reader}: {len(different)} rows, the first: {different[0]}"


@pytest.fixture(params=["generated", *FILES], ids=lambda file: Path(file).name if file else "absent")
def source(request: pytest.FixtureRequest, tmp_path: Path, generate: Callable[..., bytes]) -> Path:
    """An hour's file: a generated one with bad, duplicate, joined and blank lines, or a real one."""
    if request.param != "generated":
        given: Path = request.param
        return given
    file = tmp_path / f"{HOUR}.json.gz"
    file.write_bytes(generate(HOUR, "--events", "5000", "--bad", "0.01", "--joined", "0.01", "--duplicates", "0.01", "--blank", "0.01"))
    return file


def test_every_reader_finds_the_same_rows(source: Path, tmp_path: Path) -> None:
    expected = converted(source, HOUR, tmp_path / "out")
    assert expected
    command: list[str | Path] = [ROOT / ".tools/dev/bin/python", ROOT / "tests/e2e/readers.py", tmp_path / "out"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for reader, rows in found.items():
        assert_equal(in_order(rows), expected, reader)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name if file else "absent")
def test_rows_equal_duckdbs_own_conversion(file: Path, tmp_path: Path) -> None:
    if not file.name.startswith(EVENTS):
        pytest.skip("DuckDB needs more than one schema for the record shapes before 2015")
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in SOURCE.items())
    microseconds = "epoch_us(CAST(created_at AS TIMESTAMPTZ)) AS created_at"
    names = ", ".join(microseconds if name == "created_at" else name for name in SOURCE)
    database = duckdb.connect(config={"threads": 1})
    text = f"read_json('{file}', format = 'newline_delimited', columns = {{{columns}}})"
    expected = [
        canonical({**dict.fromkeys(COLUMNS), **dict(zip(SOURCE, row, strict=False))})
        for row in database.sql(f"SELECT {names} FROM {text}").fetchall()
    ]
    found = converted(file, HOUR, tmp_path / "out")
    # DuckDB spells some escapes of the payload differently, and has no line numbers.
    payload = COLUMNS.index("payload")
    for row in (*found, *expected):
        row[payload] = json.loads(row[payload])
        row[-1] = None
    assert_equal(found, expected, "DuckDB's own conversion")
