"""Runs one statement through Athena's API, from start to rows."""

import time
from dataclasses import dataclass


class QueryFailed(Exception):
    """The statement did not succeed; the message is Athena's reason."""


@dataclass
class QueryResult:
    """Rows as Athena returns them: text, or None for NULL."""

    columns: list
    types: list
    rows: list
    scanned_bytes: int
    output_location: str


def run_query(athena, sql, database, workgroup, parameters=(), timeout_secs=120):
    """Starts the statement, waits for it, answers all rows."""
    request = {
        "QueryString": sql,
        "QueryExecutionContext": {"Database": database},
        "WorkGroup": workgroup,
    }
    if parameters:
        request["ExecutionParameters"] = list(parameters)
    query_id = athena.start_query_execution(**request)["QueryExecutionId"]
    execution = wait(athena, query_id, timeout_secs)
    if execution["Status"]["State"] != "SUCCEEDED":
        raise QueryFailed(execution["Status"].get("StateChangeReason") or execution["Status"]["State"])
    return fetch(athena, query_id, execution)


def wait(athena, query_id, timeout_secs):
    deadline = time.monotonic() + timeout_secs
    while time.monotonic() < deadline:
        execution = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
            return execution
        time.sleep(0.02)
    raise QueryFailed(f"still running after {timeout_secs} s")


def fetch(athena, query_id, execution):
    columns, rows = None, []
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
