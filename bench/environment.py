"""The release build, and a virtual environment with the packages of the compared tools."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "bench/requirements.txt"
PYTHON = ROOT / ".tools/bench/bin/python"

sys.path.append(str(ROOT))
from local_aws import venvs  # noqa: E402
from local_aws.stack import build as dev  # noqa: E402


def prepare() -> None:
    """Creates the virtual environment. If a package is unavailable, the others are still installed."""
    try:
        venvs.ensure("bench")
    except subprocess.CalledProcessError:
        for package in REQUIREMENTS.read_text().split():
            subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", package], check=False)


def build() -> None:
    """Builds the program, the example `inflate_alone` and the generator in release mode."""
    cargo = ["cargo", "build", "--release", "--locked", "--quiet"]
    print("building (release with LTO; the first build takes minutes)", flush=True)
    subprocess.run([*cargo, "-p", "ghactivity", "-p", "cli-convert", "--bins", "--example", "inflate_alone"], cwd=ROOT, check=True)
    subprocess.run([*cargo, "-p", "archive-server"], cwd=ROOT, check=True)


def target() -> Path:
    """Returns Cargo's folder of release builds."""
    return dev.target_folder("release")
