"""Converts with polars, streaming, one thread, with a schema: IN OUT keep|drop. polars parses and rewrites the payload."""

import sys

import polars as pl

source, output, payload = sys.argv[1:]
TEXTS = {"login": pl.String, "display_login": pl.String, "gravatar_id": pl.String, "url": pl.String, "avatar_url": pl.String}
ORG = {name: kind for name, kind in TEXTS.items() if name != "display_login"}
SCHEMA = {
    "id": pl.String,
    "type": pl.String,
    "actor": pl.Struct({"id": pl.Int64, **TEXTS}),
    "repo": pl.Struct({"id": pl.Int64, "name": pl.String, "url": pl.String}),
    "org": pl.Struct({"id": pl.Int64, **ORG}),
    "public": pl.Boolean,
    "created_at": pl.String,
}
if payload == "keep":
    SCHEMA["payload"] = pl.String

rows = pl.scan_ndjson(source, schema=SCHEMA)
rows = rows.with_columns(pl.col("created_at").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC"))
rows.sink_parquet(output, compression="snappy")
