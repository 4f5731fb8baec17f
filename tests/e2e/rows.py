"""Rows as every reader's are compared."""

from __future__ import annotations

from typing import Any

COLUMNS = ("id", "type", "actor", "repo", "org", "public", "created_at", "payload", "other", "source_line")


def canonical(row: dict[str, Any]) -> list[Any]:
    """The row's values; `created_at` is in microseconds. A struct without a value is null, which some readers do not tell apart."""
    return [_or_null(row[column]) for column in COLUMNS]


def _or_null(value: Any) -> Any:
    return None if isinstance(value, dict) and all(field is None for field in value.values()) else value
