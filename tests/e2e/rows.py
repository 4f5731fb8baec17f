"""A common form of rows, to compare the rows of different readers."""

from __future__ import annotations

from typing import Any

COLUMNS = ("id", "type", "actor", "repo", "org", "public", "created_at", "payload", "other", "source_line")


def canonical(row: dict[str, Any]) -> list[Any]:
    """Returns the row's values, with `created_at` in microseconds. A struct of nulls becomes null, because some readers return it so."""
    return [_or_null(row[column]) for column in COLUMNS]


def _or_null(value: Any) -> Any:
    return None if isinstance(value, dict) and all(field is None for field in value.values()) else value
