"""Shared by the demos: headings, a lock on the directory, and queries with their results."""

import fcntl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from local_aws.paths import shown
from local_aws.stack.athena_client import QueryError
from local_aws.stack.aws import LocalAws
from local_aws.stack.named_queries import NamedQuery
from local_aws.text_table import print_table

MAX_ROWS_SHOWN = 10


def step(text: str) -> None:
    print(f"\n== {text}", flush=True)


def lock_directory(directory: Path) -> IO[str]:
    """Locks the directory, which a demo deletes first, against another demo and a running local AWS. Closing the file unlocks it."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    lock = open(directory.with_name(f"{directory.name}.lock"), "w")  # noqa: SIM115 (the caller closes it)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RuntimeError(f"another demo is running in {shown(directory)}") from error
    if LocalAws(directory).running():
        raise RuntimeError(f"a local AWS is running in {shown(directory)}; make local-down DIRECTORY={shown(directory)} stops it")
    return lock


def run_queries(
    aws: LocalAws,
    queries: Sequence[NamedQuery],
    parameters: Callable[[NamedQuery], list[str]],
    complaint: Callable[[NamedQuery, list[list[str | None]]], str | None],
) -> list[str]:
    """Runs queries, prints their results and returns what failed.

    `parameters` returns a query's parameters. `complaint` describes what is wrong with a query's rows, or returns None.
    """
    failed = []
    outputs = aws.outputs()
    database, workgroup = outputs["GlueDatabaseName"], outputs["AthenaWorkGroupName"]
    for query in queries:
        began = time.monotonic()
        try:
            result = aws.query(query.sql, parameters(query), database, workgroup)
        except (QueryError, ValueError) as error:
            print(f"\n  {query.name}: {error}")
            failed.append(query.name)
            continue
        milliseconds = round((time.monotonic() - began) * 1000)
        print(f"\n  {query.name}  ({milliseconds} ms, {result.scanned_bytes:,} bytes scanned)")
        print_table(result.columns, result.types, result.rows, MAX_ROWS_SHOWN)
        if wrong := complaint(query, result.rows):
            failed.append(wrong)
    return failed
