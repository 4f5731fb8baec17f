"""Contracts of the catalogue: declared columns, views and saved queries."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from project import Json, match, resources, rust, template

COLUMNS = (
    "id string, type string, actor struct<id:bigint,login:string,display_login:string,gravatar_id:string,url:string,"
    "avatar_url:string>, repo struct<id:bigint,name:string,url:string>, org struct<id:bigint,login:string,gravatar_id:string,"
    "url:string,avatar_url:string>, public boolean, created_at timestamp, payload string, other string, source_line bigint"
)
PARTITION_KEYS = ["year", "month", "dayofmonth", "hour"]
FLAT = [
    "id", "type", "actor_id", "actor_login", "actor_gravatar_id", "actor_url", "actor_avatar_url",
    "repo_id", "repo_name", "repo_url", "org_id", "org_login", "org_gravatar_id", "org_url", "org_avatar_url",
    "public", "created_at", "payload", "other",
]  # fmt: skip
HIVE = {"varchar": "string", "bigint": "bigint", "boolean": "boolean", "timestamp(3)": "timestamp"}

CATALOG = template("sam/catalog.yaml")
TABLES = {p["TableInput"]["Name"]: p["TableInput"] for p in resources(CATALOG, "AWS::Glue::Table").values()}
QUERIES = resources(CATALOG, "AWS::Athena::NamedQuery")


def columns(table: Json) -> list[tuple[str, str]]:
    return [(column["Name"], column["Type"]) for column in table["StorageDescriptor"]["Columns"]]


def test_events_table_has_designed_columns() -> None:
    assert ", ".join(f"{name} {kind}" for name, kind in columns(TABLES["events"])) == COLUMNS
    assert [(key["Name"], key["Type"]) for key in TABLES["events"]["PartitionKeys"]] == [(key, "string") for key in PARTITION_KEYS]
    assert TABLES["events"]["StorageDescriptor"]["Location"] == {"Fn::Sub": "s3://${DataBucketName}/raw/ghactivity/"}


def test_ledger_table_has_exported_columns() -> None:
    [source] = rust("functions/export-ledger/src/table.rs").values()
    written = re.findall(r'^        \(\s*"(\w+)",\s*(text|at|of|count|size|number|instant)\(', source, re.M)
    kinds = {"count": "bigint", "size": "bigint", "number": "bigint", "instant": "timestamp"}
    assert [(name, kinds.get(kind, "string")) for name, kind in written] == columns(TABLES["archive_hours"])
    assert TABLES["archive_hours"]["StorageDescriptor"]["Location"] == {"Fn::Sub": "s3://${DataBucketName}/ledger/ghactivity/"}
    [keys] = rust("crates/pipeline/src/keys.rs").values()
    assert 'format!("ledger/{ARCHIVE}/{month}.parquet")' in keys


def presto_view(name: str) -> Json:
    """Decodes a view from the template, as Athena does."""
    before, encoded, after = TABLES[name]["ViewOriginalText"]["Fn::Join"][1]
    body = encoded["Fn::Base64"]["Fn::Sub"].replace("${Database}", "ghactivity_db")
    written = before + base64.b64encode(body.encode()).decode() + after
    read = match(r"^/\* Presto View: ([A-Za-z0-9+/=]+) \*/$", written)
    view: Json = json.loads(base64.b64decode(read[1]))
    return view


@pytest.mark.parametrize("name, expected", [("events_flat", FLAT), ("actions", ["action_time", "type", "actor", "repo", "org"])])
def test_view_columns_match_query(name: str, expected: list[str]) -> None:
    view = presto_view(name)
    assert (view["catalog"], view["schema"]) == ("awsdatacatalog", "ghactivity_db")
    named = [(column["name"], HIVE[column["type"]]) for column in view["columns"]]
    assert named == columns(TABLES[name]), "Athena reports a view with other columns as stale"
    assert [column for column, _ in named] == expected + PARTITION_KEYS
    query = sqlglot.parse_one(view["originalSql"], dialect="athena")
    assert [column.alias_or_name for column in query.expressions] == expected + PARTITION_KEYS
    assert TABLES[name]["TableType"] == "VIRTUAL_VIEW" and TABLES[name]["Parameters"]["presto_view"] == "true"


def test_actions_windows_partition_by_day() -> None:
    """Athena pushes a condition below a window only if the window is partitioned by its columns."""
    query = sqlglot.parse_one(presto_view("actions")["originalSql"], dialect="athena")
    windows = list(query.find_all(exp.Window))
    assert len(windows) == 3
    for window in windows:
        assert {"year", "month", "dayofmonth"} <= {key.sql() for key in window.args["partition_by"]}


def test_saved_queries_are_complete() -> None:
    assert [properties["Name"] for properties in QUERIES.values()] == [
        "top-repositories-of-a-day",
        "hours-of-a-month",
        "events-by-type-of-a-day-without-degraded-hours",
        "events-by-type-of-a-day",
        "events-by-type-of-a-month",
        "events-per-hour-of-a-day",
        "most-active-contributors-by-push-of-a-day",
        "events-by-type-per-contributor-of-a-day",
        "share-with-organisation-per-day",
        "first-and-last-event-per-hour-of-a-day",
    ]


@pytest.mark.parametrize("logical, properties", QUERIES.items())
def test_query_conditions_name_partition_keys(logical: str, properties: Json) -> None:
    query = sqlglot.parse_one(properties["QueryString"], dialect="athena")
    conditions = query.args["where"].this.flatten() if isinstance(query.args["where"].this, exp.And) else []
    restricted = [one.this.name for one in conditions if isinstance(one, exp.EQ) and isinstance(one.expression, exp.Placeholder)]
    assert restricted == PARTITION_KEYS[: len(restricted)] and len(restricted) >= 2
    [described] = re.findall(r"Parameters: (.*?), as quoted text", properties["Description"])
    names = {"year": "year", "month": "month", "dayofmonth": "day of month"}
    assert described == ", ".join(names[key] for key in restricted)
    assert properties["QueryString"].count("?") == len(restricted)


@pytest.mark.parametrize("logical, properties", QUERIES.items())
def test_query_rows_have_total_order(logical: str, properties: Json) -> None:
    """All identifying columns are in ORDER BY, so LIMIT always returns the same rows."""
    query = sqlglot.parse_one(properties["QueryString"], dialect="athena")
    ordered = {item.this.name for item in query.args["order"].expressions}
    identifying = {column.alias_or_name for column in query.expressions if not column.find(exp.AggFunc)}
    if "group" not in query.args:  # one row per hour
        given = {one.this.name for one in query.args["where"].find_all(exp.EQ)}
        identifying = set(PARTITION_KEYS) - given
    assert identifying <= ordered


def test_workgroup_has_results_and_limit() -> None:
    [group] = resources(CATALOG, "AWS::Athena::WorkGroup").values()
    configuration = group["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["BytesScannedCutoffPerQuery"] == {"Ref": "AthenaBytesScannedLimit"}
    assert configuration["ResultConfiguration"]["OutputLocation"] == {"Fn::Sub": "s3://${DataBucketName}/athena-results/"}


EVENTS = """
    ('1', 'PushEvent',  {id: 1, login: 'old'},       {id: 5, name: 'x/old'},       NULL,                '00:00:01', '21', '00'),
    ('2', 'WatchEvent', {id: 1, login: 'new'},       {id: 5, name: 'x/new'},       {id: 9, login: 'o'}, '00:00:02', '21', '00'),
    ('3', 'ForkEvent',  {id: NULL, login: 'no id'},  {id: NULL, name: 'no/id'},    NULL,                '00:00:03', '21', '01'),
    ('4', 'PushEvent',  {id: 1, login: 'next day'},  {id: 5, name: 'x/next-day'},  NULL,                '00:00:04', '22', '00')
"""


@pytest.fixture(scope="module")
def lake() -> duckdb.DuckDBPyConnection:
    """Creates tables and views in DuckDB, with four events."""
    connection = duckdb.connect()
    structs = COLUMNS.replace("string", "varchar").replace("struct<", "struct(").replace(">", ")").replace(":", " ")
    keys = ", ".join(f"{key} varchar" for key in PARTITION_KEYS)
    connection.execute(f"CREATE TABLE events ({structs}, {keys})")
    names = "id, type, actor, repo, org, created_at, dayofmonth, hour"
    connection.execute(f"CREATE TABLE given AS SELECT * FROM (VALUES {EVENTS}) AS given ({names})")
    connection.execute(
        "INSERT INTO events BY NAME SELECT * REPLACE (CAST('2025-11-' || dayofmonth || ' ' || created_at AS timestamp) AS created_at),"
        " '2025' AS year, '11' AS month FROM given"
    )
    hours = ", ".join(f"{name} {kind.replace('string', 'varchar')}" for name, kind in columns(TABLES["archive_hours"]))
    connection.execute(f"CREATE TABLE archive_hours ({hours})")
    connection.execute(
        "INSERT INTO archive_hours BY NAME SELECT '2025-11-' || dayofmonth || '-' || CAST(hour AS int) AS archive_hour, '2025' AS year,"
        " '11' AS month, dayofmonth, hour, 'published' AS status, IF(hour = '00', 'complete', 'tiny') AS verdict, count(*) AS rows"
        " FROM given GROUP BY dayofmonth, hour"
    )
    for name in ("events_flat", "actions"):
        connection.execute(f"CREATE VIEW {name} AS {duckdb_sql(presto_view(name)['originalSql'])}")
    return connection


def duckdb_sql(text: str) -> str:
    return sqlglot.transpile(text, read="athena", write="duckdb")[0]


def test_actions_view_has_newest_names_of_day(lake: duckdb.DuckDBPyConnection) -> None:
    rows = lake.execute("SELECT type, actor, repo, org FROM actions WHERE dayofmonth = '21' ORDER BY action_time").fetchall()
    assert rows == [
        ("PushEvent", "new", "x/new", None),
        ("WatchEvent", "new", "x/new", "o"),
        ("ForkEvent", "no id", "no/id", None),
    ]


def test_events_flat_view_has_every_event_once(lake: duckdb.DuckDBPyConnection) -> None:
    rows = lake.execute("SELECT id, actor_login, repo_name, org_login FROM events_flat ORDER BY id").fetchall()
    assert rows[1] == ("2", "new", "x/new", "o") and len(rows) == 4


@pytest.mark.parametrize(
    "name, rows",
    [
        ("top-repositories-of-a-day", [("no/id", 1), ("x/new", 1), ("x/old", 1)]),
        ("events-by-type-of-a-day-without-degraded-hours", [("PushEvent", 1), ("WatchEvent", 1)]),
        (
            "hours-of-a-month",
            [
                (f"2025-11-{at}", "published", verdict, rows, *[None] * 4)
                for at, verdict, rows in [("21-0", "complete", 2), ("21-1", "tiny", 1), ("22-0", "complete", 1)]
            ],
        ),
        ("events-by-type-of-a-day", [("ForkEvent", 1), ("PushEvent", 1), ("WatchEvent", 1)]),
        ("events-by-type-of-a-month", [("PushEvent", 2), ("ForkEvent", 1), ("WatchEvent", 1)]),
        ("events-per-hour-of-a-day", [("00", 2), ("01", 1)]),
        ("most-active-contributors-by-push-of-a-day", [("old", 1)]),
        ("events-by-type-per-contributor-of-a-day", [("new", "WatchEvent", 1), ("no id", "ForkEvent", 1)]),
        ("share-with-organisation-per-day", [("2025-11-21", 3, 1, 1 / 3), ("2025-11-22", 1, 0, 0.0)]),
    ],
)
def test_saved_query_returns_expected_rows(lake: duckdb.DuckDBPyConnection, name: str, rows: list[tuple[Any, ...]]) -> None:
    [text] = [properties["QueryString"] for properties in QUERIES.values() if properties["Name"] == name]
    assert lake.execute(duckdb_sql(text), ["2025", "11", "21"][: text.count("?")]).fetchall() == rows


def test_first_and_last_event_query_returns_times(lake: duckdb.DuckDBPyConnection) -> None:
    [text] = [properties["QueryString"] for properties in QUERIES.values() if properties["Name"].startswith("first-and-last")]
    rows = [
        (hour, first.second, last.second, events)
        for hour, first, last, events in lake.execute(duckdb_sql(text), ["2025", "11", "21"]).fetchall()
    ]
    assert rows == [("00", 1, 2, 2), ("01", 3, 3, 1)]
