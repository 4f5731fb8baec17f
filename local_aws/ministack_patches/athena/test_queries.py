"""Which queries run, which are rejected, and how names are resolved."""

import pytest

from local_aws.ministack_patches.athena.sample_lake import SampleLake, folders
from local_aws.stack.athena_client import QueryError


def test_parameters_replace_marks_in_order(two_days: SampleLake) -> None:
    sql = "WITH d AS (SELECT * FROM events WHERE month = ?) SELECT count(*), '?' FROM d -- ?\nWHERE hour = ? LIMIT ?"
    assert two_days.rows(sql, "'11'", "'01'", "1") == [["3", "?"]]


REJECTED = {
    "too few parameters": ("SELECT count(*) FROM events WHERE month = ? AND hour = ?", ["'11'"], "INVALID_PARAMETER_USAGE"),
    "a parameter that is a bare word": ("SELECT count(*) FROM events WHERE month = ?", ["eleven"], "COLUMN_NOT_FOUND"),
    "text compared with a number": ("SELECT count(*) FROM events WHERE month = 11", [], "TYPE_MISMATCH"),
    "text in a list of numbers": ("SELECT count(*) FROM events WHERE hour IN (1, 2)", [], "TYPE_MISMATCH"),
    "an unquoted parameter for text": ("SELECT count(*) FROM events WHERE month = ?", ["11"], "TYPE_MISMATCH"),
    "grouping by an alias of the select list": ("SELECT month || hour AS slot, count(*) FROM events GROUP BY slot", [], "COLUMN_NOT_FOUND"),
    "an alias in WHERE": ("SELECT source_line + 1 AS n FROM events WHERE n > 1", [], "COLUMN_NOT_FOUND"),
    "an unknown table": ("SELECT * FROM nothing", [], "TABLE_NOT_FOUND"),
    "an unknown database": ("SELECT * FROM elsewhere.events", [], "SCHEMA_NOT_FOUND"),
    "an unknown column": ("SELECT nothing FROM events", [], "COLUMN_NOT_FOUND"),
    "DuckDB's cast": ("SELECT '1'::bigint", [], "SYNTAX_ERROR"),
    "DuckDB's QUALIFY": ("SELECT id FROM events QUALIFY row_number() OVER () = 1", [], "SYNTAX_ERROR"),
    "text that is not SQL": ("SELEKT 1 FROM", [], "SYNTAX_ERROR"),
    "two statements": ("SELECT 1; SELECT 2", [], "SYNTAX_ERROR"),
    "reading files by DuckDB's functions": ("SELECT * FROM read_csv('/etc/passwd')", [], "FUNCTION_NOT_FOUND"),
    "a statement of another kind": ("DELETE FROM events", [], "NOT_SUPPORTED"),
}


@pytest.mark.parametrize("case", REJECTED)
def test_query_is_rejected_for(two_days: SampleLake, case: str) -> None:
    sql, parameters, reason = REJECTED[case]
    with pytest.raises(QueryError, match=reason):
        two_days.run(sql, *parameters)


def test_columns_unnamed_get_trinos_names(two_days: SampleLake) -> None:
    assert two_days.run("SELECT actor.login, count(*), max(id) AS newest FROM events GROUP BY actor.login").columns == [
        "login",
        "_col1",
        "newest",
    ]


def test_column_absent_from_object_is_null(lake: SampleLake) -> None:
    lake.put(f"raw/events/{folders('2025-11-21-00')}/v1/part-0.parquet", "SELECT 'x' AS id")
    lake.register("2025-11-21-00", "v1")
    assert lake.rows("SELECT id, source_line, actor.login FROM events") == [["x", None, None]]


def test_column_of_other_type_fails(lake: SampleLake) -> None:
    lake.put(f"raw/events/{folders('2025-11-21-00')}/v1/part-0.parquet", "SELECT 5::BIGINT AS id")
    lake.register("2025-11-21-00", "v1")
    with pytest.raises(QueryError, match="HIVE_BAD_DATA: Field id's type BIGINT"):
        lake.rows("SELECT id FROM events")


def test_table_name_may_have_catalog_and_database(two_days: SampleLake) -> None:
    for name in ('"awsdatacatalog"."lake_db"."events"', "lake_db.events", "EVENTS"):
        assert two_days.rows(f"SELECT count(*) FROM {name}") == [["9"]]
    assert two_days.rows("SELECT count(*) FROM lake_db.events WHERE events.month = '12'") == [["4"]]
