"""How results are spelled, typed, limited and stored."""

import pytest
from botocore.exceptions import ClientError

from local_aws.ministack_patches.athena.sample_lake import BUCKET, DATABASE, WORKGROUP, SampleLake, folders
from local_aws.stack.athena_client import QueryError, run_query


def test_workgroup_unknown_is_rejected(lake: SampleLake) -> None:
    with pytest.raises(ClientError, match="is not found"):
        run_query(lake.athena, "SELECT 1", DATABASE, "nobody")


VALUES = {
    "an integer division": ("SELECT count(*) / 2 FROM events WHERE month = '12'", "2", "bigint"),
    "a sum of bigints": ("SELECT sum(source_line) FROM events", "19", "bigint"),
    "a double": ("SELECT CAST(count(*) AS double) / 4 FROM events", "2.25", "double"),
    "a whole double": ("SELECT CAST(3 AS double)", "3.0", "double"),
    "a large double": ("SELECT 12345678900e0", "1.23456789E10", "double"),
    "a boolean": ("SELECT max(public) FROM events", "true", "boolean"),
    "a timestamp in milliseconds": ("SELECT max(created_at) FROM events", "2025-11-21 00:00:01.500", "timestamp"),
    "a date": ("SELECT DATE '2025-11-21'", "2025-11-21", "date"),
    "a struct's field that is NULL": ("SELECT max(org.login) FROM events", None, "varchar"),
    "a struct": ("SELECT max(actor) FROM events", "{id=7, login=ann}", "row"),
    "an array": ("SELECT ARRAY['a', 'b']", "[a, b]", "array"),
    "a formatted time": ("SELECT date_format(max(created_at), '%Y-%m-%d %H') FROM events", "2025-11-21 00", "varchar"),
    "JSON": ("SELECT json_extract_scalar('{\"a\": {\"b\": 1}}', '$.a.b')", "1", "varchar"),
    "the object of a row": (
        "SELECT max(\"$path\") FROM events WHERE month = '12'",
        f"s3://{BUCKET}/raw/events/year=2025/month=12/dayofmonth=01/hour=00/v1/part-00000.snappy.parquet",
        "varchar",
    ),
}


@pytest.mark.parametrize("case", VALUES)
def test_result_has_text_and_type_of(two_days: SampleLake, case: str) -> None:
    sql, value, kind = VALUES[case]
    result = two_days.run(sql)
    assert (result.rows, result.types) == ([[value]], [kind])


def test_results_are_written_as_quoted_csv(two_days: SampleLake) -> None:
    result = two_days.run("SELECT 'a\"b,c' AS x, CAST(NULL AS varchar) AS y, count(*) AS n FROM events")
    assert result.output_location.startswith(f"s3://{BUCKET}/results/")
    key = result.output_location.removeprefix(f"s3://{BUCKET}/")
    body = two_days.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert body == b'"x","y","n"\n"a""b,c",,"9"\n'


def test_results_of_several_pages_are_complete(lake: SampleLake) -> None:
    rows = lake.rows("SELECT n FROM UNNEST(sequence(1, 2500)) AS t(n) ORDER BY n")
    assert rows == [[str(number)] for number in range(1, 2501)]


def test_query_beyond_scan_limit_is_cancelled(two_days: SampleLake) -> None:
    smallest = 10_000_000
    two_days.athena.update_work_group(WorkGroup=WORKGROUP, ConfigurationUpdates={"BytesScannedCutoffPerQuery": smallest})
    noise = "SELECT md5(n::VARCHAR) || md5((n + 0.5)::VARCHAR) AS id FROM range(250000) AS t(n)"
    assert two_days.put(f"raw/events/{folders('2025-12-01-00')}/v1/part-00001.parquet", noise) > smallest
    assert two_days.rows("SELECT count(*) FROM events WHERE month = '11'") == [["5"]]
    with pytest.raises(QueryError, match="Bytes scanned limit"):
        two_days.run("SELECT count(*) FROM events")
