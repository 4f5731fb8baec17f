"""Partition projection: a query reads the partitions that the table's parameters describe, and no others."""

import datetime

import pytest

from local_aws.ministack_patches.athena.sample_lake import SampleLake
from local_aws.stack.athena_client import QueryError

COLUMNS = [{"Name": "id", "Type": "bigint"}]
KEYS = [{"Name": "kind", "Type": "string"}, {"Name": "day", "Type": "string"}]
PROJECTION = {
    "projection.enabled": "true",
    "projection.kind.type": "enum",
    "projection.kind.values": "a,b",
    "projection.day.type": "date",
    "projection.day.format": "yyyy-MM-dd",
    "projection.day.range": "2025-11-01,NOW+1DAYS",
}


def create_table(lake: SampleLake, name: str, parameters: dict[str, str], keys: list[dict[str, str]] = KEYS) -> None:
    lake.create_table(name, f"s3://lake/{name}/", COLUMNS, keys, parameters)


def put(lake: SampleLake, key: str, number: int) -> None:
    lake.put(f"{key}/x.parquet", f"SELECT {number}::BIGINT AS id")


def test_object_is_read_within_the_ranges_only(lake: SampleLake) -> None:
    create_table(lake, "projected", PROJECTION)
    today = datetime.datetime.now(datetime.UTC).date()
    assert lake.run("SELECT * FROM projected").rows == []
    for number, (kind, day) in enumerate(
        [
            ("a", "2025-11-01"),
            ("b", today),
            ("a", today + datetime.timedelta(days=1)),
            ("c", "2025-11-02"),
            ("a", "2025-10-31"),
            ("a", today + datetime.timedelta(days=2)),
            ("a", "2025-11-2"),
        ]
    ):
        put(lake, f"projected/kind={kind}/day={day}", number)
    assert lake.run("SELECT id FROM projected ORDER BY id").rows == [["0"], ["1"], ["2"]]


def test_conditions_prune_projected_partitions(lake: SampleLake) -> None:
    create_table(lake, "pruned", PROJECTION)
    for number in (3, 4):
        put(lake, f"pruned/kind=a/day=2025-11-0{number}", number)
    whole = lake.run("SELECT kind, day, id FROM pruned ORDER BY day")
    assert whole.rows == [["a", "2025-11-03", "3"], ["a", "2025-11-04", "4"]]
    one = lake.run("SELECT id FROM pruned WHERE day = ? AND kind = ?", "'2025-11-04'", "'a'")
    assert one.rows == [["4"]]
    assert one.scanned_bytes * 2 == whole.scanned_bytes


def test_location_template_names_the_partitions(lake: SampleLake) -> None:
    create_table(lake, "elsewhere", PROJECTION | {"storage.location.template": "s3://lake/moved/${day}/of-${kind}/"})
    put(lake, "moved/2025-11-03/of-b", 7)
    put(lake, "elsewhere/kind=a/day=2025-11-03", 8)
    assert lake.run("SELECT kind, id FROM elsewhere").rows == [["b", "7"]]


def test_integers_have_range_interval_and_digits(lake: SampleLake) -> None:
    parameters = {"projection.enabled": "true", "projection.hour.type": "integer", "projection.hour.range": "0,23"}
    parameters |= {"projection.hour.digits": "2", "projection.hour.interval": "2"}
    create_table(lake, "hours", parameters, [{"Name": "hour", "Type": "string"}])
    for hour in ("00", "01", "02", "2", "24", "xx"):
        put(lake, f"hours/hour={hour}", 1)
    assert lake.run("SELECT hour FROM hours ORDER BY hour").rows == [["00"], ["02"]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"projection.kind.type": "injected"}, "NOT_SUPPORTED: .* 'injected' of kind"),
        ({"projection.kind.values": ""}, "INVALID_TABLE_PROPERTY: projection.kind.values is missing"),
        ({"projection.day.range": "soon,NOW"}, "INVALID_TABLE_PROPERTY: projection.day.range: 'soon' is not a date"),
        ({"storage.location.template": "s3://lake/x/${kind}/"}, "does not name the partition key day"),
        ({"storage.location.template": "s3://lake/x/${kind}/${day}/${x}/"}, "which is not a partition key"),
        ({"projection.day.format": "dd.MM.yyyy"}, "NOT_SUPPORTED: .* dates as yyyy-MM-dd"),
    ],
)
def test_invalid_parameters_are_named(lake: SampleLake, change: dict[str, str], reason: str) -> None:
    create_table(lake, "invalid", PROJECTION | change)
    with pytest.raises(QueryError, match=reason):
        lake.run("SELECT * FROM invalid")
