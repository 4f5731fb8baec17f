"""Runs of state machines on scripted tasks, for the tests of executions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn

from project import Json, state_machine
from simulator import Execution, TaskError

HOUR, VERSION, NAME = "2025-11-21-9", "0123456789ab", "execution"
SUBSTITUTIONS = {"ChunkConcurrency": "40", "HourConcurrency": "4", "MaxHoursPerRun": "48"}


def machine(name: str) -> Json:
    """Returns a state machine with its substitutions filled in, as the stack does."""

    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [fill(item) for item in value]
        return re.sub(r"\$\{(\w+)\}", lambda match: SUBSTITUTIONS.get(match[1], match[1]), value) if isinstance(value, str) else value

    filled: Json = fill(state_machine(name))
    return filled


class Tasks:
    """Scripted results by state.

    A result is a value, an error, a function of the arguments, or a list of these, one per call. The last one repeats.
    """

    def __init__(self, **results: Any) -> None:
        self.results = results
        self.calls: dict[str, list[Json]] = {}

    def __call__(self, state: str, arguments: Json) -> Any:
        calls = self.calls.setdefault(state, [])
        calls.append(arguments.get("Payload", arguments))
        result = self.results[state]
        if isinstance(result, list):
            result = result[min(len(calls), len(result)) - 1]
        if isinstance(result, Exception):
            raise result
        return result(calls[-1]) if callable(result) else result


def chunk(given: Json) -> Json:
    return {"chunk": given["chunk"], "records": 10, "rows": 8, "duplicates": 1, "quarantined": 1}


def fetched(chunks: int = 3) -> Json:
    source = {"url": f"http://archive/{HOUR}.json.gz", "etag": '"abc"'}
    return {"hour": HOUR, "version": VERSION, "chunks": chunks, "lines": 10 * chunks, "landing_bytes": 99, "source": source}


PUBLICATION = {
    "version": VERSION,
    "partition_location": f"s3://DataBucketName/raw/ghactivity/year=2025/month=11/dayofmonth=21/hour=09/{VERSION}/",
    "counts": {"lines": 30, "blank_lines": 0, "records": 30, "rows": 24, "duplicates": 3, "quarantined": 3},
    "types": {"PushEvent": 24},
}


def hour_tasks(**results: Any) -> Tasks:
    defaults = {
        "Fetch": fetched(),
        "RecordLanded": {},
        "ConvertChunk": chunk,
        "RegisterPartition": PUBLICATION | {"hour": HOUR},
        "RollBack": PUBLICATION | {"hour": HOUR},
        "CommitBookmark": {"hour": HOUR, "status": "published", "verdict": "complete", "bookmark": HOUR},
        "AnnouncePublished": {"FailedEntryCount": 0},
        "AnnounceFailure": {"FailedEntryCount": 0},
        "CommitFailure": lambda given: _raise(given["outcome"]["failed"]),
    }
    return Tasks(**defaults | results)


def _raise(failure: Json) -> NoReturn:
    raise TaskError.of_lambda(failure["name"], failure["message"])


def run(name: str, tasks: Tasks, given: Any, **context: Any) -> Execution:
    return Execution(machine(name), tasks, **context).run(given)


def due(*hours: str, caught_up: bool = True) -> Json:
    return {"hours": list(hours), "caught_up": caught_up, "newest_hour_over": "2025-11-21-9"}


def ended(status: str) -> Json:
    return {"Status": "SUCCEEDED", "Output": {"hour": HOUR, "status": status}}


def by_hour(**outcomes: Any) -> Callable[[Json], Json]:
    def play(arguments: Json) -> Json:
        outcome = outcomes["h" + arguments["Input"]["hour"].replace("-", "_")]
        if isinstance(outcome, Exception):
            raise outcome
        return ended(outcome)

    return play
