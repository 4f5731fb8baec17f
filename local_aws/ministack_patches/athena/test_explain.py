"""The plan that tells which partitions a query would read."""

import json

import pytest
from local_aws.stack.athena_client import QueryFailed
from local_aws.ministack_patches.athena.test_athena import FLAT, aws, lake, two_days  # noqa: F401

EXPLAIN = "EXPLAIN (TYPE IO, FORMAT JSON) "


def read(lake, sql):
    """The tables that a query reads, each with the values of its keys."""
    rows = lake.rows(EXPLAIN + sql)
    plan = json.loads("\n".join(row[0] for row in rows if row != ["Query Plan"]))
    return [
        (
            one["table"]["schemaTable"]["table"],
            {
                each["columnName"]: [a_range["low"]["value"] for a_range in each["domain"]["ranges"]]
                for each in one["constraint"]["columnConstraints"]
            },
            one["constraint"]["none"],
        )
        for one in plan["inputTableColumnInfos"]
    ]


@pytest.mark.parametrize(
    ("where", "months", "hours"),
    [
        ("true", ["11", "12"], ["00", "01"]),
        ("month = '11'", ["11"], ["00", "01"]),
        ("year = '2025' AND month = '11' AND hour > '00'", ["11"], ["01"]),
    ],
)
def test_a_plan_names_the_partitions(two_days, where, months, hours):  # noqa: F811
    two_days.rows(FLAT)
    for table in ("events", "flat"):
        ((name, keys, none),) = read(two_days, f"SELECT count(*) FROM {table} WHERE {where}")
        assert (name, keys["month"], keys["hour"], none) == ("events", months, hours, False)


def test_a_plan_says_that_no_partition_fits(two_days):  # noqa: F811
    assert read(two_days, "SELECT 1 FROM events WHERE year = '1999'") == [("events", {}, True)]
    assert read(two_days, "SELECT 1") == []


def test_a_query_that_makes_no_sense_has_no_plan(two_days):  # noqa: F811
    with pytest.raises(QueryFailed, match="COLUMN_NOT_FOUND"):
        two_days.rows(f"{EXPLAIN}SELECT nothing FROM events")
