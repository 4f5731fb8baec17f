"""What the benchmark runs with: the release build, and the others' packages in a virtual environment of their own."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "bench/requirements.txt"
PYTHON = ROOT / ".tools/bench/bin/python"

sys.path.append(str(ROOT))
from local_aws import venvs  # noqa: E402
from local_aws.stack import build as dev  # noqa: E402


def prepare():
    """Makes the virtual environment. A package that cannot be had does not keep the others from being installed."""
    try:
        venvs.ensure("bench")
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
    """Cargo's folder of release builds."""
    return dev.target("release")
