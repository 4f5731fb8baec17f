"""Verifies that Spark and pyarrow read the same rows from a folder that `ghactivity convert` wrote: FOLDER.

Run it by hand, because Spark takes 400 MB and a Java runtime: `pip install pyspark pyarrow`, then `python tests/e2e/spark_reads.py lake`.
"""

import json
import sys
from pathlib import Path

import pyarrow.parquet
from pyspark.sql import SparkSession, functions

from rows import canonical

files = [str(file) for file in sorted(Path(sys.argv[1]).rglob("part-*.parquet"))]
session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
session = session.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()
frame = session.read.parquet(*files).withColumn("created_at", functions.unix_micros("created_at"))
by_spark = [canonical(row.asDict(recursive=True)) for row in frame.collect()]
by_pyarrow = []
for file in files:
    table = pyarrow.parquet.read_table(file, partitioning=None)
    at = table.schema.get_field_index("created_at")
    by_pyarrow += [canonical(row) for row in table.set_column(at, "created_at", table["created_at"].cast("int64")).to_pylist()]
same = sorted(by_spark, key=json.dumps) == sorted(by_pyarrow, key=json.dumps)
print(f"{len(by_spark)} rows by Spark, {len(by_pyarrow)} by pyarrow: {'the same' if same else 'they differ'}")
sys.exit(0 if same else 1)
