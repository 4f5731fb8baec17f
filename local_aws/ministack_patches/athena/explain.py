"""`EXPLAIN (TYPE IO, FORMAT JSON)`: the tables and partitions that a query reads, in the form of Trino's plan.

AWS: https://docs.aws.amazon.com/athena/latest/ug/athena-explain-statement.html
"""

import json
from typing import Any

import duckdb

from local_aws.ministack_patches.athena import catalog
from local_aws.ministack_patches.athena.engine import matching_partitions
from local_aws.ministack_patches.athena.model import Partition, Result
from local_aws.ministack_patches.athena.scan import Scan
from local_aws.ministack_patches.athena.translation import translate


def plan(sql: str, database: str) -> Result:
    """The plan's JSON, one line a row."""
    with duckdb.connect(":memory:") as connection:
        scans = translate(sql, database, catalog.lookup).scans
        inputs = [table_info(scan, matching_partitions(connection, scan)) for scan in scans]
    lines = ["Query Plan", *json.dumps({"inputTableColumnInfos": inputs}, indent=2).splitlines()]
    return Result(["Query Plan"], ["varchar"], [[line] for line in lines])


def table_info(scan: Scan, partitions: tuple[Partition, ...]) -> dict[str, Any]:
    """One scan: its table, and for each partition key the values that are read."""
    values = list(zip(*(one.values for one in partitions), strict=True)) if partitions else []
    constraints = [constraint(key.name, sorted(set(of_key))) for key, of_key in zip(scan.table.keys, values, strict=False)]
    return {
        "table": {"catalog": "awsdatacatalog", "schemaTable": {"schema": scan.table.database, "table": scan.table.name}},
        "constraint": {"none": bool(scan.table.keys) and not partitions, "columnConstraints": constraints},
    }


def constraint(name: str, values: list[str]) -> dict[str, Any]:
    bounds = [{"value": value, "bound": "EXACTLY"} for value in values]
    ranges = [{"low": bound, "high": bound} for bound in bounds]
    return {"columnName": name, "typeSignature": "varchar", "domain": {"nullsAllowed": False, "ranges": ranges}}
