"""Athena for ministack: the SQL of Trino on DuckDB, over the registered partitions of the Glue catalog."""
