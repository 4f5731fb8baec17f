"""Partition projection: a table's parameters describe its partitions, and Glue holds none.

Athena computes every partition in the ranges and then looks for objects. This module reads the keys of the existing objects and
keeps those in the ranges, which gives the same rows.

AWS: https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from local_aws.ministack_patches.athena.model import Partition, StatementError, split_uri
from local_aws.ministack_patches.athena.objects import keys_in

GlueTable = dict[str, Any]
Parameters = dict[str, str]
#: Reports whether a value of a partition key is in the key's range.
Domain = Callable[[str], bool]

RELATIVE = re.compile(r"\s*NOW\s*(?:([+-])\s*(\d+)\s*(YEAR|MONTH|WEEK|DAY|HOUR|MINUTE|SECOND)S?\s*)?", re.IGNORECASE)
DAYS = {"DAY": 1, "WEEK": 7, "MONTH": 30, "YEAR": 365}
SECONDS = {"HOUR": 3600, "MINUTE": 60, "SECOND": 1} | {unit: 86_400 * days for unit, days in DAYS.items()}


def enabled(table: GlueTable) -> bool:
    parameters: Parameters = table.get("Parameters") or {}
    return parameters.get("projection.enabled", "").lower() == "true"


def partitions(table: GlueTable) -> tuple[Partition, ...]:
    """The projected partitions that have objects."""
    keys = [key["Name"].lower() for key in table.get("PartitionKeys") or []]
    domains = {key: domain(key, table["Parameters"]) for key in keys}
    bucket, prefix = split_uri(location_template(table, keys))
    pattern = re.compile(as_pattern(prefix, keys))
    found = {}
    for name in keys_in(bucket):
        match = pattern.match(name)
        if match and all(domains[key](match[key]) for key in keys):
            found[tuple(match[key] for key in keys)] = f"s3://{bucket}/{match[0]}"
    return tuple(Partition(values, location) for values, location in sorted(found.items()))


def location_template(table: GlueTable, keys: list[str]) -> str:
    """The location of a partition, with `${key}` for each key: the table's parameter, or Hive's `key=value` folders."""
    template: str | None = table["Parameters"].get("storage.location.template")
    if template is None:
        location = table["StorageDescriptor"]["Location"].rstrip("/")
        return "/".join([location, *(f"{key}=${{{key}}}" for key in keys)]) + "/"
    missing = [key for key in keys if f"${{{key}}}" not in template]
    if missing:
        raise StatementError(f"INVALID_TABLE_PROPERTY: storage.location.template does not name the partition key {missing[0]}")
    return template


def as_pattern(prefix: str, keys: list[str]) -> str:
    """The prefix as a regular expression with a named group for each key."""
    pattern = ""
    grouped: set[str] = set()
    for part in re.split(r"(\$\{\w+\})", prefix):
        name = part[2:-1].lower() if part.startswith("${") else None
        if name is None:
            pattern += re.escape(part)
        elif name not in keys:
            raise StatementError(f"INVALID_TABLE_PROPERTY: storage.location.template names {part}, which is not a partition key")
        else:
            pattern += f"(?P={name})" if name in grouped else f"(?P<{name}>[^/]+)"
            grouped.add(name)
    return pattern


def domain(key: str, parameters: Parameters) -> Domain:
    kind = parameters.get(f"projection.{key}.type", "").lower()
    if kind == "enum":
        return {value.strip() for value in required(key, "values", parameters).split(",")}.__contains__
    if kind == "integer":
        return integer_domain(key, parameters)
    if kind == "date":
        return date_domain(key, parameters)
    raise StatementError(f"NOT_SUPPORTED: the local Athena does not know partition projection of type {kind!r} of {key}")


def integer_domain(key: str, parameters: Parameters) -> Domain:
    first, last = (int(end) for end in required(key, "range", parameters).split(","))
    step = int(parameters.get(f"projection.{key}.interval", 1))
    digits = int(parameters.get(f"projection.{key}.digits", 0))

    def contains(value: str) -> bool:
        return value.isdigit() and value == f"{int(value):0{digits}}" and is_step(int(value), first, last, step)

    return contains


def date_domain(key: str, parameters: Parameters) -> Domain:
    """Whole days in the format `yyyy-MM-dd`; other formats and units are not supported."""
    if required(key, "format", parameters) != "yyyy-MM-dd" or parameters.get(f"projection.{key}.interval.unit", "DAYS") != "DAYS":
        raise StatementError(f"NOT_SUPPORTED: the local Athena projects dates as yyyy-MM-dd by DAYS only, not {key}")
    first, last = (day(end, key) for end in required(key, "range", parameters).split(","))
    step = int(parameters.get(f"projection.{key}.interval", 1))

    def contains(value: str) -> bool:
        try:
            found = date.fromisoformat(value)
        except ValueError:
            return False
        return found.isoformat() == value and is_step(found.toordinal(), first.toordinal(), last.toordinal(), step)

    return contains


def is_step(value: int, first: int, last: int, step: int) -> bool:
    return first <= value <= last and (value - first) % step == 0


def day(text: str, key: str) -> date:
    """A bound of a date range: `2025-11-21`, `NOW` or `NOW-3DAYS`. A month counts 30 days, a year 365."""
    relative = RELATIVE.fullmatch(text)
    if not relative:
        try:
            return date.fromisoformat(text.strip())
        except ValueError as error:
            raise StatementError(f"INVALID_TABLE_PROPERTY: projection.{key}.range: {text!r} is not a date") from error
    sign, count, unit = relative.groups()
    seconds = int(f"{sign}{count}") * SECONDS[unit.upper()] if unit else 0
    return (datetime.now(UTC) + timedelta(seconds=seconds)).date()


def required(key: str, name: str, parameters: Parameters) -> str:
    value = parameters.get(f"projection.{key}.{name}")
    if not value:
        raise StatementError(f"INVALID_TABLE_PROPERTY: projection.{key}.{name} is missing")
    return value
