"""Converts with DuckDB, one thread, with a schema: IN OUT keep|drop."""

import sys

import duckdb

source, output, payload = sys.argv[1:]
COLUMNS = {
    "id": "VARCHAR",
    "type": "VARCHAR",
    "actor": "STRUCT(id BIGINT, login VARCHAR, display_login VARCHAR, gravatar_id VARCHAR, url VARCHAR, avatar_url VARCHAR)",
    "repo": "STRUCT(id BIGINT, name VARCHAR, url VARCHAR)",
    "org": "STRUCT(id BIGINT, login VARCHAR, gravatar_id VARCHAR, url VARCHAR, avatar_url VARCHAR)",
    "public": "BOOLEAN",
    "created_at": "TIMESTAMP",
}
if payload == "keep":
    COLUMNS["payload"] = "JSON"

database = duckdb.connect()
database.execute("SET threads = 1")
database.execute(
    f"""COPY (SELECT * FROM read_json('{source}', format = 'newline_delimited', compression = 'gzip', columns = {COLUMNS}))
        TO '{output}' (FORMAT parquet, COMPRESSION snappy)"""
)
