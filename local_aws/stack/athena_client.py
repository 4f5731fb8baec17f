"""Runs one statement through Athena's API."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

POLL_SECS = 0.02


class QueryError(Exception):
    """A statement that did not succeed. The message is Athena's reason."""


@dataclass
class QueryResult:
    """Rows as Athena returns them: text, or None for NULL."""

    columns: list[str]
    types: list[str]
    rows: list[list[str | None]]
    scanned_bytes: int
    output_location: str


def run_query(
    athena: Any, sql: str, database: str, workgroup: str, parameters: Sequence[str] = (), timeout_secs: float = 120
) -> QueryResult:
    """Starts the statement, waits for its end and returns all rows. `athena` is a boto3 client."""
    request: dict[str, Any] = {
        "QueryString": sql,
        "QueryExecutionContext": {"Database": database},
        "WorkGroup": workgroup,
    }
    if parameters:
        request["ExecutionParameters"] = list(parameters)
    query_id = athena.start_query_execution(**request)["QueryExecutionId"]
    execution = wait(athena, query_id, timeout_secs)
    if execution["Status"]["State"] != "SUCCEEDED":
        raise QueryError(execution["Status"].get("StateChangeReason") or execution["Status"]["State"])
    return fetch(athena, query_id, execution)


def wait(athena: Any, query_id: str, timeout_secs: float) -> dict[str, Any]:
    deadline = time.monotonic() + timeout_secs
    while time.monotonic() < deadline:
        execution: dict[str, Any] = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
            return execution
        time.sleep(POLL_SECS)
    raise QueryError(f"still running after {timeout_secs} s")


def fetch(athena: Any, query_id: str, execution: dict[str, Any]) -> QueryResult:
    columns: list[dict[str, str]] = []
    rows: list[list[str | None]] = []
    for page in athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_id):
        columns = columns or page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        rows += [[cell.get("VarCharValue") for cell in row["Data"]] for row in page["ResultSet"]["Rows"]]
    if execution.get("StatementType") == "DML":
        rows = rows[1:]  # the first row repeats the column names
    return QueryResult(
        columns=[column["Name"] for column in columns],
        types=[column["Type"] for column in columns],
        rows=rows,
        scanned_bytes=execution["Statistics"]["DataScannedInBytes"],
        output_location=execution["ResultConfiguration"]["OutputLocation"],
    )
