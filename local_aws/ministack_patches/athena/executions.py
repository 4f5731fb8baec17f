"""Runs Athena's query executions with the modules of this package. ministack keeps the API: workgroups, executions, pages of results.

- A workgroup that enforces its configuration overrides the client's result location.
  AWS: https://docs.aws.amazon.com/athena/latest/ug/workgroups-settings-override.html
- A query that scans more than the workgroup's limit is cancelled.
  AWS: https://docs.aws.amazon.com/athena/latest/ug/workgroups-setting-control-limits-cloudwatch.html
- Results of queries are CSV, of other statements text.
  AWS: https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

from local_aws.ministack_patches.athena import catalog_statements, engine
from local_aws.ministack_patches.athena.model import Result, StatementError

Execution = dict[str, Any]

MAX_REASON_CHARACTERS = 2000
logger = logging.getLogger("athena")
execution_parameters: ContextVar[tuple[str, ...]] = ContextVar("execution_parameters", default=())


def install() -> None:
    """Replaces how ministack starts and runs a query execution."""
    from ministack.services import athena

    start = athena._start_query_execution

    def start_query_execution(request: dict[str, Any]) -> Any:
        workgroup = athena._workgroups.get(request.get("WorkGroup", "primary"))
        if workgroup is None:
            reason = f"WorkGroup {request.get('WorkGroup')} is not found."
            return athena.error_response_json("InvalidRequestException", reason, 400)
        execution_parameters.set(tuple(request.get("ExecutionParameters") or ()))
        configuration = workgroup.get("Configuration") or {}
        if configuration.get("EnforceWorkGroupConfiguration", True) and configuration.get("ResultConfiguration"):
            request = {key: value for key, value in request.items() if key != "ResultConfiguration"}
        return start(request)

    athena._start_query_execution = start_query_execution
    athena._execute_query = execute_query


async def execute_query(query_id: str, sql: str, database: str, table_ddl: Any, _catalog: str | None = None) -> None:
    """Runs a started execution until it is SUCCEEDED with results, FAILED with a reason, or CANCELLED at the workgroup's limit.

    `table_ddl` is a CREATE EXTERNAL TABLE that ministack parsed.
    """
    from ministack.services import athena

    execution = athena._executions[query_id]
    execution["Status"]["State"] = "RUNNING"
    started = time.monotonic()
    try:
        if table_ddl is not None:
            athena._run_ddl(table_ddl, database)
            result = Result()
        else:
            result = await asyncio.to_thread(run_statement, sql, database, execution_parameters.get())
        complete(execution, result, started)
    except StatementError as error:
        end(execution, "FAILED", str(error))
    except Exception as error:
        if not isinstance(error, ValueError):
            logger.exception("query %s", query_id)
        end(execution, "FAILED", f"GENERIC_INTERNAL_ERROR: {error}")
    execution["Status"]["CompletionDateTime"] = time.time()


def run_statement(sql: str, database: str, parameters: Sequence[str]) -> Result:
    result = catalog_statements.run(sql, database)
    return engine.run(sql, database, parameters) if result is None else result


def complete(execution: Execution, result: Result, started: float) -> None:
    from ministack.services import athena

    milliseconds = int((time.monotonic() - started) * 1000)
    execution["Statistics"].update(
        EngineExecutionTimeInMillis=milliseconds,
        TotalExecutionTimeInMillis=milliseconds,
        DataScannedInBytes=result.scanned_bytes,
    )
    limit = (athena._workgroups[execution["WorkGroup"]].get("Configuration") or {}).get("BytesScannedCutoffPerQuery")
    if limit and result.scanned_bytes > int(limit):
        end(execution, "CANCELLED", "Bytes scanned limit was exceeded")
        return
    execution["_results"] = {"columns": result.columns, "rows": result.rows}
    execution["_column_types"] = result.types
    write_results(execution, result)
    execution["Status"]["State"] = "SUCCEEDED"


def end(execution: Execution, state: str, reason: str) -> None:
    execution["Status"].update(State=state, StateChangeReason=reason[:MAX_REASON_CHARACTERS])
    execution["_error"] = reason


def write_results(execution: Execution, result: Result) -> None:
    from ministack.services import s3

    location = execution["ResultConfiguration"]["OutputLocation"]
    if execution["StatementType"] == "DML":
        head: list[str | None] = [*result.columns]
        lines = [",".join(map(csv_value, row)) for row in [head, *result.rows]]
    else:
        location = execution["ResultConfiguration"]["OutputLocation"] = location.removesuffix(".csv") + ".txt"
        lines = ["\t".join(value or "" for value in row) for row in result.rows]
    bucket, key = location.removeprefix("s3://").split("/", 1)
    content = "".join(f"{line}\n" for line in lines).encode()
    status, *_ = s3._put_object(bucket, key, content, {"content-type": "application/octet-stream"})
    if status >= 300:
        raise StatementError(f"GENERIC_USER_ERROR: the results cannot be written to {location}")


def csv_value(value: str | None) -> str:
    """Athena quotes every value and writes NULL as nothing."""
    return "" if value is None else '"' + value.replace('"', '""') + '"'
