"""Builds the functions, the archive server and the command line with the dev profile and puts each function where the deployment looks."""

import json
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ROOT / ".local/build"


def build():
    """Runs cargo, then copies each function's binary to `.local/build/<logical id>/bootstrap` if it has changed."""
    command = ["cargo", "build"]
    for package in packages():
        command += ["--package", package]
    subprocess.run(command, cwd=ROOT, check=True)
    for package in functions():
        copy(target() / package, FUNCTIONS / logical_id(package) / "bootstrap")


def packages():
    """All that the local AWS needs built."""
    return [*functions(), "archive-server", "ghactivity"]


def functions():
    """The packages of the functions, which are also their binaries."""
    return sorted(path.parent.name for path in (ROOT / "functions").glob("*/Cargo.toml"))


def logical_id(package):
    """`convert-chunk` -> `ConvertChunkFunction`, the name of the resource in the template."""
    return "".join(word.capitalize() for word in package.split("-")) + "Function"


def archive_server():
    """The binary that serves hours like GH Archive."""
    return target() / "archive-server"


def target(builds="debug"):
    """Cargo's folder of dev builds (or of `release` ones), wherever its configuration puts it."""
    if "CARGO_TARGET_DIR" in os.environ:
        return ROOT / os.environ["CARGO_TARGET_DIR"] / builds
    command = ["cargo", "metadata", "--no-deps", "--offline", "--format-version", "1"]
    metadata = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return Path(json.loads(metadata.stdout)["target_directory"]) / builds


def copy(source, destination):
    """By a new name first: a running function keeps the binary that it was started from."""
    old, new = (path.stat() if path.exists() else None for path in (destination, source))
    if old and (old.st_size, old.st_mtime) == (new.st_size, new.st_mtime):
        return
    destination.parent.mkdir(parents=True, exist_ok=True)
    partial = destination.with_suffix(".partial")
    shutil.copy2(source, partial)
    partial.replace(destination)


if __name__ == "__main__":
    build()
