"""Reads tables and views from ministack's Glue.

A partitioned table has the rows of its registered or projected partitions, and no others.
AWS: https://docs.aws.amazon.com/athena/latest/ug/partitions.html
"""

import base64
import json
import re
from typing import Any

from local_aws.ministack_patches.athena import projection
from local_aws.ministack_patches.athena.model import Column, Partition, StatementError, Table, View


def lookup(database: str, name: str) -> Table | View:
    """The table or view of that name. Raises StatementError if there is none."""
    table = entry(database, name)
    if table.get("TableType") == "VIRTUAL_VIEW":
        return view(database, name, table)
    storage = table.get("StorageDescriptor") or {}
    keys = columns(table.get("PartitionKeys"))
    if keys and projection.enabled(table):
        partitions = projection.partitions(table)
    else:
        partitions = registered(database, name) if keys else (Partition((), storage.get("Location", "")),)
    return Table(database, name, columns(storage.get("Columns")), keys, partitions, data_format(table))


def entry(database: str, name: str) -> dict[str, Any]:
    """Glue's description of a table or view."""
    from ministack.services import glue

    table: dict[str, Any] | None = glue._tables.get(f"{database}/{name}")
    if table is not None:
        return table
    if database in glue._databases:
        raise StatementError(f"TABLE_NOT_FOUND: Table 'awsdatacatalog.{database}.{name}' does not exist")
    raise StatementError(f"SCHEMA_NOT_FOUND: Schema '{database}' does not exist")


def location(database: str, name: str) -> str:
    """The table's own location."""
    found: str = (entry(database, name).get("StorageDescriptor") or {}).get("Location", "")
    return found


def columns(described: list[dict[str, str]] | None) -> tuple[Column, ...]:
    return tuple(Column(column["Name"].lower(), column.get("Type", "string")) for column in described or [])


def registered(database: str, name: str) -> tuple[Partition, ...]:
    from ministack.services import glue

    found = glue._partitions.get(f"{database}/{name}") or []
    return tuple(Partition(tuple(one["Values"]), (one.get("StorageDescriptor") or {}).get("Location", "")) for one in found)


def view(database: str, name: str, table: dict[str, Any]) -> View:
    """Athena keeps a view's SQL as Base64 of JSON in a comment.

    AWS: https://docs.aws.amazon.com/athena/latest/ug/views.html
    """
    encoded = re.search(r"/\* Presto View: ([A-Za-z0-9+/=]+) \*/", table.get("ViewOriginalText") or "")
    try:
        definition = json.loads(base64.b64decode(encoded[1] if encoded else ""))
        return View(database, name, definition["originalSql"], definition.get("schema") or database)
    except (ValueError, KeyError) as error:
        raise StatementError(f"INVALID_VIEW: the text of view '{database}.{name}' cannot be read: {error}") from error


def data_format(table: dict[str, Any]) -> str:
    """Returns `parquet` or `json`. For another format, returns the lower-case class names of its SerDe and input format."""
    storage = table.get("StorageDescriptor") or {}
    library = (storage.get("SerdeInfo") or {}).get("SerializationLibrary") or ""
    words = f"{library} {storage.get('InputFormat', '')}".lower()
    return next((name for name in ("parquet", "json") if name in words), words.strip() or "unknown")
