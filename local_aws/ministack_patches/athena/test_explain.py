"""The plan that names the partitions a query reads."""

import json

import pytest

from local_aws.ministack_patches.athena.sample_lake import FLAT, SampleLake
from local_aws.stack.athena_client import QueryError

EXPLAIN = "EXPLAIN (TYPE IO, FORMAT JSON) "


def scans(lake: SampleLake, sql: str) -> list[tuple[str, dict[str, list[str]], bool]]:
    """Each table that a query reads, the values of its keys, and whether no partition matches."""
    lines = [row[0] or "" for row in lake.rows(EXPLAIN + sql) if row != ["Query Plan"]]
    return [
        (
            table["table"]["schemaTable"]["table"],
            {
                key["columnName"]: [a_range["low"]["value"] for a_range in key["domain"]["ranges"]]
                for key in table["constraint"]["columnConstraints"]
            },
            table["constraint"]["none"],
        )
        for table in json.loads("\n".join(lines))["inputTableColumnInfos"]
    ]


@pytest.mark.parametrize(
    ("where", "months", "hours"),
    [
        ("true", ["11", "12"], ["00", "01"]),
        ("month = '11'", ["11"], ["00", "01"]),
        ("year = '2025' AND month = '11' AND hour > '00'", ["11"], ["01"]),
    ],
)
def test_plan_names_partitions(two_days: SampleLake, where: str, months: list[str], hours: list[str]) -> None:
    two_days.rows(FLAT)
    for table in ("events", "flat"):
        ((name, keys, none),) = scans(two_days, f"SELECT count(*) FROM {table} WHERE {where}")
        assert (name, keys["month"], keys["hour"], none) == ("events", months, hours, False)


def test_plan_without_matching_partition_is_none(two_days: SampleLake) -> None:
    assert scans(two_days, "SELECT 1 FROM events WHERE year = '1999'") == [("events", {}, True)]
    assert scans(two_days, "SELECT 1") == []


def test_plan_of_invalid_query_fails(two_days: SampleLake) -> None:
    with pytest.raises(QueryError, match="COLUMN_NOT_FOUND"):
        two_days.rows(f"{EXPLAIN}SELECT nothing FROM events")
