"""A run gets one fault at any call to S3, DynamoDB or Glue, and is repeated. The final state equals that of an undisturbed run.

Each call of a run gets each `fault_proxy.Fault` in turn. The test then repeats what is repeated in operation: after a crash the whole run,
after an error that the state machine retries that step, and nothing after an error that the SDK retries.
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
#: Allowed errors of each fault: those that Retry matches, and the error of a killed process.
EXPECTED = {
    Fault.THROTTLED: {"AwsThrottled"},
    Fault.DELAYED: {"AwsTimeout"},
    **dict.fromkeys(CRASHES, {"Runtime.ExitError"}),
    # The SDK's second try may conflict with the effect of its first one.
    Fault.REPEATED: {"BookmarkConflict", "PartitionConflict"},
}
MENDED, QUIET = "repaired by the client", "without effect on the run"
#: Final errors of runs that do not publish their hour. No step is retried after them.
ENDS = {"CorruptArchive", "HourWouldShrink", "SourceNotPublished"}
#: Prefixes of further objects that a run may write: replaced files, lists of hours, reports, and the exported ledger.
BESIDE = (
    f"landing/ghactivity/_replaced/{HOUR}.",
    f"landing/ghactivity/_backfill/{JOB}",
    f"reports/ghactivity/prove/{JOB}/",
    "ledger/ghactivity/2016-06",
)


def end_lease(lake: Lake) -> None:
    """Deletes the lease, as its expiry after five minutes does."""
    lake.table("ArchiveHours").delete_item(Key={"archive": "ghactivity#lease", "hour": ledger_key(HOUR)})


class Run:
    """Calls the steps of one execution of process-hour one by one, and keeps their errors."""

    def __init__(self, lake: Lake, retrying: bool = False, patient: bool = False) -> None:
        self.lake = lake
        self.retrying = retrying
        #: True if the run waits until the lease of a killed run expires, as Retry does.
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
        """Commits a failure, as the state machine does after a failed step. The run then ends with this error name, or continues."""
        result: dict[str, Any] = self.commit(execution, {"failed": {"name": name, "message": "byte 7"}}, **redrive)
        return result

    def commit(self, execution: dict[str, str], outcome: dict[str, Any], redrive_count: int = 0, resumed_redrive: int = 0) -> Any:
        redrive = {"redrive_count": redrive_count, "resumed_redrive": resumed_redrive}
        return self.step("commit-bookmark", execution | redrive | {"hour": HOUR, "job_id": JOB, "outcome": outcome})

    def step(self, function: str, event: dict[str, Any]) -> Any:
        return self.attempt(lambda: self.lake.invoke(function, event))

    def attempt(self, work: Callable[[], Any]) -> Any:
        """Runs a step, and repeats it once after an error that Retry matches. A second error ends the run."""
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
        """Makes the DynamoDB call of the state RecordLanded through the proxy, with the arguments of the state machine's definition."""
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
            pass  # the hour is published or missing and keeps its status
        except (BotoCoreError, ClientError) as error:
            raise FunctionError("RecordLanded", str(error)) from error


def execution(name: str, started_at: str) -> dict[str, str]:
    return {"execution_arn": f"arn:aws:states:us-east-1:000000000000:execution:process-hour:{name}", "started_at": started_at}


FIRST = execution("first", "2026-01-01T00:00:00Z")
#: Their start times are after the first publication at any time of the test.
SECOND, THIRD = execution("second", "2999-01-01T00:00:00Z"), execution("third", "2999-01-01T01:00:00Z")


@dataclass
class Scenario:
    """A kind of run: its preparation, and the run whose calls get faults."""

    before: Callable[[Run], None]
    #: Its return value must also be the same.
    run: Callable[[Run], object]
    #: Least number of calls to AWS in the run. Fewer calls would test too little.
    least_calls: int
    #: Number of calls whose failure no step reports, because AWS or an expiry time cleans up after them.
    quiet_calls: int = 0
    #: True if objects of late calls may stay after the run. The next publication of the hour deletes them.
    keeps_late_objects: bool = False


def serve(lake: Lake, body: str) -> None:
    """Serves the file with a fixed modification time, because the ledger contains the source's Last-Modified."""
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
    """Publishes a third version, so the first one is no longer kept."""
    serve(run.lake, "second")
    run.publish(THIRD)


def roll_back(run: Run) -> None:
    run.roll_back(THIRD)


@contextmanager
def ending_as(name: str) -> Iterator[None]:
    """Fails unless the `with` block raises this error."""
    assert name in ENDS
    try:
        yield
    except FunctionError as error:
        if error.name != name:
            raise
    else:
        pytest.fail(f"{name} was expected")


def fail(run: Run) -> None:
    """Fetches a file whose damage is at the end, so most of it is uploaded before the error."""
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
    """Runs the hour again when the source has fewer rows, so the new version is refused."""
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
    """Calls the functions of ingest, backfill, prove and the ledger's stream, and returns their outputs."""
    asked = [run.step("next-file", {"job_id": JOB, "max_hours": 1} | more) for more in ({"from": HOUR}, {"recheck_days": 1})]
    request = {"from": HOUR, "to": HOUR, "force": True}
    listed = run.step("list-hours", {"request": request, "manifest": JOB})
    proven = [run.step("prove-hour", {"proof": JOB} | what) for what in ({"hour": HOUR}, {"hours": 1})]
    exported = run.step("export-ledger", {"from": HOUR, "to": HOUR})
    assert proven[0]["proven"] and listed["statuses"]["published"] == 1 and exported["months"] == ["2016-06"]
    return [[one["hours"] for one in asked], listed, proven, exported]


def redriven(run: Run) -> None:
    """Runs the redrive of a failed hour: CommitFailure returns `retrying`, and the hour is published. A repeated call is safe."""
    if VARIABLES["resumed_redrive"] == 0:
        assert run.fail(FIRST, redrive_count=1)["status"] == "retrying"
        VARIABLES["resumed_redrive"] = 1
    serve(run.lake, "first")
    run.publish(FIRST, redrive_count=1, resumed_redrive=1)


BODIES: dict[str, bytes] = {}
#: The state machine's variables, which retries and redrives keep.
VARIABLES: dict[str, int] = {}
SCENARIOS = {
    "published": Scenario(lambda run: None, publish_first, 20),
    "replaced by another version": Scenario(publish_two_smaller, publish_third, 25),
    "rolled back": Scenario(publish_two, roll_back, 12),
    "failed": Scenario(lambda run: None, fail, 4, quiet_calls=3),  # the calls that abort the upload
    "redriven": Scenario(fail_before, redriven, 25),
    "refused": Scenario(publish_largest, refuse, 25, quiet_calls=2, keeps_late_objects=True),  # the calls that release the lease
    "missing": Scenario(begin_job, miss, 5),
    "put by others": Scenario(put_by_others, publish_landed, 20),
    "looked at": Scenario(publish_first, look_at, 20),
}


#: The full matrix skips these faults in these scenarios: functions see such a fault like another one, and other scenarios have the steps.
SEEN_ALIKE, MADE_OF_OTHERS = {Fault.REPLY_CUT, Fault.UNAVAILABLE, Fault.THROTTLED, Fault.REPEATED}, {"redriven", "refused", "put by others"}
#: Faults that need the same settings of the functions, so one test can use all of them.
ERRORS = (Fault.CUT, Fault.REPLY_LOST, Fault.REPLY_CUT, Fault.UNAVAILABLE, Fault.THROTTLED)
#: This scenario contains every call of the other ones.
LONGEST = "replaced by another version"


@dataclass
class Part:
    """One test: a scenario, its faults, which take turns, and the distance between the calls that get one."""

    phrase: str
    faults: tuple[Fault, ...]
    #: 1: every call gets a fault; 2: every second call.
    every: int = 1

    @property
    def id(self) -> str:
        faults = self.faults[0].name.lower() if len(self.faults) == 1 else "errors"
        return f"{self.phrase}-{faults}" + ("" if self.every == 1 else f"-every-{self.every}")


def parts() -> list[Part]:
    """Returns a fixed sample, or with `GHACTIVITY_FAULTS=all` every fault at every call.

    The sample: a crash before and after every call, and another fault at every fourth call. `tests/faults`
    injects every fault at every call, in memory.
    """
    if os.environ.get("GHACTIVITY_FAULTS") == "all":
        return [Part(phrase, (fault,)) for phrase in SCENARIOS for fault in Fault if in_full_matrix(phrase, fault)]
    crashes = [Part(phrase, (fault,)) for phrase in SCENARIOS for fault in (Fault.CRASH_BEFORE, Fault.CRASH_AFTER)]
    errors = [Part(phrase, ERRORS, every=4) for phrase in SCENARIOS]
    return [*crashes, *errors, Part(LONGEST, (Fault.DELAYED,), every=6), Part(LONGEST, (Fault.REPEATED,), every=3)]


def in_full_matrix(phrase: str, fault: Fault) -> bool:
    if fault is Fault.CRASH_LATE:  # together with CRASH_BEFORE
        return False
    if fault is Fault.DELAYED:  # each such call takes more than a second
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
    """Returns the job's items in the run history."""
    items: list[dict[str, Any]] = lake.table("JobRunDetails").query(KeyConditionExpression=Key("job_id").eq(JOB))["Items"]
    return items


def forget_run(lake: Lake, run: dict[str, Any]) -> None:
    lake.table("JobRunDetails").delete_item(Key={name: run[name] for name in ("job_id", "job_run_time")})


def forget(lake: Lake) -> None:
    """Deletes all state of the hour and its job."""
    lake.forget(HOUR)
    lake.remove(lake.objects(*BESIDE))
    for run in history(lake):
        forget_run(lake, run)
    lake.table("Jobs").delete_item(Key={"job_id": JOB})


class Saved:
    """A copy of the state of the hour and its job, which can be restored many times."""

    def __init__(self, lake: Lake) -> None:
        self.objects = {key: lake.s3.get_object(Bucket=lake.bucket, Key=key) for key in objects_of(lake)}
        self.bodies = {key: found["Body"].read() for key, found in self.objects.items()}
        hour = {"archive": "ghactivity", "hour": ledger_key(HOUR)}
        kept = [("ArchiveHours", hour), ("Jobs", {"job_id": JOB})]
        self.items = [(table, key, lake.table(table).get_item(Key=key).get("Item")) for table, key in kept]
        self.runs = history(lake)
        self.partition = lake.partition(HOUR)

    def put_back(self, lake: Lake, found: dict[str, str]) -> None:
        """Restores the saved state. `found` has the ETags of the present objects. To save calls, it does not write unchanged objects."""
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
    """Returns the fields of a partition that create_partition takes."""
    return {name: partition[name] for name in ("Values", "StorageDescriptor", "Parameters") if name in partition} if partition else {}


@pytest.fixture(scope="module", autouse=True)
def bodies(generate: Callable[..., bytes]) -> None:
    """Makes files of the hour: "first" has three chunks with duplicates and bad lines, "zeroth" two chunks, "second" four."""
    BODIES["zeroth"] = gz(*(event(number) for number in range(600)))
    BODIES["first"] = generate(HOUR, "--events", "1250", "--duplicates", "0.01", "--bad", "0.01")
    BODIES["second"] = gz(*(event(number) for number in range(1600)))
    BODIES["damaged"] = BODIES["first"][:-8] + bytes(16)  # a wrong CRC; the length differs, so the source's ETag does too


@dataclass
class Outcomes:
    """The reported errors of one fault, counted over all calls that got it."""

    errors: Counter[str] = field(default_factory=Counter)

    def of(self, run: Run, fault: Fault, call: str) -> None:
        """Counts the error of one run, and checks that the fault may cause it."""
        allowed = EXPECTED.get(fault, {"AwsUnavailable"}) | {"RecordLanded"}
        if fault is Fault.THROTTLED and call.startswith("S3 HEAD"):  # a reply to HEAD has no body with a reason
            allowed |= {"AwsUnavailable"}
        if fault is Fault.REPEATED and call.startswith("S3 CompleteMultipartUpload"):  # the second try does not find the completed upload
            allowed |= {"AwsUnavailable"}
        assert {error.name for error in run.errors} <= allowed, f"{call}: {run.errors}"
        assert len(run.errors) <= 1, f"{call}: more than one error: {run.errors}"
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
    assert lake.lease(HOUR) is None, "an undisturbed run releases the lease"
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
            assert fault in CRASHES, f"{call}: {error} at the second attempt"
            fault_proxy.disarm()
            answered = scenario.run(Run(lake, patient=True))
        outcomes[fault].of(run, fault, fault_proxy.struck or call)
        assert answered == answer, f"call {number} ({call}): {fault.value}"
        found = snapshot(lake)
        assert found == expected, f"call {number} ({call}): {fault.value}"
        if fault is Fault.CRASH_BEFORE:
            assert fault_proxy.deliver_late() != 403, "the late call was denied, so it tested nothing"
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
    """Checks each scenario's final state, because the fault test compares states only with each other."""
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
    assert int(tag.partition("-")[2]) > 1, "it was uploaded in parts"
    assert len(objects) > 10 and objects == {key: hashlib.md5(lake.read(key)).hexdigest() for key in objects}, "the same bytes"
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
    assert not [key for key in lake.hour_objects(HOUR) if smallest[0] in key], "the version that is not kept is deleted"
    assert [key for key in lake.hour_objects(HOUR) if published["version"] in key], "the kept version has its objects"

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
    assert all(HOUR not in hours for hours in look_at(Run(lake))[0]), "the hour is published, and the source does not have it"
    assert [key for prefix in BESIDE[1:] for key in lake.objects(prefix)] == [
        f"landing/ghactivity/_backfill/{JOB}.json",
        f"reports/ghactivity/prove/{JOB}/{HOUR}.json",
        "ledger/ghactivity/2016-06.parquet",
    ]
