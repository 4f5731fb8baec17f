"""Athena's statements that change or list the catalogue (views, partitions, CREATE TABLE AS), and its plans."""

import base64
import json
import os
import re
import tempfile

from local_aws.ministack_patches.athena import explain
from local_aws.ministack_patches.athena import lake
from local_aws.ministack_patches.athena.hive_types import hive_type, trino_type
from local_aws.ministack_patches.athena.lake import LakeError
from local_aws.ministack_patches.athena.query import Result, literal, prepared

NAME = r"""[`"]?(?:(?P<db>\w+)[`"]?\.[`"]?)?(?P<name>\w+)[`"]?"""
DONE = Result([], [], [])


def run(sql, database):
    """Runs the statement if it is one of these; answers None if it is not."""
    sql = sql.strip().rstrip(";").strip()
    for pattern, action in STATEMENTS:
        found = re.fullmatch(pattern, sql, re.IGNORECASE | re.DOTALL)
        if found:
            named = found.groupdict()
            return action((named.get("db") or database).lower(), (named.get("name") or "").lower(), named)
    return None


def create_view(database, name, found):
    from ministack.services import glue

    if f"{database}/{name}" in glue._tables:
        if not found["replace"]:
            raise LakeError(f"ALREADY_EXISTS: View '{database}.{name}' already exists")
        if glue._tables[f"{database}/{name}"].get("TableType") != "VIRTUAL_VIEW":
            raise LakeError(f"ALREADY_EXISTS: '{database}.{name}' is a table")
    columns = described(found["query"], database)
    definition = {
        "originalSql": found["query"],
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
    glue_call(glue._delete_table if f"{database}/{name}" in glue._tables else None, {"DatabaseName": database, "Name": name})
    glue_call(glue._create_table, {"DatabaseName": database, "TableInput": table})
    return DONE


def drop_view(database, name, found):
    from ministack.services import glue

    if f"{database}/{name}" not in glue._tables:
        if found["if_exists"]:
            return DONE
        raise LakeError(f"TABLE_NOT_FOUND: View '{database}.{name}' does not exist")
    if lake.entry(database, name).get("TableType") != "VIRTUAL_VIEW":
        raise LakeError(f"NOT_SUPPORTED: '{database}.{name}' is a table, not a view")
    glue_call(glue._delete_table, {"DatabaseName": database, "Name": name})
    return DONE


def create_table_as(database, name, found):
    from ministack.services import glue, s3

    if f"{database}/{name}" in glue._tables:
        raise LakeError(f"ALREADY_EXISTS: Table '{database}.{name}' already exists")
    options = dict(re.findall(r"(\w+)\s*=\s*'([^']*)'", found["options"] or ""))
    if options.get("format", "PARQUET").upper() != "PARQUET" or "partitioned_by" in (found["options"] or ""):
        raise LakeError("NOT_SUPPORTED: the local Athena creates unpartitioned Parquet tables only")
    location = options.get("external_location")
    if not location:
        raise LakeError("INVALID_TABLE_PROPERTY: the local Athena needs external_location")
    bucket, prefix = lake.split_uri(location)
    if lake.objects(location, (), tempfile.gettempdir()):
        raise LakeError(f"HIVE_PATH_ALREADY_EXISTS: Target directory for table already exists: {location}")
    columns = described(found["query"], database)
    with prepared(found["query"], database) as (connection, statement, scanned), tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "table.parquet")
        connection.execute(f"COPY ({statement}) TO {literal(path)} (FORMAT parquet)")
        with open(path, "rb") as file:
            s3._put_object(bucket, f"{prefix}{name}.parquet", file.read(), {})
    storage = {
        "Columns": glue_columns(columns),
        "Location": location,
        "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
    }
    table = {"Name": name, "TableType": "EXTERNAL_TABLE", "Parameters": {"EXTERNAL": "TRUE"}, "StorageDescriptor": storage}
    glue_call(glue._create_table, {"DatabaseName": database, "TableInput": table})
    return Result([], [], [], scanned)


def show_partitions(database, name, _found):
    table = table_with_keys(database, name)
    rows = sorted("/".join(f"{key.name}={value}" for key, value in zip(table.keys, one.values)) for one in table.partitions)
    return Result(["partition"], ["string"], [[row] for row in rows])


def show_tables(database, _name, _found):
    from ministack.services import glue

    names = sorted(key.split("/", 1)[1] for key in glue._tables if key.startswith(f"{database}/"))
    return Result(["tab_name"], ["string"], [[name] for name in names])


def repair(database, name, _found):
    """Registers each folder `key=value/…` below the table's location that is not registered."""
    from ministack.services import s3

    table = table_with_keys(database, name)
    location = (lake.entry(database, name).get("StorageDescriptor") or {}).get("Location", "")
    bucket, prefix = lake.split_uri(location)
    folders = "/".join(f"{re.escape(key.name)}=([^/]+)" for key in table.keys)
    known, added = {one.values for one in table.partitions}, []
    for key in sorted((s3._buckets.get(bucket) or {"objects": {}})["objects"]):
        found = re.match(f"{re.escape(prefix)}({folders})/", key)
        if found and found.groups()[1:] not in known:
            known.add(found.groups()[1:])
            register(database, name, found.groups()[1:], f"s3://{bucket}/{prefix}{found.group(1)}/")
            added.append([f"Repair: Added partition to metastore {name}:{found.group(1)}"])
    return Result(["result"], ["string"], added)


def add_partition(database, name, found):
    table = table_with_keys(database, name)
    for specification, location in re.findall(PARTITION, found["partitions"], re.IGNORECASE):
        values = partition_values(table, specification)
        if values in {one.values for one in table.partitions}:
            if found["if_not_exists"]:
                continue
            raise LakeError(f"ALREADY_EXISTS: Partition already exists: {specification}")
        default = (lake.entry(database, name).get("StorageDescriptor") or {}).get("Location", "").rstrip("/")
        folders = "/".join(f"{key.name}={value}" for key, value in zip(table.keys, values))
        register(database, name, values, location or f"{default}/{folders}/")
    return DONE


def drop_partition(database, name, found):
    from ministack.services import glue

    table = table_with_keys(database, name)
    for specification, _ in re.findall(PARTITION, found["partitions"], re.IGNORECASE):
        values = partition_values(table, specification)
        if values not in {one.values for one in table.partitions} and not found["if_exists"]:
            raise LakeError(f"PARTITION_NOT_FOUND: {specification}")
        glue_call(glue._delete_partition, {"DatabaseName": database, "TableName": name, "PartitionValues": list(values)})
    return DONE


def table_with_keys(database, name):
    table = lake.lookup(database, name)
    if not isinstance(table, lake.Table) or not table.keys:
        raise LakeError(f"INVALID_TABLE: '{database}.{name}' is not partitioned")
    return table


def partition_values(table, specification):
    given = {key.lower(): value for key, value in re.findall(r"[`\"]?(\w+)[`\"]?\s*=\s*'([^']*)'", specification)}
    if set(given) != {key.name for key in table.keys}:
        raise LakeError(f"INVALID_PARTITION: {specification} does not give each of {[key.name for key in table.keys]}")
    return tuple(given[key.name] for key in table.keys)


def register(database, name, values, location):
    from ministack.services import glue

    storage = {**lake.entry(database, name)["StorageDescriptor"], "Location": location}
    partition = {"Values": list(values), "StorageDescriptor": storage}
    glue_call(glue._create_partition, {"DatabaseName": database, "TableName": name, "PartitionInput": partition})


def explain_io(database, _name, found):
    described(found["query"], database)  # whatever is wrong with it is said now
    return explain.plan(found["query"], database)


def described(sql, database):
    """Names and DuckDB types of a query's columns."""
    with prepared(sql, database) as (connection, statement, _):
        return [(name, kind) for name, kind, *_ in connection.execute(f"DESCRIBE {statement}").fetchall()]


def glue_columns(columns):
    return [{"Name": name.lower(), "Type": hive_type(kind)} for name, kind in columns]


def glue_call(call, request):
    if call is None:
        return
    status, _, body = call(request)
    if status >= 300:
        raise LakeError(f"GENERIC_USER_ERROR: {json.loads(body).get('message', 'Glue refused')}")


PARTITION = r"PARTITION\s*\(([^)]*)\)(?:\s*LOCATION\s*'([^']*)')?"
STATEMENTS = (
    (rf"CREATE\s+(?P<replace>OR\s+REPLACE\s+)?VIEW\s+{NAME}\s+AS\s+(?P<query>.*)", create_view),
    (rf"DROP\s+VIEW\s+(?P<if_exists>IF\s+EXISTS\s+)?{NAME}", drop_view),
    (rf"CREATE\s+TABLE\s+{NAME}\s*(?:WITH\s*\((?P<options>.*?)\)\s*)?AS\s+(?P<query>(?:SELECT|WITH)\b.*)", create_table_as),
    (r"EXPLAIN\s*\(\s*TYPE\s+IO\s*,\s*FORMAT\s+JSON\s*\)\s*(?P<query>.+)", explain_io),
    (rf"SHOW\s+PARTITIONS\s+{NAME}", show_partitions),
    (r"SHOW\s+TABLES(?:\s+IN\s+[`\"]?(?P<db>\w+)[`\"]?)?", show_tables),
    (rf"MSCK\s+REPAIR\s+TABLE\s+{NAME}", repair),
    (rf"ALTER\s+TABLE\s+{NAME}\s+ADD\s+(?P<if_not_exists>IF\s+NOT\s+EXISTS\s+)?(?P<partitions>PARTITION.*)", add_partition),
    (rf"ALTER\s+TABLE\s+{NAME}\s+DROP\s+(?P<if_exists>IF\s+EXISTS\s+)?(?P<partitions>PARTITION.*)", drop_partition),
)
