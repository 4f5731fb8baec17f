"""The shape of the workspace: which crates a function depends on, and which files every function has."""

from __future__ import annotations

import subprocess

import pytest

from project import CSV_FUNCTIONS, FUNCTIONS, ROOT, STREAM_FUNCTIONS

ADAPTERS = {"aws-client", "aws-lake", "aws-csv", "aws-events"}
RULES = {"pipeline", "csv-load", "event-stream"}
DOMAINS = {
    **dict.fromkeys(FUNCTIONS, {"aws-lake", "pipeline"}),
    **dict.fromkeys(CSV_FUNCTIONS, {"aws-csv", "csv-load"}),
    **dict.fromkeys(STREAM_FUNCTIONS, {"aws-events", "event-stream"}),
}


def dependencies(package: str) -> set[str]:
    """The names of all crates that a package is built from, without those of its tests."""
    command = ["cargo", "tree", "--locked", "--prefix", "none", "--format", "{p}", "--edges", "normal", "--package", package]
    lines = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[0] for line in lines if line} - {package}


@pytest.mark.parametrize("function", DOMAINS)
def test_function_depends_on_its_own_domain(function: str) -> None:
    crates = dependencies(function)
    assert "aws-fakes" not in crates, "the fakes are for tests"
    assert crates & (ADAPTERS | RULES) <= DOMAINS[function] | {"aws-client"}
    assert not crates & set(DOMAINS), "a function never depends on a function"


@pytest.mark.parametrize("adapter", sorted(ADAPTERS))
def test_adapter_compiles_no_data_path(adapter: str) -> None:
    crates = dependencies(adapter)
    assert not {crate for crate in crates if crate.startswith(("arrow", "parquet"))} or adapter == "aws-events"
    assert "aws-fakes" not in crates


def test_every_function_has_a_domain() -> None:
    assert set(DOMAINS) == {path.parent.name for path in (ROOT / "functions").glob("*/Cargo.toml")}


@pytest.mark.parametrize("function", DOMAINS)
def test_function_has_standard_layout(function: str) -> None:
    folder = ROOT / "functions" / function
    for name in ("main.rs", "lib.rs", "event.rs", "context.rs", "handler.rs", "error.rs"):
        assert (folder / "src" / name).is_file(), f"src/{name} is missing"
    assert (folder / "tests/handler.rs").is_file(), "tests/handler.rs is missing"
    assert len((folder / "src/main.rs").read_text().splitlines()) <= 40, "main.rs does more than start the handler"


@pytest.mark.parametrize("function", DOMAINS)
def test_function_reads_time_from_its_clock(function: str) -> None:
    sources = (ROOT / "functions" / function / "src").rglob("*.rs")
    readers = [path.name for path in sources if "Timestamp::now" in path.read_text() or "SystemTime::now" in path.read_text()]
    assert readers == [], "use the context's Clock"
