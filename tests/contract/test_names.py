"""Names in the code: unique types, short test names, files of a bounded length."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from project import ROOT

# Every module may have its own type of these names.
CONVENTIONAL = {"Input", "Output", "Context", "Arguments", "Error", "Result"}
MAX_TEST_NAME = 50
MAX_LINES = 600

RUST_SOURCES = sorted(path for folder in ("crates", "functions") for path in (ROOT / folder).glob("*/src/**/*.rs"))
RUST_FILES = RUST_SOURCES + sorted(path for folder in ("crates", "functions", "tests") for path in (ROOT / folder).glob("*/tests/**/*.rs"))
PYTHON_FILES = sorted(path for folder in ("bench", "docs", "local_aws", "tests") for path in (ROOT / folder).rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_rust_type_names_are_unique() -> None:
    places = defaultdict(list)
    for path in RUST_SOURCES:
        for found in re.finditer(r"(?m)^(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|type|union) (\w+)", path.read_text()):
            places[found[1]].append(name(path))
    shared = {one: paths for one, paths in places.items() if len(paths) > 1 and one not in CONVENTIONAL}
    assert not shared, "one type name for two types: rename one, or move the type to a shared crate"


def test_rust_test_names_are_short() -> None:
    tests = r"#\[(?:tokio::)?test[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*(?:async )?fn (\w+)|fn (proptest_\w+)"
    found = [(name(path), one[1] or one[2]) for path in RUST_FILES for one in re.finditer(tests, path.read_text())]
    assert len(found) > 100
    assert not [one for one in found if len(one[1]) > MAX_TEST_NAME]


def test_python_test_names_are_short() -> None:
    found = [(name(path), one) for path in PYTHON_FILES for one in re.findall(r"(?m)^def (test_\w+)", path.read_text())]
    assert len(found) > 100
    assert not [one for one in found if len(one[1]) > MAX_TEST_NAME]


def test_code_files_are_short() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in RUST_FILES + PYTHON_FILES}
    assert not {path: lines for path, lines in lengths.items() if lines > MAX_LINES}
