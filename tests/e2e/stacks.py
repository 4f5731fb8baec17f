"""Stacks that are deployed once per test run. A test that needs its own stack starts a server on a copy.

A deployment uploads, stores and unpacks hundreds of megabytes of binaries. Their files are named by content and never change, so a copy has
hard links to them. All other files are copied.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local_aws.paths import ROOT
from local_aws.stack.aws import LocalAws

#: Placeholder for the source's address in the deployed stack. Each copy replaces it by the address of its own source.
SOURCE = "http://source.invalid"
#: Folders whose files are named by content and never change.
SHARED = ("local-artifacts", "lambda-blobs")


class Stacks:
    """The deployed stacks of this test run, in one folder that all its processes share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def start(
        self,
        directory: Path,
        template: Path = ROOT / "template.yaml",
        stack: str = "ghactivity",
        wait_scale: float = 1,
        **parameters: object,
    ) -> Iterator[LocalAws]:
        """Copies the stack with these parameters to `directory`, and starts a server on the copy."""
        source = str(parameters.pop("SourceUrls", SOURCE))
        shutil.copytree(self._deployed(template, stack, parameters), directory, copy_function=_link_or_copy, dirs_exist_ok=True)
        _replace(directory / "state", SOURCE, source)
        aws = LocalAws(directory, wait_scale=wait_scale)
        aws.stack = stack
        with aws:
            yield aws

    def _deployed(self, template: Path, stack: str, parameters: dict[str, Any]) -> Path:
        """Returns the folder of a stopped server with the deployed stack. Deploys it if no process has done so yet."""
        name = hashlib.sha256(json.dumps([str(template), stack, parameters], sort_keys=True).encode()).hexdigest()[:16]
        self.folder.mkdir(parents=True, exist_ok=True)
        folder = self.folder / name
        with open(self.folder / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                partial = folder.with_suffix(".partial")
                shutil.rmtree(partial, ignore_errors=True)
                _deploy(partial, template, stack, parameters)
                partial.rename(folder)
        return folder


def _deploy(directory: Path, template: Path, stack: str, parameters: dict[str, Any]) -> None:
    aws = LocalAws(directory)
    aws.stack = stack
    with aws:
        given = {"SourceUrls": SOURCE} if template == ROOT / "template.yaml" else {}
        aws.deploy(given | parameters, template=template)
        assert aws.process
        aws.process.terminate()  # the server saves its state before it ends
        aws.process.wait(60)


def _link_or_copy(source: str, destination: str) -> None:
    if any(f"/{folder}/" in source for folder in SHARED):
        os.link(source, destination)
    else:
        shutil.copy2(source, destination)


def _replace(folder: Path, old: str, new: str) -> None:
    """Replaces a text in all files of the saved state, which are JSON."""
    for file in folder.glob("*.json"):
        text = file.read_text()
        if old in text:
            file.write_text(text.replace(old, new))
