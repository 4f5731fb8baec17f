"""Which partitions and objects a query reads."""

import pytest

from local_aws.ministack_patches.athena.sample_lake import COLUMNS, DATABASE, FLAT, KEYS, ROW, SampleLake, folders


def test_table_without_partitions_has_columns_only(lake: SampleLake) -> None:
    result = lake.run("SELECT * FROM events")
    assert result.rows == []
    assert result.columns == [column["Name"] for column in COLUMNS + KEYS]
    assert result.types == ["varchar", "row", "row", "boolean", "timestamp", "bigint"] + ["varchar"] * 4
    assert lake.rows("SELECT count(*) FROM events WHERE actor.login = 'ann'") == [["0"]]


def test_objects_unregistered_are_not_read(lake: SampleLake) -> None:
    lake.put_hour("2025-11-21-00", "v1", 2)
    assert lake.rows("SELECT count(*) FROM events") == [["0"]]
    lake.register("2025-11-21-00", "v1")
    assert lake.rows("SELECT count(*) FROM events") == [["2"]]


def test_objects_of_other_version_are_not_read(lake: SampleLake) -> None:
    lake.put_hour("2025-11-21-00", "v1", 2)
    lake.put_hour("2025-11-21-00", "v2", 5)
    lake.register("2025-11-21-00", "v2")
    assert lake.rows("SELECT count(*), count(DISTINCT id) FROM events") == [["5", "5"]]


def test_location_prefix_of_other_folder_is_exact(lake: SampleLake) -> None:
    lake.put_hour("2025-11-21-00", "v1", 2)
    lake.put_hour("2025-11-21-00", "v10", 5)
    lake.register("2025-11-21-00", "v1")
    assert lake.rows("SELECT count(*) FROM events") == [["2"]]


def test_partition_without_objects_has_no_rows(two_days: SampleLake) -> None:
    two_days.register("2025-12-02-00", "v1")
    assert two_days.rows("SELECT count(*) FROM events WHERE dayofmonth = '02'") == [["0"]]
    assert two_days.rows("SELECT count(*) FROM events") == [["9"]]


def test_objects_hidden_are_not_read(two_days: SampleLake) -> None:
    two_days.put(f"raw/events/{folders('2025-11-21-00')}/v1/_part-x.parquet", ROW.format(id="hidden", line=1))
    assert two_days.rows("SELECT count(*) FROM events WHERE id = 'hidden'") == [["0"]]


def test_partition_values_are_text_from_glue(two_days: SampleLake) -> None:
    found = two_days.run("SELECT DISTINCT year, month, dayofmonth, hour FROM events ORDER BY 1, 2, 3, 4")
    assert found.rows == [["2025", "11", "21", "00"], ["2025", "11", "21", "01"], ["2025", "12", "01", "00"]]
    assert set(found.types) == {"varchar"}


def test_partition_deleted_has_no_rows(two_days: SampleLake) -> None:
    two_days.glue.delete_partition(DatabaseName=DATABASE, TableName="events", PartitionValues=["2025", "11", "21", "01"])
    assert two_days.rows("SELECT count(*) FROM events") == [["6"]]


PRUNED = {
    "equality": ("SELECT count(*) FROM events WHERE month = '11' AND hour = '01'", "3", {"2025-11-21-01"}),
    "a range": ("SELECT count(*) FROM events WHERE month >= '12'", "4", {"2025-12-01-00"}),
    "a list": ("SELECT count(*) FROM events WHERE hour IN ('01', '02')", "3", {"2025-11-21-01"}),
    "an OR": (
        "SELECT count(*) FROM events WHERE month = '12' OR (month = '11' AND hour = '00')",
        "6",
        {"2025-11-21-00", "2025-12-01-00"},
    ),
    "an expression of keys": (
        "SELECT count(*) FROM events WHERE year || '-' || month BETWEEN '2025-12' AND '2026-01'",
        "4",
        {"2025-12-01-00"},
    ),
    "a key beside another column": ("SELECT count(*) FROM events WHERE month = '12' AND source_line > 3", "1", {"2025-12-01-00"}),
    "through an alias": ("SELECT count(*) FROM events AS e WHERE e.month = '12'", "4", {"2025-12-01-00"}),
    "through a derived table": (
        "SELECT count(*) FROM (SELECT id, month AS m FROM events) WHERE m = '12'",
        "4",
        {"2025-12-01-00"},
    ),
    "through a view": ("SELECT count(*) FROM flat WHERE month = '12'", "4", {"2025-12-01-00"}),
    "through GROUP BY on the key": (
        "SELECT n FROM (SELECT month, count(*) AS n FROM events GROUP BY month) WHERE month = '12'",
        "4",
        {"2025-12-01-00"},
    ),
    "through a window by the key": (
        "SELECT max(n) FROM (SELECT month, count(*) OVER (PARTITION BY month) AS n FROM events) WHERE month = '12'",
        "4",
        {"2025-12-01-00"},
    ),
    "in a WITH query": ("WITH d AS (SELECT * FROM events WHERE month = '12') SELECT count(*) FROM d", "4", {"2025-12-01-00"}),
}


@pytest.mark.parametrize("case", PRUNED)
def test_partitions_are_pruned_by(two_days: SampleLake, case: str) -> None:
    two_days.run(FLAT)
    sql, count, hours = PRUNED[case]
    result = two_days.run(sql)
    assert result.rows == [[count]]
    assert result.scanned_bytes == sum(two_days.size_of(hour) for hour in hours)


NOT_PRUNED = {
    "no condition": ("SELECT count(*) FROM events", "9"),
    "a condition on another column": ("SELECT count(*) FROM events WHERE source_line = 1", "3"),
    "an OR with another column": ("SELECT count(*) FROM events WHERE month = '12' OR source_line = 1", "6"),
    "a limit inside": ("SELECT count(*) FROM (SELECT * FROM events LIMIT 9) WHERE month <> '01'", "9"),
    "a window over all": (
        "SELECT max(n) FROM (SELECT month, count(*) OVER () AS n FROM events) WHERE month = '12'",
        "9",
    ),
    "the optional side of an outer join": (
        "SELECT count(*) FROM (VALUES '11', '13') AS m(x) LEFT JOIN events e ON e.month = m.x WHERE e.month IS NULL",
        "1",
    ),
    "a WITH query read twice": (
        "WITH d AS (SELECT * FROM events) SELECT (SELECT count(*) FROM d) FROM d WHERE month = '12' LIMIT 1",
        "9",
    ),
}


@pytest.mark.parametrize("case", NOT_PRUNED)
def test_partitions_are_all_read_with(two_days: SampleLake, case: str) -> None:
    sql, count = NOT_PRUNED[case]
    result = two_days.run(sql)
    assert result.rows == [[count]]
    everything = sum(two_days.size_of(hour) for hour in ("2025-11-21-00", "2025-11-21-01", "2025-12-01-00"))
    assert result.scanned_bytes >= everything
