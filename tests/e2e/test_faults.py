"""Stopped or disturbed at any single call to S3, DynamoDB or Glue, and run again: the state equals that of an uninterrupted run.

Every call that the steps of a run make meets every fault of `fault_proxy.Fault` in turn. What follows is what follows in
life: after a crash the run is made again from its start; an error that the state machine retries is met by running that step
again; and what the client repairs itself needs nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from boto3.dynamodb.conditions import Key
from botocore.exceptions import BotoCoreError, ClientError

import fault_matrix
from conftest import ROOT
from deployment import FunctionError, Lake, ledger_key, versions_before
from fault_proxy import CRASHES, IN_PARTS, Fault, FaultProxy
from test_bad_input import event, gz

HOUR, JOB = "2016-06-01-0", "test_faults"
#: The errors that a fault may show as: those that Retry matches, and the one of a process that is gone.
EXPECTED = {
    Fault.THROTTLED: {"AwsThrottled"},
    Fault.DELAYED: {"AwsTimeout"},
    **dict.fromkeys(CRASHES, {"Runtime.ExitError"}),
    # Its own first try may be in the way of the client's second one.
    Fault.REPEATED: {"BookmarkConflict", "PartitionConflict"},
}
MENDED, QUIET = "repaired by the client", "without effect on the run"
#: How a run is to end that does not publish its hour: nothing is tried again.
ENDS = {"CorruptArchive", "HourWouldShrink", "SourceNotPublished"}
#: What lies beside the hour's own objects: replaced files, lists of hours, reports, and the exported ledger.
BESIDE = (
    f"landing/ghactivity/_replaced/{HOUR}.",
    f"landing/ghactivity/_backfill/{JOB}",
    f"reports/ghactivity/prove/{JOB}/",
    "ledger/ghactivity/2016-06",
)


def end_lease(lake: Lake) -> None:
    """As if five minutes had passed."""
    lake.table("ArchiveHours").delete_item(Key={"archive": "ghactivity#lease", "hour": ledger_key(HOUR)})


class Run:
    """The steps of one execution of process-hour, called one by one, with what has gone wrong with them so far."""

    def __init__(self, lake: Lake, retrying: bool = False, patient: bool = False) -> None:
        self.lake = lake
        self.retrying = retrying
        #: Whether it waits for the lease of one that was killed, as Retry does for five minutes.
        self.patient = patient
        self.errors: list[FunctionError] = []

    def publish(self, execution: dict[str, str], source: str = "upstream", **redrive: int) -> None:
        fetched = self.step("fetch", {"hour": HOUR, "source": source})
        self.attempt(lambda: self.record_landed(execution))
        where = {"hour": HOUR, "version": fetched["version"]}
        for chunk in range(fetched["chunks"]):
            self.step("convert-chunk", where | {"chunk": chunk})
        published = self.step("register-partition", where | execution | {"source": fetched["source"]})
        self.commit(execution, {"published": {k: v for k, v in published.items() if k != "hour"}}, **redrive)

    def roll_back(self, execution: dict[str, str]) -> None:
        shown = self.step("register-partition", execution | {"hour": HOUR, "roll_back_to": "previous"})
        self.commit(execution, {"rolled_back": {k: v for k, v in shown.items() if k != "hour"}})

    def fail(self, execution: dict[str, str], name: str = "CorruptArchive", **redrive: int) -> dict[str, Any]:
        """What the state machine does once a step has failed: it ends under the failure's name, or goes back to work."""
        result: dict[str, Any] = self.commit(execution, {"failed": {"name": name, "message": "byte 7"}}, **redrive)
        return result

    def commit(self, execution: dict[str, str], outcome: dict[str, Any], redrive_count: int = 0, resumed_redrive: int = 0) -> Any:
        redrive = {"redrive_count": redrive_count, "resumed_redrive": resumed_redrive}
        return self.step("commit-bookmark", execution | redrive | {"hour": HOUR, "job_id": JOB, "outcome": outcome})

    def step(self, function: str, event: dict[str, Any]) -> Any:
        return self.attempt(lambda: self.lake.invoke(function, event))

    def attempt(self, work: Callable[[], Any]) -> Any:
        """A step, once more if it fails as Retry has it; the same error twice ends the run."""
        try:
            return work()
        except FunctionError as error:
            if error.name in ENDS:
                raise
            if self.patient and error.name == "PartitionConflict":
                end_lease(self.lake)
                return work()
            self.errors.append(error)
            if not self.retrying:
                raise
            return work()

    def record_landed(self, execution: dict[str, str]) -> None:
        """The call that the state machine makes by itself, as its text has it, through the proxy."""
        arguments = json.loads((ROOT / "statemachine/process-hour.asl.json").read_text())["States"]["RecordLanded"]["Arguments"]
        values = {
            name: {kind: execution["execution_arn"] if value.startswith("{%") else value for kind, value in typed.items()}
            for name, typed in arguments["ExpressionAttributeValues"].items()
        }
        values[":updated_at"] = {"S": execution["started_at"]}
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
            raise FunctionError("RecordLanded", str(error)) from error


def execution(name: str, started_at: str) -> dict[str, str]:
    return {"execution_arn": f"arn:aws:states:us-east-1:000000000000:execution:process-hour:{name}", "started_at": started_at}


FIRST = execution("first", "2026-01-01T00:00:00Z")
#: They begin after the first has been published, whenever that is.
SECOND, THIRD = execution("second", "2999-01-01T00:00:00Z"), execution("third", "2999-01-01T01:00:00Z")


@dataclass
class Scenario:
    """What is done before, and the run whose calls meet faults."""

    before: Callable[[Run], None]
    #: Its answer is part of what must be the same.
    run: Callable[[Run], object]
    #: The functions' calls that it makes at least; fewer would mean that it tests little.
    least_calls: int
    #: This number of them has no effect on the run: what they leave behind ends by itself.
    quiet_calls: int = 0
    #: Whether objects that arrive when all is over may stay: the next publication of the hour removes them.
    keeps_late_objects: bool = False


def serve(lake: Lake, body: str) -> None:
    """Always as of the same time: the ledger keeps the source's Last-Modified."""
    lake.serve(HOUR, BODIES[body])
    os.utime(lake.source_dir / f"{HOUR}.json.gz", (1_465_000_000, 1_465_000_000))


def publish_first(run: Run, body: str = "first") -> None:
    run.step("next-file", {"job_id": JOB, "max_hours": 1, "from": HOUR})
    serve(run.lake, body)
    run.publish(FIRST)


def publish_second(run: Run, body: str = "second") -> None:
    serve(run.lake, body)
    run.publish(SECOND)


def publish_two(run: Run) -> None:
    publish_first(run)
    publish_second(run)


def publish_two_smaller(run: Run) -> None:
    publish_first(run, "zeroth")
    publish_second(run, "first")


def publish_third(run: Run) -> None:
    """The version before the one that it replaces is not kept any more."""
    serve(run.lake, "second")
    run.publish(THIRD)


def roll_back(run: Run) -> None:
    run.roll_back(THIRD)


@contextmanager
def ending_as(name: str) -> Iterator[None]:
    """As how a step is to end."""
    assert name in ENDS
    try:
        yield
    except FunctionError as error:
        if error.name != name:
            raise
    else:
        pytest.fail(f"{name} was expected")


def fail(run: Run) -> None:
    """The file turns out to be damaged when most of it has been uploaded."""
    serve(run.lake, "damaged")
    with ending_as("CorruptArchive"):
        run.step("fetch", {"hour": HOUR})
    with ending_as("CorruptArchive"):
        run.fail(FIRST)


def begin_job(run: Run) -> None:
    VARIABLES["resumed_redrive"] = 0
    run.step("next-file", {"job_id": JOB, "max_hours": 1, "from": HOUR})


def fail_before(run: Run) -> None:
    begin_job(run)
    fail(run)


def publish_largest(run: Run) -> None:
    publish_first(run, "second")


def refuse(run: Run) -> None:
    """The source has fewer rows by now."""
    serve(run.lake, "zeroth")
    with ending_as("HourWouldShrink"):
        run.publish(SECOND)
    with ending_as("HourWouldShrink"):
        run.fail(SECOND, "HourWouldShrink")


def miss(run: Run) -> None:
    run.lake.unpublish(HOUR)
    with ending_as("SourceNotPublished"):
        run.step("fetch", {"hour": HOUR})
    assert run.fail(FIRST, "SourceNotPublished")["status"] == "missing"


def put_by_others(run: Run) -> None:
    begin_job(run)
    run.lake.s3.put_object(Bucket=run.lake.bucket, Key=f"landing/ghactivity/{HOUR}.json.gz", Body=BODIES["zeroth"])


def publish_landed(run: Run) -> None:
    run.publish(FIRST, source="landing")


def look_at(run: Run) -> list[Any]:
    """What ingest, backfill, prove and the ledger's stream ask for, each of its function."""
    asked = [run.step("next-file", {"job_id": JOB, "max_hours": 1} | more) for more in ({"from": HOUR}, {"recheck_days": 1})]
    request = {"from": HOUR, "to": HOUR, "force": True}
    listed = run.step("list-hours", {"request": request, "manifest": JOB})
    proven = [run.step("prove-hour", {"proof": JOB} | what) for what in ({"hour": HOUR}, {"hours": 1})]
    exported = run.step("export-ledger", {"from": HOUR, "to": HOUR})
    assert proven[0]["proven"] and listed["statuses"]["published"] == 1 and exported["months"] == ["2016-06"]
    return [[one["hours"] for one in asked], listed, proven, exported]


def redriven(run: Run) -> None:
    """Told to go back to work, and asking again if that answer was lost, it publishes."""
    if VARIABLES["resumed_redrive"] == 0:
        assert run.fail(FIRST, redrive_count=1)["status"] == "retrying"
        VARIABLES["resumed_redrive"] = 1
    serve(run.lake, "first")
    run.publish(FIRST, redrive_count=1, resumed_redrive=1)


BODIES: dict[str, bytes] = {}
#: What the state machine remembers of the execution, through retries and redrives.
VARIABLES: dict[str, int] = {}
SCENARIOS = {
    "published": Scenario(lambda run: None, publish_first, 20),
    "replaced by another version": Scenario(publish_two_smaller, publish_third, 25),
    "rolled back": Scenario(publish_two, roll_back, 12),
    "failed": Scenario(lambda run: None, fail, 4, quiet_calls=3),  # of the upload, once it has begun
    "redriven": Scenario(fail_before, redriven, 25),
    "refused": Scenario(publish_largest, refuse, 25, quiet_calls=2, keeps_late_objects=True),  # that give the lease back
    "missing": Scenario(begin_job, miss, 5),
    "put by others": Scenario(put_by_others, publish_landed, 20),
    "looked at": Scenario(publish_first, look_at, 20),
}


#: In the full matrix, scenarios that consist of steps of others skip faults that the functions cannot tell from others.
SEEN_ALIKE, MADE_OF_OTHERS = {Fault.REPLY_CUT, Fault.UNAVAILABLE, Fault.THROTTLED, Fault.REPEATED}, {"redriven", "refused", "put by others"}
#: Faults that need no other settings of the functions than each other.
ERRORS = (Fault.CUT, Fault.REPLY_LOST, Fault.REPLY_CUT, Fault.UNAVAILABLE, Fault.THROTTLED)
#: Has every call of the other scenarios.
LONGEST = "replaced by another version"


@dataclass
class Part:
    """One test: a scenario, the faults that take turns, and at which calls."""

    phrase: str
    faults: tuple[Fault, ...]
    #: The distance from one call that meets a fault to the next.
    every: int = 1

    @property
    def id(self) -> str:
        faults = self.faults[0].name.lower() if len(self.faults) == 1 else "errors"
        return f"{self.phrase}-{faults}" + ("" if self.every == 1 else f"-every-{self.every}")


def parts() -> list[Part]:
    """All crashes and a fixed sample of the other faults, which `tests/faults` injects at every call in memory. With
    `GHACTIVITY_FAULTS=all`, every fault at every call."""
    if os.environ.get("GHACTIVITY_FAULTS") == "all":
        return [Part(phrase, (fault,)) for phrase in SCENARIOS for fault in Fault if in_full_matrix(phrase, fault)]
    crashes = [Part(phrase, (fault,)) for phrase in SCENARIOS for fault in Fault if fault in CRASHES]
    errors = [Part(phrase, ERRORS, every=2) for phrase in SCENARIOS]
    return [*crashes, *errors, Part(LONGEST, (Fault.DELAYED,), every=6), Part(LONGEST, (Fault.REPEATED,), every=3)]


def in_full_matrix(phrase: str, fault: Fault) -> bool:
    if fault is Fault.CRASH_LATE:  # together with CRASH_BEFORE
        return False
    if fault is Fault.DELAYED:  # each of its points takes more than a second
        return phrase == LONGEST
    return fault not in SEEN_ALIKE or phrase not in MADE_OF_OTHERS


def objects_of(lake: Lake) -> dict[str, str]:
    return lake.hour_objects(HOUR) | lake.objects(*BESIDE)


def snapshot(lake: Lake) -> dict[str, Any]:
    state = lake.state(HOUR, JOB)
    state["objects"] |= lake.objects(*BESIDE)
    state["runs"] = [{k: v for k, v in run.items() if k != "ended_at"} for run in lake.runs(JOB) if run["hour"] == HOUR]
    return state


def history(lake: Lake) -> list[dict[str, Any]]:
    """The job's runs, as they are stored."""
    items: list[dict[str, Any]] = lake.table("JobRunDetails").query(KeyConditionExpression=Key("job_id").eq(JOB))["Items"]
    return items


def forget_run(lake: Lake, run: dict[str, Any]) -> None:
    lake.table("JobRunDetails").delete_item(Key={name: run[name] for name in ("job_id", "job_run_time")})


def forget(lake: Lake) -> None:
    """Everything of the hour and its job."""
    lake.forget(HOUR)
    lake.remove(lake.objects(*BESIDE))
    for run in history(lake):
        forget_run(lake, run)
    lake.table("Jobs").delete_item(Key={"job_id": JOB})


class Saved:
    """What the hour and its job have left behind, to be put back as often as it is wanted."""

    def __init__(self, lake: Lake) -> None:
        self.objects = {key: lake.s3.get_object(Bucket=lake.bucket, Key=key) for key in objects_of(lake)}
        self.bodies = {key: found["Body"].read() for key, found in self.objects.items()}
        hour = {"archive": "ghactivity", "hour": ledger_key(HOUR)}
        kept = [("ArchiveHours", hour), ("Jobs", {"job_id": JOB})]
        self.items = [(table, key, lake.table(table).get_item(Key=key).get("Item")) for table, key in kept]
        self.runs = history(lake)
        self.partition = lake.partition(HOUR)

    def put_back(self, lake: Lake, found: dict[str, str]) -> None:
        """Makes everything what it was, from the objects that were found; what still is stays, which spares most of the calls."""
        lake.remove(found.keys() - self.objects.keys())
        for key, body in self.bodies.items():
            if found.get(key) != hashlib.md5(body).hexdigest():
                facts = {name: self.objects[key][name] for name in ("Metadata", "ContentType")}
                lake.s3.put_object(Bucket=lake.bucket, Key=key, Body=body, **facts)
        for table, place, item in self.items:
            lake.table(table).put_item(Item=item) if item else lake.table(table).delete_item(Key=place)
        end_lease(lake)
        runs = history(lake)
        for run in runs:
            if run not in self.runs:
                forget_run(lake, run)
        for run in self.runs:
            if run not in runs:
                lake.table("JobRunDetails").put_item(Item=run)
        partition = lake.partition(HOUR)
        if described(partition) != described(self.partition):
            lake.forget_partition(HOUR)
            if self.partition:
                lake.glue.create_partition(DatabaseName=lake.database, TableName="events", PartitionInput=described(self.partition))


def described(partition: dict[str, Any] | None) -> dict[str, Any]:
    """What a partition is made from."""
    return {name: partition[name] for name in ("Values", "StorageDescriptor", "Parameters") if name in partition} if partition else {}


@pytest.fixture(scope="module", autouse=True)
def bodies(generate: Callable[..., bytes]) -> None:
    """Three chunks with duplicates and bad lines, and the same hour with one chunk less and one more."""
    BODIES["zeroth"] = gz(*(event(number) for number in range(600)))
    BODIES["first"] = generate(HOUR, "--events", "1250", "--duplicates", "0.01", "--bad", "0.01")
    BODIES["second"] = gz(*(event(number) for number in range(1600)))
    BODIES["damaged"] = BODIES["first"][:-8] + bytes(16)  # no CRC; of another length, by which the source knows it


@dataclass
class Outcomes:
    """How the points of one fault ended."""

    errors: Counter[str] = field(default_factory=Counter)

    def of(self, run: Run, fault: Fault, call: str) -> None:
        """Adds a point, whose error must be one that the fault may show as."""
        allowed = EXPECTED.get(fault, {"AwsUnavailable"}) | {"RecordLanded"}
        if fault is Fault.THROTTLED and call.startswith("S3 HEAD"):  # whose answers have no body that could name the reason
            allowed |= {"AwsUnavailable"}
        if fault is Fault.REPEATED and call.startswith("S3 CompleteMultipartUpload"):  # the second try finds no such upload any more
            allowed |= {"AwsUnavailable"}
        assert {error.name for error in run.errors} <= allowed, f"{call}: {run.errors}"
        assert len(run.errors) <= 1, f"{call}: noticed twice: {run.errors}"
        self.errors.update([error.name for error in run.errors] or [MENDED if fault is Fault.REPEATED else QUIET])


@pytest.mark.parametrize(
    ("part", "fault_proxy"), [pytest.param(part, part.faults[0], id=part.id) for part in parts()], indirect=["fault_proxy"]
)
def test_fault_at_any_call_leaves_the_same_state(lake: Lake, fault_proxy: FaultProxy, part: Part, request: pytest.FixtureRequest) -> None:
    scenario = SCENARIOS[part.phrase]
    forget(lake)
    scenario.before(Run(lake))
    before, variables = Saved(lake), dict(VARIABLES)
    before.put_back(lake, objects_of(lake))
    fault_proxy.disarm()
    answer = scenario.run(Run(lake))
    calls = list(fault_proxy.calls)
    expected = found = snapshot(lake)
    assert lake.lease(HOUR) is None, "an uninterrupted run gives the lease back"
    outcomes = {fault: Outcomes() for fault in part.faults}
    for number, call in list(enumerate(calls))[:: part.every]:
        fault_proxy.fault = fault = part.faults[number // part.every % len(part.faults)]
        before.put_back(lake, found["objects"])
        VARIABLES.update(variables)
        fault_proxy.strike(number)
        run = Run(lake, retrying=fault not in CRASHES)
        try:
            answered = scenario.run(run)
        except FunctionError as error:
            assert fault in CRASHES, f"{call}: {error} at the second try"
            fault_proxy.disarm()
            answered = scenario.run(Run(lake, patient=True))
        outcomes[fault].of(run, fault, fault_proxy.struck or call)
        assert answered == answer, f"call {number} ({call}): {fault.value}"
        found = snapshot(lake)
        assert found == expected, f"call {number} ({call}): {fault.value}"
        if fault is Fault.CRASH_BEFORE:
            assert fault_proxy.deliver_late() != 403, "otherwise nothing was tried"
            found = snapshot(lake)
            late = found["objects"].keys() - expected["objects"] if scenario.keeps_late_objects else set()
            seen = found | {"objects": {key: tag for key, tag in found["objects"].items() if key not in late}}
            assert seen == expected, f"call {number} ({call}): {Fault.CRASH_LATE.value}"
    assert len(calls) >= scenario.least_calls
    quiet = sum(one.errors[QUIET] for one in outcomes.values())
    allowed = 0 if {*part.faults} <= CRASHES | {Fault.REPEATED} else scenario.quiet_calls
    assert quiet == allowed if part.every == 1 else quiet <= allowed, "no step reported the fault"
    for fault, outcome in outcomes.items():
        for met in (fault, Fault.CRASH_LATE) if fault is Fault.CRASH_BEFORE else (fault,):
            request.node.user_properties.append((fault_matrix.PROPERTY, (part.phrase, met.value, dict(outcome.errors))))


@pytest.mark.parametrize("fault_proxy", [Fault.CUT], indirect=True)
def test_scenarios_do_what_they_say(lake: Lake, fault_proxy: FaultProxy) -> None:
    """Otherwise the states compared above could be equal and wrong."""
    forget(lake)
    fail_before(Run(lake))
    assert (lake.ledger(HOUR)["status"], lake.bookmark(JOB)) == ("failed", None)
    redriven(Run(lake))
    assert {f"S3 {name}" for name in IN_PARTS.values()} <= {" ".join(call.split()[:2]) for call in fault_proxy.calls}
    published = lake.ledger(HOUR)
    assert (published["status"], published["chunks"], lake.bookmark(JOB)) == ("published", 3, HOUR)
    assert published["counts"]["quarantined"] > 0 and published["counts"]["duplicates"] > 0
    objects = snapshot(lake)["objects"]
    tag = objects.pop(f"landing/ghactivity/{HOUR}.json.gz")
    assert int(tag.partition("-")[2]) > 1, "it went up in parts"
    assert len(objects) > 10 and objects == {key: hashlib.md5(lake.read(key)).hexdigest() for key in objects}, "the very bytes"
    publish_second(Run(lake))
    replaced = lake.ledger(HOUR)
    assert (versions_before(replaced), replaced["chunks"]) == ([published["version"]], 4)
    roll_back(Run(lake))
    back = lake.ledger(HOUR)
    assert (back["version"], back["rolled_back_from"], back["chunks"]) == (published["version"], replaced["version"], 3)
    assert lake.partition(HOUR)["StorageDescriptor"]["Location"] == published["partition_location"]

    forget(lake)
    publish_two_smaller(Run(lake))
    smallest = versions_before(lake.ledger(HOUR))
    publish_third(Run(lake))
    assert versions_before(lake.ledger(HOUR)) == [published["version"], *smallest]
    assert not [key for key in lake.hour_objects(HOUR) if smallest[0] in key], "the version that is not kept is gone"
    assert [key for key in lake.hour_objects(HOUR) if published["version"] in key], "the one that is kept is there"

    forget(lake)
    publish_largest(Run(lake))
    largest, objects = lake.ledger(HOUR), set(lake.hour_objects(HOUR))
    refuse(Run(lake))
    refused = lake.ledger(HOUR)
    assert (refused["version"], refused["last_error"]["name"]) == (largest["version"], "HourWouldShrink")
    assert set(lake.hour_objects(HOUR)) == objects, "nothing of the refused version is left"
    assert lake.objects(BESIDE[0]), "the published file is kept"

    forget(lake)
    begin_job(Run(lake))
    miss(Run(lake))
    assert (lake.ledger(HOUR)["status"], lake.bookmark(JOB)) == ("missing", HOUR)

    forget(lake)
    put_by_others(Run(lake))
    publish_landed(Run(lake))
    landed = lake.ledger(HOUR)
    assert (landed["chunks"], landed["source"]["url"]) == (2, f"s3://{lake.bucket}/landing/ghactivity/{HOUR}.json.gz")
    assert all(HOUR not in hours for hours in look_at(Run(lake))[0]), "it is published, and the source has none"
    assert [key for prefix in BESIDE[1:] for key in lake.objects(prefix)] == [
        f"landing/ghactivity/_backfill/{JOB}.json",
        f"reports/ghactivity/prove/{JOB}/{HOUR}.json",
        "ledger/ghactivity/2016-06.parquet",
    ]
