"""Athena runs Trino SQL over the partitions of the Glue Data Catalog; ministack runs DuckDB SQL over every object below a table's location.

`executions` is the patch. A statement goes through these modules:

- `catalog_statements` runs statements on views, tables and partitions; `explain` returns plans.
- `translation` turns a query into DuckDB SQL: it expands views, and rejects what Trino rejects (`checks`).
- `pruning` finds the conditions on partition keys; `catalog` and `projection` list a table's partitions; `objects` lists their objects.
- `engine` runs the query; `result_text` and `type_names` spell values and types as Athena does.

AWS: https://docs.aws.amazon.com/athena/latest/ug/ddl-sql-reference.html
"""
