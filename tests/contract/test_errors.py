"""The error catalogue has exactly the error names of functions, state machines and proofs."""

from __future__ import annotations

import re

import pytest

from errors import ALL_FUNCTIONS, CATALOG, ERRORS, FINDINGS, errors_from, rust_errors
from project import CSV_STATE_MACHINES, ROOT, STATE_MACHINES, rust, state_machine_text

MACHINES = sorted([*STATE_MACHINES, *CSV_STATE_MACHINES])


@pytest.mark.parametrize("function", ALL_FUNCTIONS)
def test_catalog_has_errors_of_function(function: str) -> None:
    names = rust_errors(function)
    assert len(names) >= 6, "the reader of Rust sources found too little"
    assert names == errors_from(function)


@pytest.mark.parametrize("machine", MACHINES)
def test_catalog_has_errors_of_state_machine(machine: str) -> None:
    assert set(re.findall(r'"Error": "(\w+)"', state_machine_text(machine))) == errors_from(machine)


def test_catalog_origins_exist() -> None:
    origins = {origin for entry in ERRORS for origin in entry.origins}
    assert origins - {"*", "AWS"} <= {*ALL_FUNCTIONS, *MACHINES}


def test_catalog_has_findings_of_proofs() -> None:
    [text] = rust("functions/prove-hour/src/report.rs").values()
    findings = {name for variant, name in re.findall(r'Self::(\w+) => "(\w+)"', text) if variant == name}
    assert len(findings) > 10
    assert findings == {name for entry in CATALOG if entry.section == FINDINGS for name in entry.names}


def test_errors_page_has_an_anchor_for_each_name() -> None:
    page = (ROOT / "docs/errors.md").read_text()
    anchors = set(re.findall(r"^### (\S+)$", page, re.M))
    assert len(anchors) == len(CATALOG)
    assert all(entry.names & anchors or {name.split(".")[0] for name in entry.names} <= anchors for entry in CATALOG)
