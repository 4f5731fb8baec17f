"""The command `ghactivity`, as scripts of the local AWS run it."""

import json
import os
import subprocess
import sys

from local_aws.stack.build import ROOT, target


def program():
    """Its binary, as `build.build` makes it."""
    return target() / "ghactivity"


class Command:
    """The command `ghactivity`, for a local AWS."""

    def __init__(self, aws):
        self.aws = aws

    def run(self, *arguments, quietly=False):
        """Runs it for a person to read, or without its results; raises if it fails."""
        if self.call(arguments, subprocess.DEVNULL if quietly else None).returncode:
            raise RuntimeError(f"ghactivity {' '.join(map(str, arguments))} failed: see the lines above")

    def answer(self, *arguments):
        """What it answers to a program, also if it fails; progress, and what failed, are for the person all the same."""
        return json.loads(self.call([*arguments, "--json"], subprocess.PIPE).stdout or "{}")

    def call(self, arguments, stdout):
        local = arguments[0] == "local"
        where = ["--directory", self.aws.directory] if local else ["--stack", self.aws.stack]
        sys.stdout.flush()
        return subprocess.run(
            [program(), *map(str, [*arguments, *where])],
            env=os.environ if local else os.environ | self.aws.environment(),
            stdout=stdout,
            cwd=ROOT,
        )
