"""One process, measured as a whole."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LAUNCH = Path(__file__).with_name("launch.py")

# Beside the number of threads that each tool is told, what libraries below it go by.
ONE_THREAD = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "ARROW_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Run:
    cpu_secs: float
    wall_secs: float
    peak_bytes: int


def run(command, log):
    """Runs the command to its end; what it prints goes to the file `log`, and into the error if it fails."""
    launch = [sys.executable, "-I", "-S", LAUNCH, log, *command]
    environment = {**os.environ, **ONE_THREAD}
    launched = subprocess.run(launch, check=True, capture_output=True, text=True, env=environment)
    status, cpu, wall, peak = launched.stdout.split()
    if status != "0":
        raise SystemExit(f"{' '.join(map(str, command))}: status {status}\n{log.read_text()[-3000:]}")
    return Run(float(cpu), float(wall), int(peak) * 1024)
