"""Workflows of GitHub Actions: pinned actions, minimal permissions, timeouts, and commands that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from project import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
JOBS = [
    pytest.param(name, job, id=f"{path.stem}/{name}")
    for path in WORKFLOWS
    for name, job in yaml.safe_load(path.read_text())["jobs"].items()
]
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
# Jobs that need more permissions than to read the repository, with the reason.
EXTRA_PERMISSIONS = {"deploy": {"id-token": "write"}}  # the OIDC token for AWS
MANIFESTS = {"cargo": "Cargo.toml", "pip": "requirements*.txt", "npm": "package-lock.json", "github-actions": ".github/workflows/*.yml"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_sha(path: Path) -> None:
    uses = [line.strip().removeprefix("- ") for line in path.read_text().splitlines() if "uses:" in line]
    assert uses
    assert not [line for line in uses if not PINNED.match(line)], "expected: owner/action@<40 hex digits> # v1.2.3"


def test_action_has_one_version() -> None:
    uses = set(re.findall(r"uses: (\S+?)@(.+)", "\n".join(path.read_text() for path in WORKFLOWS)))
    assert len(uses) == len({action for action, _ in uses}), sorted(uses)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_defaults_to_read_permission(path: Path) -> None:
    assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}


@pytest.mark.parametrize(("name", "job"), JOBS)
def test_job_has_timeout_and_least_permissions(name: str, job: dict[str, Any]) -> None:
    assert 0 < job["timeout-minutes"] <= 180
    assert job["permissions"] == {"contents": "read", **EXTRA_PERMISSIONS.get(name, {})}


@pytest.mark.parametrize(("name", "job"), JOBS)
def test_checkout_keeps_no_credentials(name: str, job: dict[str, Any]) -> None:
    checkouts = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts, name
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_workflow_make_targets_exist() -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))
    called = {target for path in WORKFLOWS for target in re.findall(r"make ([a-z-]+)", path.read_text())}
    assert called, "no workflow calls make"
    assert called <= targets


def test_ci_runs_every_part_of_make_test() -> None:
    parts = re.search(r"(?m)^test: ([a-z -]+)", (ROOT / "Makefile").read_text())
    assert parts
    ci = (ROOT / ".github/workflows/ci.yml").read_text()
    assert set(parts[1].split()) == set(re.findall(r"make (test-[a-z-]+)", ci))


def test_ci_shards_cover_every_file() -> None:
    job = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["end-to-end"]
    shards = job["strategy"]["matrix"]["shard"]
    assert shards == list(range(1, len(shards) + 1))
    assert f"SHARD=${{{{ matrix.shard }}}} SHARDS={len(shards)}" in job["steps"][-1]["run"]


def test_dependabot_watches_every_manifest() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    for update in updates:
        ecosystem = update["package-ecosystem"]
        for directory in update.get("directories", [update.get("directory")]):
            assert list((ROOT / directory.lstrip("/")).glob(MANIFESTS[ecosystem])), f"{ecosystem} finds nothing in {directory}"
    watched = {directory.lstrip("/") for update in updates for directory in update.get("directories", [])}
    folders = [path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".") and path.name != "target"]
    manifests = [path for folder in folders for name in ("package-lock.json", "requirements*.txt") for path in folder.rglob(name)]
    assert {str(path.parent.relative_to(ROOT)) for path in manifests} <= watched
