"""Translates type names between Glue (Hive), DuckDB and Athena (Trino), for the types of the lake's tables.

AWS: https://docs.aws.amazon.com/athena/latest/ug/data-types.html
"""

from sqlglot import exp

TRINO = {
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "bigint",  # DuckDB's sum of integers; Trino's is a bigint
    "FLOAT": "float",
    "DOUBLE": "double",
    "VARCHAR": "varchar",
    "BLOB": "varbinary",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "JSON": "varchar",
}
TRINO_BY_PREFIX = {"STRUCT": "row", "MAP": "map", "DECIMAL": "decimal", "TIMESTAMP_": "timestamp"}
HIVE = {"integer": "int", "varchar": "string", "varbinary": "binary", "timestamp with time zone": "timestamp"}
#: The declared types as which Athena reads a narrower type of a Parquet file.
WIDER = {
    "TINYINT": {"SMALLINT", "INTEGER", "BIGINT"},
    "SMALLINT": {"INTEGER", "BIGINT"},
    "INTEGER": {"BIGINT"},
    "FLOAT": {"DOUBLE"},
    "BLOB": {"VARCHAR"},  # a byte array without the UTF-8 annotation
}


def duckdb_type(hive: str) -> str:
    """`struct<id:bigint>` -> `STRUCT(id BIGINT)`."""
    return exp.DataType.build(hive, dialect="hive").sql("duckdb")


def trino_type(duckdb: object) -> str:
    """The type that Athena reports for a result column."""
    name = str(duckdb).upper()
    if name.endswith("[]"):
        return "array"
    by_prefix = (trino for prefix, trino in TRINO_BY_PREFIX.items() if name.startswith(prefix))
    return next(by_prefix, TRINO.get(name, "varchar"))


def hive_type(duckdb: object) -> str:
    """The type that Glue holds for a column of a view or of a table made by a query."""
    name = str(duckdb).upper()
    if name.startswith("DECIMAL"):
        return name.lower()
    if name.endswith("[]") or name.startswith(("STRUCT", "MAP")):
        return exp.DataType.build(str(duckdb), dialect="duckdb").sql("hive").lower()
    trino = trino_type(duckdb)
    return HIVE.get(trino, trino)


def is_readable_as(found: object, declared: object) -> bool:
    """Reports whether Athena reads a Parquet column of DuckDB type `found` if the table declares `declared`.

    AWS: https://docs.aws.amazon.com/athena/latest/ug/handling-schema-updates-chapter.html
    """
    found, declared = str(found).upper(), str(declared).upper()
    if found == declared or declared in WIDER.get(found, ()):
        return True
    if declared == "TIMESTAMP":
        return found.startswith("TIMESTAMP")
    return found.startswith("DECIMAL") and declared.startswith("DECIMAL")
