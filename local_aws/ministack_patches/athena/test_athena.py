"""The local Athena against a small lake of its own: what it must see, must not see, and must refuse.

Run with: .tools/local/bin/python -m pytest local_aws
"""

import urllib.request

import duckdb
import pytest
from local_aws.stack.athena_client import QueryFailed, run_query
from botocore.exceptions import ClientError
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


class Lake:
    """A database with one table, and the means to put objects and partitions into it."""

    def __init__(self, aws, folder):
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
        self.create_table("events")

    def create_table(self, name, columns=None, **parameters):
        storage = {"Columns": columns or COLUMNS, "Location": f"s3://{BUCKET}/raw/{name}/", **PARQUET}
        table = {"Name": name, "TableType": "EXTERNAL_TABLE", "StorageDescriptor": storage}
        self.glue.create_table(
            DatabaseName=DATABASE, TableInput={**table, "PartitionKeys": KEYS, "Parameters": parameters}
        )

    def put(self, key, select):
        """Writes the rows of a DuckDB query as one Parquet object; answers its size."""
        path = self.folder / "object.parquet"
        duckdb.sql(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
        return path.stat().st_size

    def put_hour(self, hour, version, rows, table="events", part=0):
        lines = " UNION ALL ".join(ROW.format(id=f"{hour}-{index}", line=index + 1) for index in range(rows))
        return self.put(f"raw/{table}/{folders(hour)}/{version}/part-{part:05}.snappy.parquet", lines)

    def register(self, hour, version, table="events"):
        storage = {"Columns": COLUMNS, "Location": f"s3://{BUCKET}/raw/{table}/{folders(hour)}/{version}/", **PARQUET}
        self.glue.create_partition(
            DatabaseName=DATABASE,
            TableName=table,
            PartitionInput={"Values": hour.split("-"), "StorageDescriptor": storage},
        )

    def run(self, sql, *parameters):
        return run_query(self.athena, sql, DATABASE, WORKGROUP, parameters)

    def rows(self, sql, *parameters):
        return self.run(sql, *parameters).rows


def folders(hour):
    return "/".join(f"{key['Name']}={value}" for key, value in zip(KEYS, hour.split("-")))


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    with LocalAws(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture
def lake(aws, tmp_path):
    """An empty lake: whatever the test before left is gone."""
    urllib.request.urlopen(urllib.request.Request(f"{aws.endpoint}/_ministack/reset", method="POST")).close()
    return Lake(aws, tmp_path)


@pytest.fixture
def two_days(lake):
    """Hours 2025-11-21-00 (2 rows), -01 (3 rows) and 2025-12-01-00 (4 rows), all registered."""
    for hour, rows in (("2025-11-21-00", 2), ("2025-11-21-01", 3), ("2025-12-01-00", 4)):
        lake.put_hour(hour, "v1", rows)
        lake.register(hour, "v1")
    return lake


def test_a_table_without_any_partition_has_no_rows_but_its_columns(lake):
    result = lake.run("SELECT * FROM events")
    assert result.rows == []
    assert result.columns == [column["Name"] for column in COLUMNS + KEYS]
    assert result.types == ["varchar", "row", "row", "boolean", "timestamp", "bigint"] + ["varchar"] * 4
    assert lake.rows("SELECT count(*) FROM events WHERE actor.login = 'ann'") == [["0"]]


def test_objects_of_an_hour_that_is_not_registered_are_invisible(lake):
    lake.put_hour("2025-11-21-00", "v1", 2)
    assert lake.rows("SELECT count(*) FROM events") == [["0"]]
    lake.register("2025-11-21-00", "v1")
    assert lake.rows("SELECT count(*) FROM events") == [["2"]]


def test_objects_of_another_version_beside_the_registered_one_are_invisible(lake):
    lake.put_hour("2025-11-21-00", "v1", 2)
    lake.put_hour("2025-11-21-00", "v2", 5)
    lake.register("2025-11-21-00", "v2")
    assert lake.rows("SELECT count(*), count(DISTINCT id) FROM events") == [["5", "5"]]


def test_a_location_that_is_a_prefix_of_another_folder_does_not_take_its_objects(lake):
    lake.put_hour("2025-11-21-00", "v1", 2)
    lake.put_hour("2025-11-21-00", "v10", 5)
    lake.register("2025-11-21-00", "v1")
    assert lake.rows("SELECT count(*) FROM events") == [["2"]]


def test_a_registered_partition_without_objects_has_no_rows(two_days):
    two_days.register("2025-12-02-00", "v1")
    assert two_days.rows("SELECT count(*) FROM events WHERE dayofmonth = '02'") == [["0"]]
    assert two_days.rows("SELECT count(*) FROM events") == [["9"]]


def test_hidden_objects_are_not_read(two_days):
    two_days.put(f"raw/events/{folders('2025-11-21-00')}/v1/_part-x.parquet", ROW.format(id="hidden", line=1))
    assert two_days.rows("SELECT count(*) FROM events WHERE id = 'hidden'") == [["0"]]


def test_partition_values_come_from_glue_as_text(two_days):
    found = two_days.run("SELECT DISTINCT year, month, dayofmonth, hour FROM events ORDER BY 1, 2, 3, 4")
    assert found.rows == [["2025", "11", "21", "00"], ["2025", "11", "21", "01"], ["2025", "12", "01", "00"]]
    assert set(found.types) == {"varchar"}


def test_the_value_of_a_deleted_partition_is_gone_though_its_objects_stay(two_days):
    two_days.glue.delete_partition(
        DatabaseName=DATABASE, TableName="events", PartitionValues=["2025", "11", "21", "01"]
    )
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
def test_partitions_are_pruned_by(two_days, case):
    two_days.run(FLAT)
    sql, count, hours = PRUNED[case]
    result = two_days.run(sql)
    assert result.rows == [[count]]
    assert result.scanned_bytes == sum(size_of(two_days, hour) for hour in hours)


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
def test_all_partitions_are_read_with(two_days, case):
    sql, count = NOT_PRUNED[case]
    result = two_days.run(sql)
    assert result.rows == [[count]]
    everything = sum(size_of(two_days, hour) for hour in ("2025-11-21-00", "2025-11-21-01", "2025-12-01-00"))
    assert result.scanned_bytes >= everything


def size_of(lake, hour):
    listed = lake.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"raw/events/{folders(hour)}/v1/")
    return sum(one["Size"] for one in listed["Contents"])


def test_parameters_are_sql_text_in_the_order_of_their_marks(two_days):
    sql = "WITH d AS (SELECT * FROM events WHERE month = ?) SELECT count(*), '?' FROM d -- ?\nWHERE hour = ? LIMIT ?"
    assert two_days.rows(sql, "'11'", "'01'", "1") == [["3", "?"]]


REFUSED = {
    "too few parameters": ("SELECT count(*) FROM events WHERE month = ? AND hour = ?", ["'11'"], "INVALID_PARAMETER_USAGE"),
    "a parameter that is a bare word": ("SELECT count(*) FROM events WHERE month = ?", ["eleven"], "COLUMN_NOT_FOUND"),
    "text compared with a number": ("SELECT count(*) FROM events WHERE month = 11", [], "TYPE_MISMATCH"),
    "text in a list of numbers": ("SELECT count(*) FROM events WHERE hour IN (1, 2)", [], "TYPE_MISMATCH"),
    "an unquoted parameter for text": ("SELECT count(*) FROM events WHERE month = ?", ["11"], "TYPE_MISMATCH"),
    "grouping by an alias of the select list": ("SELECT month || hour AS slot, count(*) FROM events GROUP BY slot", [], "COLUMN_NOT_FOUND"),
    "an alias in WHERE": ("SELECT source_line + 1 AS n FROM events WHERE n > 1", [], "COLUMN_NOT_FOUND"),
    "a table that is not there": ("SELECT * FROM nothing", [], "TABLE_NOT_FOUND"),
    "a database that is not there": ("SELECT * FROM elsewhere.events", [], "SCHEMA_NOT_FOUND"),
    "a column that is not there": ("SELECT nothing FROM events", [], "COLUMN_NOT_FOUND"),
    "DuckDB's cast": ("SELECT '1'::bigint", [], "SYNTAX_ERROR"),
    "DuckDB's QUALIFY": ("SELECT id FROM events QUALIFY row_number() OVER () = 1", [], "SYNTAX_ERROR"),
    "no SQL": ("SELEKT 1 FROM", [], "SYNTAX_ERROR"),
    "two statements": ("SELECT 1; SELECT 2", [], "SYNTAX_ERROR"),
    "reading files by DuckDB's functions": ("SELECT * FROM read_csv('/etc/passwd')", [], "FUNCTION_NOT_FOUND"),
    "a statement of another kind": ("DELETE FROM events", [], "NOT_SUPPORTED"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_query_fails_with_its_reason_for(two_days, case):
    sql, parameters, reason = REFUSED[case]
    with pytest.raises(QueryFailed, match=reason):
        two_days.run(sql, *parameters)


def test_an_unknown_workgroup_is_refused_at_once(lake):
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
        'SELECT max("$path") FROM events WHERE month = \'12\'',
        f"s3://{BUCKET}/raw/events/year=2025/month=12/dayofmonth=01/hour=00/v1/part-00000.snappy.parquet",
        "varchar",
    ),
}


@pytest.mark.parametrize("case", VALUES)
def test_results_have_athenas_text_and_type_for(two_days, case):
    sql, value, kind = VALUES[case]
    result = two_days.run(sql)
    assert (result.rows, result.types) == ([[value]], [kind])


def test_columns_without_a_name_are_called_as_trino_calls_them(two_days):
    assert two_days.run("SELECT actor.login, count(*), max(id) AS newest FROM events GROUP BY actor.login").columns == [
        "login",
        "_col1",
        "newest",
    ]


def test_results_are_written_to_the_workgroups_location_in_quotes(two_days):
    result = two_days.run("SELECT 'a\"b,c' AS x, CAST(NULL AS varchar) AS y, count(*) AS n FROM events")
    assert result.output_location.startswith(f"s3://{BUCKET}/results/")
    key = result.output_location.removeprefix(f"s3://{BUCKET}/")
    body = two_days.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert body == b'"x","y","n"\n"a""b,c",,"9"\n'


def test_more_rows_than_a_page_come_completely_and_in_order(lake):
    rows = lake.rows("SELECT n FROM UNNEST(sequence(1, 2500)) AS t(n) ORDER BY n")
    assert rows == [[str(number)] for number in range(1, 2501)]


def test_a_query_beyond_the_workgroups_limit_is_cancelled(two_days):
    smallest = 10_000_000
    two_days.athena.update_work_group(
        WorkGroup=WORKGROUP, ConfigurationUpdates={"BytesScannedCutoffPerQuery": smallest}
    )
    noise = "SELECT md5(n::VARCHAR) || md5((n + 0.5)::VARCHAR) AS id FROM range(250000) AS t(n)"
    assert two_days.put(f"raw/events/{folders('2025-12-01-00')}/v1/part-00001.parquet", noise) > smallest
    assert two_days.rows("SELECT count(*) FROM events WHERE month = '11'") == [["5"]]
    with pytest.raises(QueryFailed, match="Bytes scanned limit"):
        two_days.run("SELECT count(*) FROM events")


def test_a_view_answers_and_can_be_replaced_and_dropped(two_days):
    two_days.run(FLAT)
    assert two_days.rows("SELECT count(*), max(actor_login) FROM flat") == [["9", "ann"]]
    view = two_days.glue.get_table(DatabaseName=DATABASE, Name="flat")["Table"]
    assert (view["TableType"], view["StorageDescriptor"]["Columns"][1]) == ("VIRTUAL_VIEW", {"Name": "actor_login", "Type": "string"})
    two_days.run("CREATE OR REPLACE VIEW flat AS SELECT count(*) AS n FROM events")
    assert two_days.rows("SELECT n FROM flat") == [["9"]]
    with pytest.raises(QueryFailed, match="ALREADY_EXISTS"):
        two_days.run("CREATE VIEW flat AS SELECT 1 AS one")
    two_days.run("DROP VIEW flat")
    two_days.run("DROP VIEW IF EXISTS flat")
    with pytest.raises(QueryFailed, match="TABLE_NOT_FOUND"):
        two_days.rows("SELECT * FROM flat")


def test_a_view_of_a_view_answers(two_days):
    two_days.run(FLAT)
    two_days.run("CREATE VIEW flatter AS SELECT id FROM flat WHERE month = '12'")
    result = two_days.run("SELECT count(*) FROM flatter")
    assert (result.rows, result.scanned_bytes) == ([["4"]], size_of(two_days, "2025-12-01-00"))


def test_views_in_a_circle_are_refused(two_days):
    two_days.run("CREATE VIEW one AS SELECT id FROM events")
    two_days.run("CREATE VIEW other AS SELECT id FROM one")
    two_days.run("CREATE OR REPLACE VIEW one AS SELECT id FROM other")
    with pytest.raises(QueryFailed, match="INVALID_VIEW"):
        two_days.rows("SELECT * FROM one")


def test_partitions_are_listed(two_days):
    wanted = [[folders(hour)] for hour in ("2025-11-21-00", "2025-11-21-01", "2025-12-01-00")]
    assert two_days.rows("SHOW PARTITIONS events") == wanted
    listed = two_days.rows('SELECT month, hour FROM "events$partitions" WHERE month = \'11\' ORDER BY hour')
    assert listed == [["11", "00"], ["11", "01"]]


def test_partitions_are_added_and_dropped_by_sql(two_days):
    two_days.put_hour("2025-12-02-05", "v1", 6)
    where = "PARTITION (year='2025', month='12', dayofmonth='02', hour='05')"
    location = f"s3://{BUCKET}/raw/events/{folders('2025-12-02-05')}/v1/"
    two_days.run(f"ALTER TABLE events ADD IF NOT EXISTS {where} LOCATION '{location}'")
    assert two_days.rows("SELECT count(*) FROM events WHERE dayofmonth = '02'") == [["6"]]
    with pytest.raises(QueryFailed, match="ALREADY_EXISTS"):
        two_days.run(f"ALTER TABLE events ADD {where}")
    two_days.run(f"ALTER TABLE events DROP {where}")
    assert two_days.rows("SELECT count(*) FROM events") == [["9"]]


def test_repair_registers_folders_that_look_like_partitions(lake):
    lake.put_hour("2025-11-21-00", "v1", 2)
    lake.put_hour("2025-11-21-01", "v1", 3)
    lake.run("MSCK REPAIR TABLE events")
    assert lake.rows("SELECT hour, count(*) FROM events GROUP BY hour ORDER BY hour") == [["00", "2"], ["01", "3"]]


def test_a_table_is_created_from_a_query(two_days):
    two_days.run(
        f"CREATE TABLE summary WITH (format = 'PARQUET', external_location = 's3://{BUCKET}/summary/') AS "
        "SELECT hour, count(*) AS events FROM events GROUP BY hour"
    )
    assert two_days.rows("SELECT * FROM summary ORDER BY hour") == [["00", "6"], ["01", "3"]]


def test_a_declared_column_that_an_object_lacks_is_null(lake):
    lake.put(f"raw/events/{folders('2025-11-21-00')}/v1/part-0.parquet", "SELECT 'x' AS id")
    lake.register("2025-11-21-00", "v1")
    assert lake.rows("SELECT id, source_line, actor.login FROM events") == [["x", None, None]]


def test_an_object_whose_type_differs_from_the_tables_fails_as_on_athena(lake):
    lake.put(f"raw/events/{folders('2025-11-21-00')}/v1/part-0.parquet", "SELECT 5::BIGINT AS id")
    lake.register("2025-11-21-00", "v1")
    with pytest.raises(QueryFailed, match="HIVE_BAD_DATA: Field id's type BIGINT"):
        lake.rows("SELECT id FROM events")


def test_names_may_carry_the_catalogue_and_the_database(two_days):
    for name in ('"awsdatacatalog"."lake_db"."events"', "lake_db.events", "EVENTS"):
        assert two_days.rows(f"SELECT count(*) FROM {name}") == [["9"]]
    assert two_days.rows("SELECT count(*) FROM lake_db.events WHERE events.month = '12'") == [["4"]]
