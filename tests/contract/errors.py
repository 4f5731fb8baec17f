"""Reader of the error catalogue, and of the error names in the Rust sources."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import Any

from project import CSV_FUNCTIONS, FUNCTIONS, ROOT, STREAM_FUNCTIONS, rust

ALL_FUNCTIONS = [*FUNCTIONS, *STREAM_FUNCTIONS, *CSV_FUNCTIONS]
FINDINGS = "finding"


@dataclass(frozen=True)
class CatalogEntry:
    """An error or a finding of `crates/error-catalog/errors.toml`."""

    section: str
    names: frozenset[str]
    origins: frozenset[str]
    transient: bool


def catalog() -> list[CatalogEntry]:
    data: dict[str, Any] = tomllib.loads((ROOT / "crates/error-catalog/errors.toml").read_text())
    sections = [section["key"] for section in data["section"]]
    return [
        CatalogEntry(
            section, frozenset(entry.get("names") or [entry["name"]]), frozenset(entry.get("from", ())), entry.get("transient", False)
        )
        for section in sections
        for entry in data[section]
    ]


CATALOG = catalog()
ERRORS = [entry for entry in CATALOG if entry.section != FINDINGS]


def _names(transient: bool | None = None, aws: bool | None = None) -> set[str]:
    chosen = [e for e in ERRORS if transient in (None, e.transient) and aws in (None, e.origins == {"AWS"})]
    return {name for entry in chosen for name in entry.names}


# Errors of functions and state machines: those that are retried, and those that never are.
TRANSIENT = _names(transient=True, aws=False)
DETERMINISTIC = _names(transient=False, aws=False)
# Error names of AWS, from its documentation of error handling and of the services' SDKs.
OF_AWS = _names(aws=True) | {"States.ALL"}


def errors_from(origin: str) -> set[str]:
    """Returns the error names of the catalogue that a function or a state machine returns."""
    every = {"*"} if origin in ALL_FUNCTIONS else set()
    return {name for entry in ERRORS if entry.origins & ({origin} | every) for name in entry.names}


@dataclass(frozen=True)
class NamedError:
    """A Rust error type with a function `name`: the names it returns, and the file it is defined in."""

    names: frozenset[str]
    text: str


def _named_errors() -> dict[str, NamedError]:
    found = {}
    for text in rust("crates/*/src/**/*.rs").values():
        text = text.split("#[cfg(test)]")[0]
        for header, block in re.findall(r"(?m)^impl([^\n{]*)\{\n(.*?)^\}", text, re.S | re.M):
            for body in re.findall(r"fn name\(&self\)[^{;]*\{(.*?)\n    \}", block, re.S):
                found[re.findall(r"\w+", header)[-1]] = NamedError(frozenset(re.findall(r'"([A-Z]\w+)"', body)), text)
    return found


def rust_errors(function: str) -> set[str]:
    """Returns the error names that a function can return: its own, and those of the error types that it wraps."""
    shared = _named_errors()
    [text] = rust(f"functions/{function}/src/error.rs").values()
    text = text.split("#[cfg(test)]")[0]
    names = set(re.findall(r'=>\s*\{?\s*"([A-Z]\w+)"', text)) | set(re.findall(r'map_or\("([A-Z]\w+)"', text))
    pending = [text, "InvalidInput InvalidConfiguration"]
    seen: set[str] = set()
    while pending:
        words = set(re.findall(r"\b[A-Z]\w+\b", pending.pop()))
        for error in sorted(words & shared.keys() - seen):
            seen.add(error)
            names |= shared[error].names
            pending.append(shared[error].text)
    return names
