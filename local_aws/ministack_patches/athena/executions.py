"""Puts an Athena into ministack that answers as AWS would: Trino's SQL, registered partitions only, views, typed results.

ministack keeps the API (workgroups, executions, paging); this module replaces how a statement is started, executed and
saved.
"""

import asyncio
import contextvars
import logging
import time

from local_aws.ministack_patches.athena import catalog_statements as ddl
from local_aws.ministack_patches.athena import query
from local_aws.ministack_patches.athena.lake import LakeError
from local_aws.ministack_patches.athena.query import Result

logger = logging.getLogger("athena")
parameters_of_request = contextvars.ContextVar("parameters_of_request", default=())


def install():
    """Replaces how ministack starts and executes statements."""
    from ministack.services import athena

    start = athena._start_query_execution

    def start_query_execution(data):
        workgroup = athena._workgroups.get(data.get("WorkGroup", "primary"))
        if workgroup is None:
            reason = f"WorkGroup {data.get('WorkGroup')} is not found."
            return athena.error_response_json("InvalidRequestException", reason, 400)
        parameters_of_request.set(tuple(data.get("ExecutionParameters") or ()))
        configuration = workgroup.get("Configuration") or {}
        if configuration.get("EnforceWorkGroupConfiguration", True) and configuration.get("ResultConfiguration"):
            data = {key: value for key, value in data.items() if key != "ResultConfiguration"}
        return start(data)

    athena._start_query_execution = start_query_execution
    athena._execute_query = execute


async def execute(query_id, sql, database, table_ddl, _catalog=None):
    """Runs a started execution to its end: SUCCEEDED with results, FAILED with a reason, CANCELLED at its limit."""
    from ministack.services import athena

    execution = athena._executions[query_id]
    execution["Status"]["State"] = "RUNNING"
    started = time.monotonic()
    try:
        if table_ddl is not None:
            athena._run_ddl(table_ddl, database)
            result = Result([], [], [])
        else:
            result = await asyncio.to_thread(run, sql, database, parameters_of_request.get())
        settle(athena, execution, result, started)
    except Exception as error:
        if not isinstance(error, (LakeError, ValueError)):
            logger.exception("query %s", query_id)
        fail(execution, "FAILED", str(error) if isinstance(error, LakeError) else f"GENERIC_INTERNAL_ERROR: {error}")
    execution["Status"]["CompletionDateTime"] = time.time()


def run(sql, database, parameters):
    catalogue_change = ddl.run(sql, database)
    return query.run(sql, database, parameters) if catalogue_change is None else catalogue_change


def settle(athena, execution, result, started):
    milliseconds = int((time.monotonic() - started) * 1000)
    execution["Statistics"].update(
        EngineExecutionTimeInMillis=milliseconds,
        TotalExecutionTimeInMillis=milliseconds,
        DataScannedInBytes=result.scanned_bytes,
    )
    limit = (athena._workgroups[execution["WorkGroup"]].get("Configuration") or {}).get("BytesScannedCutoffPerQuery")
    if limit and result.scanned_bytes > int(limit):
        return fail(execution, "CANCELLED", "Bytes scanned limit was exceeded")
    execution["_results"] = {"columns": result.columns, "rows": result.rows}
    execution["_column_types"] = result.types
    save(execution, result)
    execution["Status"]["State"] = "SUCCEEDED"


def fail(execution, state, reason):
    execution["Status"].update(State=state, StateChangeReason=reason[:2000])
    execution["_error"] = reason


def save(execution, result):
    """Writes the results object, as Athena does: every value in quotes, nothing at all for NULL."""
    from ministack.services import s3

    location = execution["ResultConfiguration"]["OutputLocation"]
    if execution["StatementType"] == "DML":
        lines = [",".join(map(csv_value, row)) for row in [result.columns, *result.rows]]
    else:
        location = execution["ResultConfiguration"]["OutputLocation"] = location.removesuffix(".csv") + ".txt"
        lines = ["\t".join(value or "" for value in row) for row in result.rows]
    bucket, key = location.removeprefix("s3://").split("/", 1)
    content = "".join(f"{line}\n" for line in lines).encode()
    status, *_ = s3._put_object(bucket, key, content, {"content-type": "application/octet-stream"})
    if status >= 300:
        raise LakeError(f"GENERIC_USER_ERROR: the results cannot be written to {location}")


def csv_value(value):
    return "" if value is None else '"' + value.replace('"', '""') + '"'
