"""A function times out: the state machine retries it, or the execution fails with Lambda's error name and a second one succeeds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import configured, through
from deployment import FunctionError, Lake, wait_until
from fault_proxy import EVERY, Fault, FaultProxy
from stacks import Stacks
from test_ingest import hours_before_now, small_hour

#: Timeout of the functions in these tests, and the delay of the reply that they wait for.
TIMEOUT_SECS, DELAY_SECS = 2, 3
TIMED_OUT = "Sandbox.Timedout"
STEPS = ["fetch", "convert-chunk", "register-partition", "commit-bookmark"]


@pytest.fixture(scope="module")
def hasty(source: tuple[str, Path], stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A stack whose state machines divide their waits by 50."""
    address, folder = source
    with stacks.start(tmp_path_factory.mktemp("aws"), wait_scale=0.02, SourceUrls=address) as aws:
        yield Lake(aws, aws.outputs(), folder)


@pytest.fixture
def late(hasty: Lake) -> Iterator[FaultProxy]:
    proxy = FaultProxy(hasty.aws.endpoint, Fault.DELAYED, DELAY_SECS)
    yield proxy
    proxy.close()


def timeouts(lake: Lake, arn: str) -> int:
    """Returns the number of tasks of an execution that timed out."""
    pages = lake.sfn.get_paginator("get_execution_history").paginate(executionArn=arn)
    failed = [entry.get("taskFailedEventDetails", {}) for page in pages for entry in page["events"]]
    return sum(details.get("error") == TIMED_OUT for details in failed)


@pytest.mark.parametrize("step", STEPS)
def test_step_that_times_out_is_retried(hasty: Lake, late: FaultProxy, step: str) -> None:
    hour, job = f"2018-05-01-{STEPS.index(step)}", f"test_timeout_of_{step}"
    hasty.serve(hour, small_hour(hour))
    assert hasty.run_hour(hour, job_id=job).status == "SUCCEEDED"
    expected = hasty.state(hour, job)
    hasty.forget(hour)
    with configured(hasty, [step], through(late), Timeout=TIMEOUT_SECS):
        late.strike(0)
        run = hasty.run_hour(hour, job_id=job)
        assert (run.status, timeouts(hasty, run.arn)) == ("SUCCEEDED", 1), run
        assert hasty.state(hour, job) == expected

        hasty.forget(hour)
        late.strike(EVERY)
        run = hasty.run_hour(hour, job_id=job)
        assert (run.status, run.error) == ("FAILED", TIMED_OUT), run
        late.disarm()
    ledger = hasty.ledger(hour)
    if step == "commit-bookmark":
        assert ledger["status"] == "landed", "a failure of commit-bookmark cannot be recorded"
    else:
        assert (ledger["status"], ledger["last_error"]["name"]) == ("failed", TIMED_OUT)
    assert hasty.run_hour(hour, job_id=job).status == "SUCCEEDED"
    assert hasty.state(hour, job) == expected


def test_first_step_that_times_out_is_retried(hasty: Lake, late: FaultProxy) -> None:
    hour = hours_before_now(200)[0]
    hasty.serve(hour, small_hour(hour))
    span = {"from": hour, "to": hour}
    cases: list[tuple[str, str, dict[str, Any]]] = [
        ("list-hours", "Backfill", span),
        ("next-file", "Ingest", {"job_id": "test_timeout_of_ingest", "from": hour, "max_hours": 1}),
    ]
    for function, machine, arguments in cases:
        with configured(hasty, [function], through(late), Timeout=TIMEOUT_SECS):
            late.strike(0)
            run = hasty.wait(hasty.start(machine, **arguments))
            assert (run.status, timeouts(hasty, run.arn)) == ("SUCCEEDED", 1), run
            late.strike(EVERY)
            run = hasty.wait(hasty.start(machine, **arguments))
            assert (run.status, run.error) == ("FAILED", TIMED_OUT), run
            late.disarm()
            assert hasty.wait(hasty.start(machine, **arguments)).status == "SUCCEEDED"
        assert (hasty.ledger(hour)["status"], len(hasty.rows(hour))) == ("published", 30)


def test_proof_that_times_out_is_retried(hasty: Lake, late: FaultProxy) -> None:
    hour = "2018-05-02-0"
    hasty.serve(hour, small_hour(hour))
    assert hasty.run_hour(hour, job_id="test_timeout_of_prove").status == "SUCCEEDED"
    span = {"from": hour, "to": hour}
    with configured(hasty, ["prove-hour"], through(late), Timeout=TIMEOUT_SECS):
        late.strike(0)
        run = hasty.wait(hasty.start("Prove", **span))
        assert (run.status, run.output["proven"]) == ("SUCCEEDED", 1), run
        late.strike(EVERY)
        run = hasty.wait(hasty.start("Prove", **span))
        assert run.status == "FAILED" and run.error in {TIMED_OUT, "States.ExceedToleratedFailureThreshold"}, run
        late.disarm()
    run = hasty.wait(hasty.start("Prove", **span))
    assert (run.status, run.output["proven"]) == ("SUCCEEDED", 1), run


def test_ledger_table_follows_after_export_timeout(hasty: Lake, late: FaultProxy) -> None:
    hour = "2018-06-01-0"
    hasty.serve(hour, small_hour(hour))
    with configured(hasty, ["export-ledger"], through(late), Timeout=TIMEOUT_SECS):
        late.strike(EVERY)
        with pytest.raises(FunctionError, match=TIMED_OUT):
            hasty.invoke("export-ledger", {"from": hour, "to": hour})
        assert hasty.run_hour(hour, job_id="test_timeout_of_export").status == "SUCCEEDED"
        struck = len(late.calls)
        wait_until(lambda: len(late.calls) > struck, "the ledger's stream calls the function")
        assert not hasty.objects("ledger/ghactivity/2018-06"), "no call succeeded"
        late.disarm()
        wait_until(lambda: hasty.objects("ledger/ghactivity/2018-06"), "the stream hands the change out again")
    sql = "SELECT archive_hour, status, rows FROM archive_hours WHERE year = '2018' AND month = '06'"
    wait_until(lambda: hasty.aws.query(sql).rows == [[hour, "published", "30"]], "the table has the hour")
