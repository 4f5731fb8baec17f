"""A small lake for the tests of this package: one partitioned table, whose objects and partitions a test adds."""

from pathlib import Path
from typing import Any

import duckdb

from local_aws.stack.athena_client import QueryResult, run_query
from local_aws.stack.aws import LocalAws

BUCKET, DATABASE, WORKGROUP = "lake", "lake_db", "lake"
COLUMNS = [
    {"Name": "id", "Type": "string"},
    {"Name": "actor", "Type": "struct<id:bigint,login:string>"},
    {"Name": "org", "Type": "struct<id:bigint,login:string>"},
    {"Name": "public", "Type": "boolean"},
    {"Name": "created_at", "Type": "timestamp"},
    {"Name": "source_line", "Type": "bigint"},
]
KEYS = [{"Name": name, "Type": "string"} for name in ("year", "month", "dayofmonth", "hour")]
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}
ROW = """
    SELECT '{id}' AS id, {{'id': 7::BIGINT, 'login': 'ann'}} AS actor, {{'id': NULL::BIGINT, 'login': NULL::VARCHAR}} AS org,
      true AS public, TIMESTAMP '2025-11-21 00:00:01.5' AS created_at, {line}::BIGINT AS source_line
"""
FLAT = "CREATE OR REPLACE VIEW flat AS SELECT id, actor.login AS actor_login, year, month, dayofmonth, hour FROM events"


class SampleLake:
    """A database with the table `events`. Hours are named `2025-11-21-00`."""

    def __init__(self, aws: LocalAws, folder: Path) -> None:
        self.aws, self.folder = aws, folder
        self.s3, self.glue, self.athena = (aws.client(name) for name in ("s3", "glue", "athena"))
        self.s3.create_bucket(Bucket=BUCKET)
        self.glue.create_database(DatabaseInput={"Name": DATABASE})
        self.athena.create_work_group(
            Name=WORKGROUP,
            Configuration={
                "EnforceWorkGroupConfiguration": True,
                "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/results/"},
            },
        )
        self.create_table("events", f"s3://{BUCKET}/raw/events/")

    def create_table(
        self,
        name: str,
        location: str,
        columns: list[dict[str, str]] = COLUMNS,
        keys: list[dict[str, str]] = KEYS,
        parameters: dict[str, str] | None = None,
    ) -> None:
        table = {
            "Name": name,
            "TableType": "EXTERNAL_TABLE",
            "StorageDescriptor": {"Columns": columns, "Location": location, **PARQUET},
            "PartitionKeys": keys,
            "Parameters": parameters or {},
        }
        self.glue.create_table(DatabaseName=DATABASE, TableInput=table)

    def put(self, key: str, select: str) -> int:
        """Writes the rows of a DuckDB query as one Parquet object and returns its size."""
        path = self.folder / "object.parquet"
        duckdb.sql(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
        return path.stat().st_size

    def put_hour(self, hour: str, version: str, rows: int) -> int:
        lines = " UNION ALL ".join(ROW.format(id=f"{hour}-{index}", line=index + 1) for index in range(rows))
        return self.put(f"raw/events/{folders(hour)}/{version}/part-00000.snappy.parquet", lines)

    def register(self, hour: str, version: str) -> None:
        storage: dict[str, Any] = {"Columns": COLUMNS, "Location": f"s3://{BUCKET}/raw/events/{folders(hour)}/{version}/", **PARQUET}
        partition = {"Values": hour.split("-"), "StorageDescriptor": storage}
        self.glue.create_partition(DatabaseName=DATABASE, TableName="events", PartitionInput=partition)

    def size_of(self, hour: str) -> int:
        """Bytes of the objects of an hour's version `v1`."""
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"raw/events/{folders(hour)}/v1/")
        return sum(one["Size"] for one in listed["Contents"])

    def run(self, sql: str, *parameters: str) -> QueryResult:
        return run_query(self.athena, sql, DATABASE, WORKGROUP, parameters)

    def rows(self, sql: str, *parameters: str) -> list[list[str | None]]:
        return self.run(sql, *parameters).rows


def folders(hour: str) -> str:
    """`year=2025/month=11/dayofmonth=21/hour=00`."""
    return "/".join(f"{key['Name']}={value}" for key, value in zip(KEYS, hour.split("-"), strict=True))
