"""Partition projection: the local Athena reads what the table's parameters describe, and nothing else."""

import datetime

import pytest
from local_aws.stack.athena_client import QueryFailed
from local_aws.ministack_patches.athena.test_athena import DATABASE, PARQUET, Lake
from local_aws.stack.aws import LocalAws

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


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    with LocalAws(tmp_path_factory.mktemp("aws")) as aws:
        yield Lake(aws, tmp_path_factory.mktemp("objects"))


def table(lake, name, parameters, keys=KEYS):
    storage = {"Columns": COLUMNS, "Location": f"s3://lake/{name}/", **PARQUET}
    described = {"Name": name, "TableType": "EXTERNAL_TABLE", "StorageDescriptor": storage, "PartitionKeys": keys}
    lake.glue.create_table(DatabaseName=DATABASE, TableInput={**described, "Parameters": parameters})


def put(lake, key, number):
    lake.put(f"{key}/x.parquet", f"SELECT {number}::BIGINT AS id")


def test_an_object_is_seen_at_once_and_only_within_the_ranges(lake):
    table(lake, "projected", PROJECTION)
    today = datetime.datetime.now(datetime.timezone.utc).date()
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


def test_conditions_choose_partitions_before_anything_is_read(lake):
    table(lake, "chosen", PROJECTION)
    for day in ("2025-11-03", "2025-11-04"):
        put(lake, f"chosen/kind=a/day={day}", day[-1])
    whole = lake.run("SELECT kind, day, id FROM chosen ORDER BY day")
    assert whole.rows == [["a", "2025-11-03", "3"], ["a", "2025-11-04", "4"]]
    one = lake.run("SELECT id FROM chosen WHERE day = ? AND kind = ?", "'2025-11-04'", "'a'")
    assert one.rows == [["4"]]
    assert one.scanned_bytes * 2 == whole.scanned_bytes


def test_the_template_says_where_partitions_are(lake):
    table(lake, "elsewhere", PROJECTION | {"storage.location.template": "s3://lake/moved/${day}/of-${kind}/"})
    put(lake, "moved/2025-11-03/of-b", 7)
    put(lake, "elsewhere/kind=a/day=2025-11-03", 8)
    assert lake.run("SELECT kind, id FROM elsewhere").rows == [["b", "7"]]


def test_integers_have_range_step_and_digits(lake):
    parameters = {"projection.enabled": "true", "projection.hour.type": "integer", "projection.hour.range": "0,23"}
    parameters |= {"projection.hour.digits": "2", "projection.hour.interval": "2"}
    table(lake, "hours", parameters, [{"Name": "hour", "Type": "string"}])
    for hour in ("00", "01", "02", "2", "24", "xx"):
        put(lake, f"hours/hour={hour}", 1)
    assert lake.run("SELECT hour FROM hours ORDER BY hour").rows == [["00"], ["02"]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"projection.kind.type": "injected"}, "NOT_SUPPORTED: .* 'injected' of kind"),
        ({"projection.kind.values": ""}, "INVALID_TABLE_PROPERTY: projection.kind.values is missing"),
        ({"projection.day.range": "soon,NOW"}, "INVALID_TABLE_PROPERTY: projection.day.range: 'soon' is no date"),
        ({"storage.location.template": "s3://lake/x/${kind}/"}, "does not name the partition key day"),
        ({"storage.location.template": "s3://lake/x/${kind}/${day}/${x}/"}, "which is no partition key"),
        ({"projection.day.format": "dd.MM.yyyy"}, "NOT_SUPPORTED: .* dates as yyyy-MM-dd"),
    ],
)
def test_parameters_that_athena_could_not_project_by_are_named(lake, change, reason):
    name = "bad_" + "".join(filter(str.isalnum, reason)).lower()
    table(lake, name, PROJECTION | change)
    with pytest.raises(QueryFailed, match=reason):
        lake.run(f"SELECT * FROM {name}")
