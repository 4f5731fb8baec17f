"""`make real-data` with a local archive instead of the real one."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

import real_data
from conftest import DATA, real_hours
from local_aws.stack.archive_server import ArchiveServer
from real_data import Hour

NAMES = ["2016-01-01-1", "2016-01-01-2"]


@pytest.fixture
def served(generate: Callable[..., bytes], tmp_path: Path) -> Path:
    """Creates the folder of an archive with two hours."""
    folder = tmp_path / "served"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.json.gz").write_bytes(generate(name, "--events", "50"))
    return folder


def run(served: Path, folder: Path, hours: tuple[Hour, ...], monkeypatch: pytest.MonkeyPatch) -> int:
    with ArchiveServer(folder.parent / "archive", ["--dir", served]) as archive:
        monkeypatch.setattr("sys.argv", ["real_data.py", "--folder", str(folder), "--source-url", archive.url])
        return real_data.main(hours)


def hours_of(served: Path) -> tuple[Hour, ...]:
    return tuple(Hour(name, "generated", gzip.decompress((served / f"{name}.json.gz").read_bytes()).count(b"\n")) for name in NAMES)


def test_hours_are_downloaded_once(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, hours = tmp_path / "hours", hours_of(served)
    assert run(served, folder, hours, monkeypatch) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {path.name: path.read_bytes() for path in served.iterdir()}
    assert capsys.readouterr().out.count("downloaded") == 2
    assert run(served, folder, hours, monkeypatch) == 0
    assert capsys.readouterr().out.count("is there") == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda hour: Hour(hour.name, hour.why, hour.lines + 1), "lines, expected"),
        (lambda hour: Hour(hour.name, hour.why, hour.lines, "0" * 64), "may have published the hour again"),
        (lambda hour: Hour("2016-01-01-3", hour.why, hour.lines), "HTTP Error 404"),
    ],
    ids=["other lines", "other bytes", "not served"],
)
def test_wrong_hour_is_refused(
    change: Callable[[Hour], Hour],
    message: str,
    served: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    good, other = hours_of(served)
    assert run(served, tmp_path / "hours", (change(other), good), monkeypatch) == 1
    told = capsys.readouterr()
    assert message in told.err and "1 of 2 hours are not in" in told.err
    assert [path.name for path in (tmp_path / "hours").iterdir()] == [f"{good.name}.json.gz"]


def test_truncated_download_is_refused(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hours = hours_of(served)
    for path in served.iterdir():
        path.write_bytes(path.read_bytes()[:-5])
    assert run(served, tmp_path / "hours", hours, monkeypatch) == 1
    assert "not a complete gzip file" in capsys.readouterr().err


@pytest.mark.parametrize("file", real_hours()[:1], ids=lambda file: getattr(file, "name", "absent"))
def test_real_hours_match_the_list(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real hours on this machine, served by a local archive, have the line counts and checksums of the list."""
    here = tuple(hour for hour in real_data.HOURS if list(DATA.glob(f"{hour.name}.*json.gz")))
    assert here
    assert run(DATA, tmp_path / "hours", here, monkeypatch) == 0
