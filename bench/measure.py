"""Measures one process."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LAUNCH = Path(__file__).with_name("launch.py")

# Libraries below the tools read these; each tool also gets its number of threads as an option.
ONE_THREAD = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "ARROW_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Run:
    cpu_secs: float
    wall_secs: float
    peak_bytes: int


def run(command: list[str | Path], log: Path) -> Run:
    """Runs a command to its end. Its output goes to the file `log`, and into the error if it fails."""
    launch = [sys.executable, "-I", "-S", LAUNCH, log, *command]
    environment = {**os.environ, **ONE_THREAD}
    launched = subprocess.run(launch, check=True, capture_output=True, text=True, env=environment)
    status, cpu, wall, peak = launched.stdout.split()
    if status != "0":
        raise SystemExit(f"{' '.join(map(str, command))}: status {status}\n{log.read_text()[-3000:]}")
    return Run(float(cpu), float(wall), int(peak) * 1024)
