"""Stacks that are deployed once for a whole test run; a test that needs a stack of its own starts a server over a copy.

A deployment uploads, stores and unpacks some hundred megabytes of binaries. A copy takes hard links to them, since they are
stored under names made from their content, and copies the rest.
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

#: Stands for the address of the source in a stack that is deployed once; each copy gets the address of its own source.
SOURCE = "http://source.invalid"
#: Folders whose files are named by their content and never written again.
SHARED = ("local-artifacts", "lambda-blobs")


class Stacks:
    """The deployed stacks of this test run, below one folder that all its processes share."""

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
        """A running server over a copy, in `directory`, of the stack with these parameters."""
        source = str(parameters.pop("SourceUrls", SOURCE))
        shutil.copytree(self._deployed(template, stack, parameters), directory, copy_function=_link_or_copy, dirs_exist_ok=True)
        _replace(directory / "state", SOURCE, source)
        aws = LocalAws(directory, wait_scale=wait_scale)
        aws.stack = stack
        with aws:
            yield aws

    def _deployed(self, template: Path, stack: str, parameters: dict[str, Any]) -> Path:
        """The folder of a stopped server in which the stack is deployed; deploys it if no process has done so yet."""
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
        aws.process.terminate()  # it stores its state before it ends
        aws.process.wait(60)


def _link_or_copy(source: str, destination: str) -> None:
    if any(f"/{folder}/" in source for folder in SHARED):
        os.link(source, destination)
    else:
        shutil.copy2(source, destination)


def _replace(folder: Path, old: str, new: str) -> None:
    """Replaces a text in all stored state, which is JSON."""
    for file in folder.glob("*.json"):
        text = file.read_text()
        if old in text:
            file.write_text(text.replace(old, new))
