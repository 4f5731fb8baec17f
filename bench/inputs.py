"""The converted hours."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from environment import ROOT, target

REAL_DATA = ROOT.parent / "shared/data"

# Hours of one record shape, which every tool reads with one schema.
REAL_YEARS = ("2015-", "2016-")


@dataclass(frozen=True)
class Hour:
    name: str
    title: str
    path: Path
    hour: str

    def text_bytes(self) -> int:
        with gzip.open(self.path) as text:
            return sum(len(piece) for piece in iter(lambda: text.read(1 << 20), b""))


def make(folder: Path, events: int, data: Path) -> list[Hour]:
    """Returns the generated hours, which are cached, and the real hours joined to one file if there are any."""
    folder.mkdir(parents=True, exist_ok=True)
    lean = generate(folder, "lean", "payloads as since October 2025, event types as in 2024", "2024-06-03-15", events, "trimmed")
    rich = generate(folder, "rich", "payloads as before October 2025", "2025-09-15-15", events)
    push = generate(folder, "push", "as in June 2026, mostly pushes", "2026-06-01-15", events)
    return [lean, rich, push, *join(folder, data)]


def generate(folder: Path, name: str, title: str, hour: str, events: int, shape: str = "auto") -> Hour:
    path = folder / f"{name}-{events}.json.gz"
    if not path.exists():
        partial = path.with_suffix(".partial")
        command: list[str | Path] = [target() / "archive-server", "generate", "--hour", hour, "--shape", shape, "--events", str(events)]
        command += ["--out", partial]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        partial.rename(path)
    return Hour(name, f"generated, {title}, {events:,} records", path, hour)


def join(folder: Path, data: Path) -> list[Hour]:
    """Joins real hours to one gzip member, as in the archive's files. Some readers stop after the first member."""
    files = sorted(path for path in data.glob("*.json.gz") if path.name.startswith(REAL_YEARS))
    if not files:
        print(f"no real hours: {data} has no *.json.gz of 2015 or 2016", flush=True)
        return []
    path = folder / "real.json.gz"
    if not path.exists():
        partial = path.with_suffix(".partial")
        with gzip.open(partial, "wb", compresslevel=6) as joined:
            for file in files:
                with gzip.open(file) as text:
                    shutil.copyfileobj(text, joined, 1 << 20)
        partial.rename(path)
    return [Hour("real", f"{len(files)} real hours of 2015 and 2016 as one file", path, "2015-01-01-0")]
