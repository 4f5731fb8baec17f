"""Statements that change or list the Glue Data Catalog: views, tables, partitions.

AWS: https://docs.aws.amazon.com/athena/latest/ug/ddl-reference.html
"""

import base64
import json
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from local_aws.ministack_patches.athena import catalog, explain, objects
from local_aws.ministack_patches.athena.engine import described, literal, prepared
from local_aws.ministack_patches.athena.model import Result, StatementError, Table, split_uri
from local_aws.ministack_patches.athena.type_names import hive_type, trino_type

#: The named groups of a statement's pattern.
Groups = dict[str, str | None]
Action = Callable[[str, str, Groups], Result]

PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}


def run(sql: str, database: str) -> Result | None:
    """Runs the statement if it is one of `STATEMENTS`; returns None otherwise."""
    sql = sql.strip().rstrip(";").strip()
    for pattern, action in STATEMENTS:
        if found := re.fullmatch(pattern, sql, re.IGNORECASE | re.DOTALL):
            groups = found.groupdict()
            return action((groups.get("db") or database).lower(), (groups.get("name") or "").lower(), groups)
    return None


def create_view(database: str, name: str, groups: Groups) -> Result:
    from ministack.services import glue

    exists = f"{database}/{name}" in glue._tables
    if exists and not groups["replace"]:
        raise StatementError(f"ALREADY_EXISTS: View '{database}.{name}' already exists")
    if exists and not is_view(database, name):
        raise StatementError(f"ALREADY_EXISTS: '{database}.{name}' is a table")
    query = groups["query"] or ""
    columns = described(query, database)
    definition = {
        "originalSql": query,
        "catalog": "awsdatacatalog",
        "schema": database,
        "columns": [{"name": column, "type": trino_type(kind)} for column, kind in columns],
    }
    text = base64.b64encode(json.dumps(definition).encode()).decode()
    table = {
        "Name": name,
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "StorageDescriptor": {"Columns": glue_columns(columns)},
        "ViewOriginalText": f"/* Presto View: {text} */",
        "ViewExpandedText": "/* Presto View */",
    }
    if exists:
        call_glue("_delete_table", {"DatabaseName": database, "Name": name})
    call_glue("_create_table", {"DatabaseName": database, "TableInput": table})
    return Result()


def drop_view(database: str, name: str, groups: Groups) -> Result:
    from ministack.services import glue

    if f"{database}/{name}" not in glue._tables:
        if groups["if_exists"]:
            return Result()
        raise StatementError(f"TABLE_NOT_FOUND: View '{database}.{name}' does not exist")
    if not is_view(database, name):
        raise StatementError(f"NOT_SUPPORTED: '{database}.{name}' is a table, not a view")
    call_glue("_delete_table", {"DatabaseName": database, "Name": name})
    return Result()


def create_table_as(database: str, name: str, groups: Groups) -> Result:
    """AWS: https://docs.aws.amazon.com/athena/latest/ug/create-table-as.html"""
    from ministack.services import glue, s3

    if f"{database}/{name}" in glue._tables:
        raise StatementError(f"ALREADY_EXISTS: Table '{database}.{name}' already exists")
    location = external_location(groups["options"] or "")
    bucket, prefix = split_uri(location)
    if objects.below(location, (), tempfile.gettempdir()):
        raise StatementError(f"HIVE_PATH_ALREADY_EXISTS: Target directory for table already exists: {location}")
    query = groups["query"] or ""
    columns = described(query, database)
    with prepared(query, database) as source, tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "table.parquet")
        source.connection.execute(f"COPY ({source.sql}) TO {literal(path)} (FORMAT parquet)")
        with open(path, "rb") as file:
            s3._put_object(bucket, f"{prefix}{name}.parquet", file.read(), {})
    storage = {"Columns": glue_columns(columns), "Location": location, **PARQUET}
    table = {"Name": name, "TableType": "EXTERNAL_TABLE", "Parameters": {"EXTERNAL": "TRUE"}, "StorageDescriptor": storage}
    call_glue("_create_table", {"DatabaseName": database, "TableInput": table})
    return Result(scanned_bytes=source.scanned_bytes)


def external_location(properties: str) -> str:
    """The location of a new table. Other properties than a Parquet format are not supported."""
    options = dict(re.findall(r"(\w+)\s*=\s*'([^']*)'", properties))
    if options.get("format", "PARQUET").upper() != "PARQUET" or "partitioned_by" in properties:
        raise StatementError("NOT_SUPPORTED: the local Athena creates unpartitioned Parquet tables only")
    location: str = options.get("external_location", "")
    if not location:
        raise StatementError("INVALID_TABLE_PROPERTY: the local Athena needs external_location")
    return location


def show_partitions(database: str, name: str, _groups: Groups) -> Result:
    table = partitioned_table(database, name)
    rows = sorted(folders(table, one.values) for one in table.partitions)
    return Result(["partition"], ["string"], [[row] for row in rows])


def show_tables(database: str, _name: str, _groups: Groups) -> Result:
    from ministack.services import glue

    names = sorted(key.split("/", 1)[1] for key in glue._tables if key.startswith(f"{database}/"))
    return Result(["tab_name"], ["string"], [[name] for name in names])


def repair_table(database: str, name: str, _groups: Groups) -> Result:
    """Registers each folder `key=value/…` below the table's location that is not registered.

    AWS: https://docs.aws.amazon.com/athena/latest/ug/msck-repair-table.html
    """
    table = partitioned_table(database, name)
    bucket, prefix = split_uri(catalog.location(database, name))
    pattern = "/".join(f"{re.escape(key.name)}=([^/]+)" for key in table.keys)
    known = {one.values for one in table.partitions}
    added: list[list[str | None]] = []
    for key in objects.keys_in(bucket):
        found = re.match(f"{re.escape(prefix)}({pattern})/", key)
        if found and found.groups()[1:] not in known:
            known.add(found.groups()[1:])
            register(database, name, found.groups()[1:], f"s3://{bucket}/{prefix}{found[1]}/")
            added.append([f"Repair: Added partition to metastore {name}:{found[1]}"])
    return Result(["result"], ["string"], added)


def add_partitions(database: str, name: str, groups: Groups) -> Result:
    table = partitioned_table(database, name)
    registered = {one.values for one in table.partitions}
    for specification, location in re.findall(PARTITION, groups["partitions"] or "", re.IGNORECASE):
        values = partition_values(table, specification)
        if values not in registered:
            default = f"{catalog.location(database, name).rstrip('/')}/{folders(table, values)}/"
            register(database, name, values, location or default)
        elif not groups["if_not_exists"]:
            raise StatementError(f"ALREADY_EXISTS: Partition already exists: {specification}")
    return Result()


def drop_partitions(database: str, name: str, groups: Groups) -> Result:
    table = partitioned_table(database, name)
    registered = {one.values for one in table.partitions}
    for specification, _ in re.findall(PARTITION, groups["partitions"] or "", re.IGNORECASE):
        values = partition_values(table, specification)
        if values not in registered and not groups["if_exists"]:
            raise StatementError(f"PARTITION_NOT_FOUND: {specification}")
        call_glue("_delete_partition", {"DatabaseName": database, "TableName": name, "PartitionValues": list(values)})
    return Result()


def explain_io(database: str, _name: str, groups: Groups) -> Result:
    query = groups["query"] or ""
    described(query, database)  # raises the query's errors
    return explain.plan(query, database)


def is_view(database: str, name: str) -> bool:
    return catalog.entry(database, name).get("TableType") == "VIRTUAL_VIEW"


def partitioned_table(database: str, name: str) -> Table:
    table = catalog.lookup(database, name)
    if not isinstance(table, Table) or not table.keys:
        raise StatementError(f"INVALID_TABLE: '{database}.{name}' is not partitioned")
    return table


def partition_values(table: Table, specification: str) -> tuple[str, ...]:
    given = {key.lower(): value for key, value in re.findall(r"[`\"]?(\w+)[`\"]?\s*=\s*'([^']*)'", specification)}
    if set(given) != {key.name for key in table.keys}:
        raise StatementError(f"INVALID_PARTITION: {specification} does not give each of {[key.name for key in table.keys]}")
    return tuple(given[key.name] for key in table.keys)


def folders(table: Table, values: tuple[str, ...]) -> str:
    """`year=2025/month=11`."""
    return "/".join(f"{key.name}={value}" for key, value in zip(table.keys, values, strict=True))


def register(database: str, name: str, values: Sequence[str], location: str) -> None:
    storage = {**catalog.entry(database, name)["StorageDescriptor"], "Location": location}
    partition = {"Values": list(values), "StorageDescriptor": storage}
    call_glue("_create_partition", {"DatabaseName": database, "TableName": name, "PartitionInput": partition})


def glue_columns(columns: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"Name": name.lower(), "Type": hive_type(kind)} for name, kind in columns]


def call_glue(operation: str, request: dict[str, Any]) -> None:
    """Calls an operation of ministack's Glue in this process."""
    from ministack.services import glue

    status, _, body = getattr(glue, operation)(request)
    if status >= 300:
        raise StatementError(f"GENERIC_USER_ERROR: {json.loads(body).get('message', 'Glue rejected the request')}")


NAME = r"""[`"]?(?:(?P<db>\w+)[`"]?\.[`"]?)?(?P<name>\w+)[`"]?"""
PARTITION = r"PARTITION\s*\(([^)]*)\)(?:\s*LOCATION\s*'([^']*)')?"
STATEMENTS: tuple[tuple[str, Action], ...] = (
    (rf"CREATE\s+(?P<replace>OR\s+REPLACE\s+)?VIEW\s+{NAME}\s+AS\s+(?P<query>.*)", create_view),
    (rf"DROP\s+VIEW\s+(?P<if_exists>IF\s+EXISTS\s+)?{NAME}", drop_view),
    (rf"CREATE\s+TABLE\s+{NAME}\s*(?:WITH\s*\((?P<options>.*?)\)\s*)?AS\s+(?P<query>(?:SELECT|WITH)\b.*)", create_table_as),
    (r"EXPLAIN\s*\(\s*TYPE\s+IO\s*,\s*FORMAT\s+JSON\s*\)\s*(?P<query>.+)", explain_io),
    (rf"SHOW\s+PARTITIONS\s+{NAME}", show_partitions),
    (r"SHOW\s+TABLES(?:\s+IN\s+[`\"]?(?P<db>\w+)[`\"]?)?", show_tables),
    (rf"MSCK\s+REPAIR\s+TABLE\s+{NAME}", repair_table),
    (rf"ALTER\s+TABLE\s+{NAME}\s+ADD\s+(?P<if_not_exists>IF\s+NOT\s+EXISTS\s+)?(?P<partitions>PARTITION.*)", add_partitions),
    (rf"ALTER\s+TABLE\s+{NAME}\s+DROP\s+(?P<if_exists>IF\s+EXISTS\s+)?(?P<partitions>PARTITION.*)", drop_partitions),
)
