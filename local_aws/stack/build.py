"""Builds the functions, the archive server and the command `ghactivity` with the dev profile.

python -m local_aws.stack.build
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

from local_aws.paths import FUNCTIONS, ROOT


def build() -> None:
    """Runs cargo, then copies each function's binary to `.local/build/<logical id>/bootstrap`, where the deployment reads it."""
    command = ["cargo", "build"]
    for package in packages():
        command += ["--package", package]
    subprocess.run(command, cwd=ROOT, check=True)
    for package in functions():
        copy_if_changed(target_folder() / package, FUNCTIONS / logical_id(package) / "bootstrap")


def packages() -> list[str]:
    """All packages that the local AWS needs."""
    return [*functions(), "archive-server", "ghactivity"]


def functions() -> list[str]:
    """The packages of the functions. A function's binary has the name of its package."""
    return sorted(path.parent.name for path in (ROOT / "functions").glob("*/Cargo.toml"))


def logical_id(package: str) -> str:
    """`convert-chunk` -> `ConvertChunkFunction`, the name of the resource in the template."""
    return "".join(word.capitalize() for word in package.split("-")) + "Function"


def archive_server_binary() -> Path:
    return target_folder() / "archive-server"


def target_folder(profile: str = "debug") -> Path:
    """Cargo's output folder of a profile, `debug` or `release`, as Cargo's configuration sets it."""
    if "CARGO_TARGET_DIR" in os.environ:
        return ROOT / os.environ["CARGO_TARGET_DIR"] / profile
    command = ["cargo", "metadata", "--no-deps", "--offline", "--format-version", "1"]
    metadata = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return Path(json.loads(metadata.stdout)["target_directory"]) / profile


def copy_if_changed(source: Path, destination: Path) -> None:
    """Copies to a new file and renames it: a running function keeps the binary that it was started from."""
    new, old = source.stat(), destination.stat() if destination.exists() else None
    if old and (old.st_size, old.st_mtime) == (new.st_size, new.st_mtime):
        return
    destination.parent.mkdir(parents=True, exist_ok=True)
    partial = destination.with_suffix(f".{os.getpid()}")  # another build may run at the same time
    shutil.copy2(source, partial)
    partial.replace(destination)


if __name__ == "__main__":
    build()
