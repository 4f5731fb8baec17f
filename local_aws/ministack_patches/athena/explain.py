"""`EXPLAIN (TYPE IO, FORMAT JSON)`: which tables a query reads, and which of their partitions, as Trino's plan has it."""

import json

import duckdb

from local_aws.ministack_patches.athena import lake
from local_aws.ministack_patches.athena.query import Result, matching
from local_aws.ministack_patches.athena.trino import translate


def plan(sql, database):
    """The plan as rows of text, as Athena answers it."""
    with duckdb.connect(":memory:") as connection:
        inputs = [table_info(scan, matching(connection, scan)) for scan in translate(sql, database, lake.lookup).scans]
    lines = json.dumps({"inputTableColumnInfos": inputs}, indent=2).splitlines()
    return Result(["Query Plan"], ["varchar"], [["Query Plan"], *([line] for line in lines)])


def table_info(scan, partitions):
    """One reading of one table; each partition key with the values that are read."""
    values = zip(*(one.values for one in partitions)) if partitions else ()
    constraints = [constraint(key.name, sorted(set(of_key))) for key, of_key in zip(scan.table.keys, values)]
    return {
        "table": {"catalog": "awsdatacatalog", "schemaTable": {"schema": scan.table.database, "table": scan.table.name}},
        "constraint": {"none": bool(scan.table.keys) and not partitions, "columnConstraints": constraints},
    }


def constraint(name, values):
    bounds = [{"value": value, "bound": "EXACTLY"} for value in values]
    ranges = [{"low": bound, "high": bound} for bound in bounds]
    return {"columnName": name, "typeSignature": "varchar", "domain": {"nullsAllowed": False, "ranges": ranges}}
