"""Runs the command `ghactivity` on a local AWS."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from local_aws.paths import ROOT
from local_aws.stack.aws import LocalAws
from local_aws.stack.build import target_folder


class GhactivityCommand:
    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws

    @staticmethod
    def binary() -> Path:
        """Returns the path of the binary that `build.build` makes."""
        return target_folder() / "ghactivity"

    def run(self, *arguments: object, quiet: bool = False) -> None:
        """Runs the command. Its output goes to the terminal; `quiet` discards standard output. Raises RuntimeError if the command fails."""
        if self._call(arguments, subprocess.DEVNULL if quiet else None).returncode:
            raise RuntimeError(f"ghactivity {' '.join(map(str, arguments))} failed: see the lines above")

    def json_output(self, *arguments: object) -> dict[str, Any]:
        """Runs the command with `--json` and returns the printed object, even after a failure. Progress and errors go to the terminal."""
        found: dict[str, Any] = json.loads(self._call((*arguments, "--json"), subprocess.PIPE).stdout or "{}")
        return found

    def _call(self, arguments: tuple[object, ...], stdout: int | None) -> subprocess.CompletedProcess[bytes]:
        is_local = arguments[0] == "local"
        target = ["--directory", self.aws.directory] if is_local else ["--stack", self.aws.stack]
        sys.stdout.flush()
        return subprocess.run(
            [self.binary(), *map(str, [*arguments, *target])],
            check=False,
            env=os.environ if is_local else os.environ | self.aws.environment(),
            stdout=stdout,
            cwd=ROOT,
        )
