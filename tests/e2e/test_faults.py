"""Stopped after any single call to S3, DynamoDB or Glue and run again: the state equals that of an uninterrupted run.

Every call that the steps of a run make is the point of a fault in turn: a crash before the call takes effect, a crash after it has,
with only its reply lost, and a refusal by a service that is too busy. The function fails there; the run is then made from its start
without faults.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from boto3.dynamodb.conditions import Key
from botocore.exceptions import BotoCoreError, ClientError
from conftest import ROOT
from fault_proxy import Fault, FaultProxy
from deployment import FunctionError, Lake, ledger_key, versions_before
from test_bad_input import event, gz

HOUR, JOB = "2016-06-01-0", "test_faults"
TRANSIENT = ("AwsUnavailable", "AwsTimeout", "AwsThrottled")


class Run:
    """The steps of one execution of process-hour, called one by one; the first error ends them, as a crash does."""

    def __init__(self, lake: Lake, name: str, started_at: str) -> None:
        self.lake = lake
        self.execution = {
            "execution_arn": f"arn:aws:states:us-east-1:000000000000:execution:process-hour:{name}",
            "started_at": started_at,
        }

    def publish(self, **redrive: int) -> None:
        fetched = self.lake.invoke("fetch", {"hour": HOUR})
        self.record_landed()
        where = {"hour": HOUR, "version": fetched["version"]}
        for chunk in range(fetched["chunks"]):
            self.lake.invoke("convert-chunk", where | {"chunk": chunk})
        published = self.lake.invoke("register-partition", where | self.execution | {"source": fetched["source"]})
        self.commit({"published": {k: v for k, v in published.items() if k != "hour"}}, **redrive)

    def record_landed(self) -> None:
        """The call that the state machine makes by itself, as its text has it, through the proxy."""
        arguments = json.loads((ROOT / "statemachine/process-hour.asl.json").read_text())["States"]["RecordLanded"]["Arguments"]
        values = {
            name: {kind: self.execution["execution_arn"] if value.startswith("{%") else value for kind, value in typed.items()}
            for name, typed in arguments["ExpressionAttributeValues"].items()
        }
        values[":updated_at"] = {"S": self.execution["started_at"]}
        request = arguments | {
            "TableName": self.lake.outputs["ArchiveHoursTableName"],
            "Key": {"archive": {"S": "ghactivity"}, "hour": {"S": ledger_key(HOUR)}},
            "ExpressionAttributeValues": values,
        }
        client = self.lake.proxied_dynamodb
        try:
            client.update_item(**request)
        except client.exceptions.ConditionalCheckFailedException:
            pass  # published or missing already, and so it stays
        except (BotoCoreError, ClientError) as error:
            raise FunctionError("AwsUnavailable", str(error)) from error

    def fail(self, **redrive: int) -> dict[str, Any]:
        """What the state machine does once a step has failed: it ends under the failure's name, or goes back to work."""
        return self.commit({"failed": {"name": "CorruptArchive", "message": "byte 7"}}, **redrive)

    def commit(self, outcome: dict[str, Any], redrive_count: int = 0, resumed_redrive: int = 0) -> dict[str, Any]:
        redrive = {"redrive_count": redrive_count, "resumed_redrive": resumed_redrive}
        return self.lake.invoke("commit-bookmark", self.execution | redrive | {"hour": HOUR, "job_id": JOB, "outcome": outcome})


@dataclass
class Scenario:
    """What is done before, and the run whose calls are cut."""

    before: Callable[[Lake], None]
    run: Callable[[Lake], None]
    #: The functions' calls that it makes at least; fewer would mean that it tests little.
    least_calls: int


def first(lake: Lake) -> Run:
    return Run(lake, "first", "2026-01-01T00:00:00Z")


def second(lake: Lake) -> Run:
    """It begins after the first has been published, whenever that is."""
    return Run(lake, "second", "2999-01-01T00:00:00Z")


def serve(lake: Lake, body: str) -> None:
    """Always as of the same time: the ledger keeps the source's Last-Modified."""
    lake.serve(HOUR, BODIES[body])
    os.utime(lake.source_dir / f"{HOUR}.json.gz", (1_465_000_000, 1_465_000_000))


def publish_first(lake: Lake) -> None:
    lake.invoke("next-file", {"job_id": JOB, "max_hours": 1, "from": HOUR})
    serve(lake, "first")
    first(lake).publish()


def publish_second(lake: Lake) -> None:
    serve(lake, "second")
    second(lake).publish()


def fail(lake: Lake) -> None:
    with pytest.raises(FunctionError, match="CorruptArchive"):
        try:
            first(lake).fail()
        except FunctionError as error:
            if error.name in TRANSIENT:
                raise Cut(error) from error
            raise


def fail_before(lake: Lake) -> None:
    VARIABLES["resumed_redrive"] = 0
    lake.invoke("next-file", {"job_id": JOB, "max_hours": 1, "from": HOUR})
    fail(lake)


def redriven(lake: Lake) -> None:
    """Told to go back to work, and asking again if that answer was lost, it publishes."""
    if VARIABLES["resumed_redrive"] == 0:
        assert first(lake).fail(redrive_count=1)["status"] == "retrying"
        VARIABLES["resumed_redrive"] = 1
    serve(lake, "first")
    first(lake).publish(redrive_count=1, resumed_redrive=1)


class Cut(Exception):
    """The crash was noticed, where another error was expected."""


BODIES: dict[str, bytes] = {}
#: What the state machine remembers of the execution, through retries and redrives.
VARIABLES: dict[str, int] = {}
SCENARIOS = {
    "an hour is published": Scenario(lambda lake: None, publish_first, 20),
    "an hour is published again in another version": Scenario(publish_first, publish_second, 25),
    "an hour fails": Scenario(lambda lake: None, fail, 4),
    "an hour that failed is redriven": Scenario(fail_before, redriven, 25),
}


def snapshot(lake: Lake) -> dict[str, object]:
    state = lake.state(HOUR, JOB)
    state["runs"] = [{k: v for k, v in run.items() if k != "ended_at"} for run in lake.runs(JOB) if run["hour"] == HOUR]
    return state


def forget(lake: Lake) -> None:
    """Everything of the hour and its job, so that the next crash meets the same start."""
    lake.forget(HOUR)
    history = lake.table("JobRunDetails")
    for item in history.query(KeyConditionExpression=Key("job_id").eq(JOB))["Items"]:
        history.delete_item(Key={"job_id": JOB, "job_run_time": item["job_run_time"]})
    lake.table("Jobs").delete_item(Key={"job_id": JOB})


@pytest.fixture(scope="module", autouse=True)
def bodies(generate) -> None:
    """Three chunks with duplicates and bad lines, and the same hour with one chunk more."""
    BODIES["first"] = generate(HOUR, "--events", "1250", "--duplicates", "0.01", "--bad", "0.01")
    BODIES["second"] = gz(*(event(number) for number in range(1600)))


@pytest.mark.parametrize("phrase", SCENARIOS)
def test_a_fault_at_any_call_is_mended_by_running_again(lake: Lake, fault_proxy: FaultProxy, phrase: str) -> None:
    scenario = SCENARIOS[phrase]

    def fresh() -> None:
        forget(lake)
        fault_proxy.disarm()
        scenario.before(lake)

    fresh()
    fault_proxy.disarm()
    scenario.run(lake)
    calls = list(fault_proxy.calls)
    expected = snapshot(lake)
    assert lake.lease(HOUR) is None, "an uninterrupted run gives the lease back"
    points = 0
    for fault in Fault:
        for number, call in enumerate(calls):
            fresh()
            fault_proxy.stop_at(number, fault)
            stopped = False
            try:
                scenario.run(lake)
            except FunctionError as error:
                stopped = True
                assert error.name in TRANSIENT, f"{call}: {error}"
            except Cut:
                stopped = True
            finally:
                fault_proxy.disarm()
            assert stopped, f"call {number} ({call}) was {fault.value}, but nobody noticed"
            scenario.run(lake)
            assert snapshot(lake) == expected, f"call {number} ({call}): {fault.value}"
            points += 1
    print(f"{phrase}: {points} points of {len(calls)} calls, state equal to the uninterrupted run's at each")
    assert points == len(Fault) * len(calls) >= len(Fault) * scenario.least_calls


def test_the_scenarios_are_what_they_say(lake: Lake, fault_proxy: FaultProxy) -> None:
    """Otherwise the states compared above could be equal and wrong."""
    forget(lake)
    fault_proxy.disarm()
    fail_before(lake)
    assert (lake.ledger(HOUR)["status"], lake.bookmark(JOB)) == ("failed", None)
    redriven(lake)
    published = lake.ledger(HOUR)
    assert (published["status"], published["chunks"], lake.bookmark(JOB)) == ("published", 3, HOUR)
    assert published["counts"]["quarantined"] > 0 and published["counts"]["duplicates"] > 0
    publish_second(lake)
    replaced = lake.ledger(HOUR)
    assert (versions_before(replaced), replaced["chunks"]) == ([published["version"]], 4)
    assert not [key for key in lake.hour_objects(HOUR) if published["version"] in key], "the replaced version is gone"
