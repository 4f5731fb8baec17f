"""What Athena knows of the lake: tables and views from Glue, objects from S3. Reads ministack's own stores.

A table's rows are the objects below its partitions' locations, and nothing else: what is neither registered nor projected
(`projection.py`) is not there.
"""

import base64
import json
import os
import re
from dataclasses import dataclass, field
from urllib.parse import urlparse


class LakeError(Exception):
    """A statement cannot be answered; the message is what Athena would give as the reason."""


@dataclass(frozen=True)
class Column:
    """A column as Glue has it: name, and type in Hive's words."""

    name: str
    type: str


@dataclass(frozen=True)
class Partition:
    values: tuple
    location: str


@dataclass(frozen=True)
class Table:
    database: str
    name: str
    columns: tuple
    keys: tuple
    partitions: tuple
    format: str


@dataclass(frozen=True)
class View:
    database: str
    name: str
    sql: str
    schema: str


@dataclass(frozen=True)
class DataFile:
    """One object: where it is on disk, how readers name it, its partition's values."""

    path: str
    uri: str
    size: int
    values: tuple = field(default=())


def lookup(database, name):
    """The table or view of that name; raises if there is none."""
    from local_aws.ministack_patches.athena import projection  # which needs this module

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


def entry(database, name):
    from ministack.services import glue

    table = glue._tables.get(f"{database}/{name}")
    if table is None:
        known = database in glue._databases
        missing = f"Table 'awsdatacatalog.{database}.{name}'" if known else f"Schema '{database}'"
        raise LakeError(f"{'TABLE' if known else 'SCHEMA'}_NOT_FOUND: {missing} does not exist")
    return table


def columns(described):
    return tuple(Column(column["Name"].lower(), column.get("Type", "string")) for column in described or [])


def registered(database, name):
    from ministack.services import glue

    found = glue._partitions.get(f"{database}/{name}") or []
    return tuple(
        Partition(tuple(one["Values"]), (one.get("StorageDescriptor") or {}).get("Location", "")) for one in found
    )


def view(database, name, table):
    encoded = re.search(r"/\* Presto View: ([A-Za-z0-9+/=]+) \*/", table.get("ViewOriginalText") or "")
    try:
        definition = json.loads(base64.b64decode(encoded.group(1)))
        return View(database, name, definition["originalSql"], definition.get("schema") or database)
    except (AttributeError, ValueError, KeyError) as error:
        raise LakeError(f"INVALID_VIEW: the text of view '{database}.{name}' cannot be read: {error}") from error


def data_format(table):
    storage = table.get("StorageDescriptor") or {}
    library = (storage.get("SerdeInfo") or {}).get("SerializationLibrary") or ""
    words = f"{library} {storage.get('InputFormat', '')}".lower()
    return next((name for name in ("parquet", "json") if name in words), words.strip() or "unknown")


def files(table, partitions, workdir):
    """The objects of the partitions, as Athena lists them: all below each location, hidden names left out."""
    found = []
    for partition in partitions:
        found += objects(partition.location, partition.values, workdir)
    return found


def objects(location, values, workdir):
    from ministack.services import s3

    bucket_name, prefix = split_uri(location)
    bucket = s3._buckets.get(bucket_name)
    if bucket is None:
        raise LakeError(f"PERMISSION_DENIED: the bucket of location {location} does not exist")
    found = []
    for key in sorted(key for key in list(bucket["objects"]) if key.startswith(prefix)):
        record = bucket["objects"].get(key)
        if record is None or not record.get("size") or hidden(key[len(prefix) :]):
            continue
        path = on_disk(bucket_name, key, workdir)
        found.append(DataFile(path, f"s3://{bucket_name}/{key}", record["size"], values))
    return found


def split_uri(location):
    parsed = urlparse(location)
    if parsed.scheme not in ("s3", "s3a", "s3n") or not parsed.netloc:
        raise LakeError(f"INVALID_LOCATION: {location!r} is no S3 location")
    prefix = parsed.path.lstrip("/")
    return parsed.netloc, prefix if not prefix or prefix.endswith("/") else prefix + "/"


def hidden(relative_key):
    return relative_key.endswith("/") or any(part.startswith(("_", ".")) for part in relative_key.split("/"))


def on_disk(bucket_name, key, workdir):
    """The object's file: the one that the local S3 keeps, or else a copy."""
    from ministack.services import s3

    path = s3._object_disk_path(bucket_name, key) if s3.S3_PERSIST else None
    if path and os.path.exists(path):
        return path
    copy = os.path.join(workdir, str(len(os.listdir(workdir))))
    with open(copy, "wb") as file:
        file.write(s3._get_object_data(bucket_name, key) or b"")
    return copy
