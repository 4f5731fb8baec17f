"""`sam deploy` with the project's `samconfig.toml`, as in the README. The output of `sam build` is made from the binaries of the tests."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from conftest import BINARIES, ROOT
from deployment import Lake
from local_aws.paths import FUNCTIONS
from local_aws.stack.aws import ARCHITECTURES, LocalAws
from test_bad_input import event, gz

SAM = ROOT / ".tools/dev/bin/sam"
HOUR, RECORDS = "2019-03-01-0", 30


def built(folder: Path) -> Path:
    """Copies the templates and the files that they refer to, with one code folder per function. Returns the main template."""
    for part in ("sam", "statemachine"):
        shutil.copytree(ROOT / part, folder / part)
    shutil.copy(ROOT / "template.yaml", folder)
    for template in (folder / "template.yaml", *(folder / "sam").glob("*.yaml")):
        text, found = re.subn(
            r"^  (\w+Function):\n((?:    .*\n|\n)*?      CodeUri: )\.+$", rf"  \1:\n\g<2>{FUNCTIONS}/\1", template.read_text(), flags=re.M
        )
        assert "CodeUri: ." not in text, f"{template}: {found} replaced"
        template.write_text(text)
    return folder / "template.yaml"


def test_sam_deploys_the_stack_for_the_command(source: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = source
    template = built(tmp_path / "build")
    shutil.copy(ROOT / "samconfig.toml", tmp_path)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with LocalAws(tmp_path / "aws") as aws:
        environment = clean | aws.environment() | {"SAM_CLI_TELEMETRY": "0"}

        def run(*command: str | Path) -> str:
            done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        given = ["Stage=local", "Target=local", f"Architecture={ARCHITECTURES[platform.machine()]}", f"SourceUrls={address}"]
        deploy: list[str | Path] = [
            SAM,
            "deploy",
            "--template",
            template,
            "--config-file",
            tmp_path / "samconfig.toml",
            "--parameter-overrides",
            *given,
        ]
        shown = run(*deploy)
        assert "Successfully created/updated stack - ghactivity" in shown, shown
        outputs = aws.outputs()
        assert all(name in shown for name in outputs), "sam prints every output"

        lake = Lake(aws, outputs, folder)
        lake.serve(HOUR, gz(*(event(number) for number in range(RECORDS))))
        [hour] = json.loads(run(BINARIES / "ghactivity", "hour", HOUR, "--json"))["hours"]
        assert (hour["status"], hour["records"]) == ("published", RECORDS)
        assert lake.query("SELECT count(*) AS rows FROM events") == [{"rows": str(RECORDS)}]
        assert "No changes to deploy" in run(*deploy), "a second run is safe"
