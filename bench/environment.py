"""What the benchmark runs with: the release build, and the others' packages in a virtual environment of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "bench/requirements.txt"
PYTHON = ROOT / ".tools/bench/bin/python"

sys.path.append(str(ROOT / "sam/local"))
import tools  # noqa: E402  (a sibling's module, found by the line above)


def prepare():
    """Makes the virtual environment. A package that cannot be had does not keep the others from being installed."""
    try:
        tools.ensure("bench")
    except subprocess.CalledProcessError:
        for package in REQUIREMENTS.read_text().split():
            subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", package], check=False)


def build():
    """Builds the program, inflate alone and the generator as they are released."""
    cargo = ["cargo", "build", "--release", "--locked", "--quiet"]
    print("building (release, LTO: the first time takes minutes)", flush=True)
    subprocess.run([*cargo, "-p", "ghactivity", "--bins", "--example", "inflate_alone"], cwd=ROOT, check=True)
    subprocess.run([*cargo, "-p", "archive-server"], cwd=ROOT, check=True)


def target():
    """Cargo's folder of release builds, wherever its configuration puts it."""
    if "CARGO_TARGET_DIR" in os.environ:
        return ROOT / os.environ["CARGO_TARGET_DIR"] / "release"
    command = ["cargo", "metadata", "--no-deps", "--offline", "--format-version", "1"]
    metadata = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return Path(json.loads(metadata.stdout)["target_directory"]) / "release"
