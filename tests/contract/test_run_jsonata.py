"""JSONata in executions: compares the Python port with the reference implementation."""

from __future__ import annotations

import node
from executions import HOUR, Tasks, due, ended, fetched, hour_tasks, run
from simulator import TaskError


def test_reference_jsonata_computes_same_values() -> None:
    """Step Functions documents the language of the reference implementation; the simulator uses a Python port."""
    corrupt = TaskError.of_lambda("CorruptArchive", "crc")
    executions = [
        run("process-hour", hour_tasks(), {"hour": HOUR}),
        run("process-hour", hour_tasks(Fetch=fetched(0)), {"hour": HOUR}),
        run("process-hour", hour_tasks(), {"hour": 5, "forced": True}),
        run("process-hour", hour_tasks(Fetch=corrupt, CommitFailure=[corrupt, {"status": "retrying"}, corrupt]), {"hour": HOUR}).redrive(),
        run("process-hour", hour_tasks(Fetch=TaskError("States.Timeout"), CommitFailure={"status": "missing"}), {"hour": HOUR}),
        run("ingest", Tasks(NextFile=[due("2025-11-21-8"), due()], ProcessHour=ended("published")), {}),
        run("ingest", Tasks(NextFile=[due("2025-11-21-8", "2025-11-21-9"), due()], ProcessHour=[corrupt, ended("missing")]), {}),
        run("ingest", Tasks(NextFile=[due("2025-11-21-8"), due()], ProcessHour=TaskError("States.TaskFailed", '{"Error":"NotGzip"}')), {}),
        run("ingest", Tasks(), {"max_hours": 0.5, "from": 5}),
    ]
    evaluated = [one for execution in executions for one in execution.evaluated]
    reference = node.run("evaluate.js", given=[{key: one[key] for key in ("expression", "bindings")} for one in evaluated])
    assert len(evaluated) > 100
    for one, other in zip(evaluated, reference, strict=True):
        assert other == {"value": one["value"]}, one["expression"]
