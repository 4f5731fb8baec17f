"""Prints the rows of a folder's Parquet files as JSON, as pyarrow and polars read them: FOLDER."""

import json
import sys
from pathlib import Path

import polars
import pyarrow.parquet

from rows import canonical

files = sorted(Path(sys.argv[1]).rglob("part-*.parquet"))
by_pyarrow, by_polars = [], []
for file in files:
    table = pyarrow.parquet.read_table(file, partitioning=None)
    at = table.schema.get_field_index("created_at")
    by_pyarrow += table.set_column(at, "created_at", table["created_at"].cast("int64")).to_pylist()
    frame = polars.read_parquet(file, hive_partitioning=False)
    by_polars += frame.with_columns(polars.col("created_at").dt.epoch("us")).to_dicts()
json.dump({"pyarrow": [canonical(row) for row in by_pyarrow], "polars": [canonical(row) for row in by_polars]}, sys.stdout)
