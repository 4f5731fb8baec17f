"""One type in three languages: Glue (Hive), DuckDB and Trino, as far as the lake's tables need them."""

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
HIVE = {"integer": "int", "varchar": "string", "varbinary": "binary", "timestamp with time zone": "timestamp"}
WIDER = {
    "TINYINT": {"SMALLINT", "INTEGER", "BIGINT"},
    "SMALLINT": {"INTEGER", "BIGINT"},
    "INTEGER": {"BIGINT"},
    "FLOAT": {"DOUBLE"},
    "BLOB": {"VARCHAR"},  # a byte array without the UTF-8 mark
}


def duckdb_type(hive):
    """`struct<id:bigint>` -> `STRUCT(id BIGINT)`."""
    return exp.DataType.build(hive, dialect="hive").sql("duckdb")


def trino_type(duckdb):
    """The type that Athena reports for a result column."""
    name = str(duckdb).upper()
    if name.endswith("[]"):
        return "array"
    for prefix, answer in (("STRUCT", "row"), ("MAP", "map"), ("DECIMAL", "decimal"), ("TIMESTAMP_", "timestamp")):
        if name.startswith(prefix):
            return answer
    return TRINO.get(name, "varchar")


def hive_type(duckdb):
    """The type with which Glue describes a column that a query makes."""
    name = str(duckdb).upper()
    if name.startswith("DECIMAL"):
        return name.lower()
    if name.endswith("[]") or name.startswith(("STRUCT", "MAP")):
        return exp.DataType.build(str(duckdb), dialect="duckdb").sql("hive").lower()
    answer = trino_type(duckdb)
    return HIVE.get(answer, answer)


def readable_as(found, declared):
    """Whether Athena reads a Parquet column of DuckDB type `found` where the table declares `declared`."""
    found, declared = str(found).upper(), str(declared).upper()
    if found == declared or declared in WIDER.get(found, ()):
        return True
    if declared == "TIMESTAMP":
        return found.startswith("TIMESTAMP")
    return found.startswith("DECIMAL") and declared.startswith("DECIMAL")
