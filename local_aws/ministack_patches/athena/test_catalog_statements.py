"""Statements on views, tables and partitions."""

import pytest

from local_aws.ministack_patches.athena.sample_lake import BUCKET, DATABASE, FLAT, SampleLake, folders
from local_aws.stack.athena_client import QueryError


def test_view_is_created_replaced_and_dropped(two_days: SampleLake) -> None:
    two_days.run(FLAT)
    assert two_days.rows("SELECT count(*), max(actor_login) FROM flat") == [["9", "ann"]]
    view = two_days.glue.get_table(DatabaseName=DATABASE, Name="flat")["Table"]
    assert (view["TableType"], view["StorageDescriptor"]["Columns"][1]) == ("VIRTUAL_VIEW", {"Name": "actor_login", "Type": "string"})
    two_days.run("CREATE OR REPLACE VIEW flat AS SELECT count(*) AS n FROM events")
    assert two_days.rows("SELECT n FROM flat") == [["9"]]
    with pytest.raises(QueryError, match="ALREADY_EXISTS"):
        two_days.run("CREATE VIEW flat AS SELECT 1 AS one")
    two_days.run("DROP VIEW flat")
    two_days.run("DROP VIEW IF EXISTS flat")
    with pytest.raises(QueryError, match="TABLE_NOT_FOUND"):
        two_days.rows("SELECT * FROM flat")


def test_view_of_view_is_pruned(two_days: SampleLake) -> None:
    two_days.run(FLAT)
    two_days.run("CREATE VIEW flatter AS SELECT id FROM flat WHERE month = '12'")
    result = two_days.run("SELECT count(*) FROM flatter")
    assert (result.rows, result.scanned_bytes) == ([["4"]], two_days.size_of("2025-12-01-00"))


def test_views_in_a_circle_are_rejected(two_days: SampleLake) -> None:
    two_days.run("CREATE VIEW one AS SELECT id FROM events")
    two_days.run("CREATE VIEW other AS SELECT id FROM one")
    two_days.run("CREATE OR REPLACE VIEW one AS SELECT id FROM other")
    with pytest.raises(QueryError, match="INVALID_VIEW"):
        two_days.rows("SELECT * FROM one")


def test_partitions_are_listed(two_days: SampleLake) -> None:
    wanted = [[folders(hour)] for hour in ("2025-11-21-00", "2025-11-21-01", "2025-12-01-00")]
    assert two_days.rows("SHOW PARTITIONS events") == wanted
    listed = two_days.rows("SELECT month, hour FROM \"events$partitions\" WHERE month = '11' ORDER BY hour")
    assert listed == [["11", "00"], ["11", "01"]]


def test_partitions_are_added_and_dropped(two_days: SampleLake) -> None:
    two_days.put_hour("2025-12-02-05", "v1", 6)
    where = "PARTITION (year='2025', month='12', dayofmonth='02', hour='05')"
    location = f"s3://{BUCKET}/raw/events/{folders('2025-12-02-05')}/v1/"
    two_days.run(f"ALTER TABLE events ADD IF NOT EXISTS {where} LOCATION '{location}'")
    assert two_days.rows("SELECT count(*) FROM events WHERE dayofmonth = '02'") == [["6"]]
    with pytest.raises(QueryError, match="ALREADY_EXISTS"):
        two_days.run(f"ALTER TABLE events ADD {where}")
    two_days.run(f"ALTER TABLE events DROP {where}")
    assert two_days.rows("SELECT count(*) FROM events") == [["9"]]


def test_repair_registers_partition_folders(lake: SampleLake) -> None:
    lake.put_hour("2025-11-21-00", "v1", 2)
    lake.put_hour("2025-11-21-01", "v1", 3)
    lake.run("MSCK REPAIR TABLE events")
    assert lake.rows("SELECT hour, count(*) FROM events GROUP BY hour ORDER BY hour") == [["00", "2"], ["01", "3"]]


def test_table_is_created_from_query(two_days: SampleLake) -> None:
    two_days.run(
        f"CREATE TABLE summary WITH (format = 'PARQUET', external_location = 's3://{BUCKET}/summary/') AS "
        "SELECT hour, count(*) AS events FROM events GROUP BY hour"
    )
    assert two_days.rows("SELECT * FROM summary ORDER BY hour") == [["00", "6"], ["01", "3"]]
