"""A load is stopped at any call to AWS, or a call is refused or half performed. Run again, it ends like an undisturbed load."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from csv_stack import CSV_TEMPLATE, CsvStack, expected
from deployment import FunctionError
from fault_proxy import CRASHES, EVERY, Fault, FaultProxy, _send
from stacks import Stacks

FUNCTIONS = ("plan-csv", "load-csv-chunk", "commit-csv-load", "undo-csv-load")
TRANSIENT = ("AwsUnavailable", "AwsTimeout", "AwsThrottled")
TABLE, KEY = "csv_faults", "incoming/faults.csv"
BODY = b"id,n\n" + b"".join(b"%d,%d\n" % (number % 9, number) for number in range(13)) + b"oops\n"
ARN = "arn:aws:states:us-east-1:000000000000:execution:csv-load:test"


#: Faults: the process is killed before or after the call, the reply is lost, the service is unavailable, or throttles.
FAULTS = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.REPLY_LOST, Fault.UNAVAILABLE, Fault.THROTTLED)


class HalfTakingProxy(FaultProxy):
    """Writes half of every second batch, and returns the other half as `UnprocessedItems`."""

    def __init__(self, stack: CsvStack) -> None:
        super().__init__(stack.aws.endpoint, Fault.CUT)
        self.dynamodb = stack.dynamodb
        self.batches = 0
        self.strike(EVERY)

    def _meet(self, fault: Fault, request: Any, body: bytes) -> None:
        if request.headers.get("X-Amz-Target", "").endswith("BatchWriteItem"):
            [(table, writes)] = json.loads(body)["RequestItems"].items()
            self.batches += 1
            if self.batches % 2 and len(writes) > 1:
                # A signed request cannot be shortened, so the proxy writes the half itself.
                self.dynamodb.batch_write_item(RequestItems={table: writes[len(writes) // 2 :]})
                left = json.dumps({"UnprocessedItems": {table: writes[: len(writes) // 2]}}).encode()
                _send(request, (200, [("Content-Type", "application/x-amz-json-1.0")], left))
                return
        _send(request, request.upstream.perform(request, body))


@pytest.fixture(scope="module")
def stack(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CsvStack]:
    """The CSV loader, deployed alone."""
    with stacks.start(tmp_path_factory.mktemp("aws"), CSV_TEMPLATE, "csv-load", CsvChunkRows=20) as aws:
        stack = CsvStack(aws, aws.outputs())
        stack.dynamodb.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        stack.put(KEY, BODY)
        yield stack


def through(stack: CsvStack, proxy: FaultProxy) -> None:
    """Sends all calls of the functions through the proxy, one at a time and without retries. Chunks get five rows."""
    settings = {f"AWS_ENDPOINT_URL_{service}": proxy.url for service in ("S3", "DYNAMODB")}
    settings |= {"AWS_MAX_ATTEMPTS": "1", "CALLS_IN_FLIGHT": "1", "CSV_CHUNK_ROWS": "5"}
    for function in FUNCTIONS:
        name = stack.function_name(function)
        variables = stack.lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        more = settings | ({"UNDO_SEGMENTS": "1"} if function == "undo-csv-load" else {})
        stack.lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": variables | more})


@pytest.fixture(scope="module")
def proxy(stack: CsvStack) -> Iterator[FaultProxy]:
    proxy = FaultProxy(stack.aws.endpoint, Fault.CUT)
    through(stack, proxy)
    yield proxy
    proxy.close()


def load(stack: CsvStack, **options: str) -> str:
    """Invokes the functions of csv-load one by one. The first error ends the load, like a crash."""
    request = {"bucket": stack.bucket, "key": KEY, "table": TABLE, "options": options}
    plan = stack.invoke("plan-csv", {"request": request, "started_at": "2026-01-01T00:00:00Z"})
    for chunk in reversed(range(plan["chunks"] if plan["status"] == "planned" else 0)):
        done = stack.invoke("load-csv-chunk", {"load_id": plan["load_id"], "table": TABLE, "chunk": chunk})
        assert done["done"]
    if plan["status"] == "planned":
        stack.invoke("commit-csv-load", {"load_id": plan["load_id"], "execution_arn": ARN})
    load_id: str = plan["load_id"]
    return load_id


def skip(stack: CsvStack) -> None:
    load(stack, on_existing="skip")


def undo(stack: CsvStack) -> None:
    """Undoes the load. A second call repeats only the last step, like the state machine."""
    if not UNDONE:
        [segment] = stack.invoke("undo-csv-load", {"load_id": LOAD[0], "segment": None})["segments"]
        assert stack.invoke("undo-csv-load", {"load_id": LOAD[0], "segment": segment})["done"]
        UNDONE.append(True)
    stack.invoke("commit-csv-load", {"load_id": LOAD[0], "execution_arn": ARN, "undone": 9})


LOAD: list[str] = []
UNDONE: list[bool] = []


def nothing(stack: CsvStack) -> None:
    pass


def loaded_before(stack: CsvStack) -> None:
    LOAD[:] = [load(stack)]


#: For each scenario: preparation, run, the end of the names of the calls that fail in turn, and their least number.
SCENARIOS: dict[str, tuple[Callable[[CsvStack], None], Callable[[CsvStack], Any], str, int]] = {
    "a file is loaded": (nothing, load, "", 28),
    "a file is loaded beside what is there": (nothing, skip, "PutItem", 10),
    "a load is undone": (loaded_before, undo, "", 19),
}


def forget(stack: CsvStack) -> None:
    for item in stack.raw_items(TABLE):
        stack.dynamodb.delete_item(TableName=TABLE, Key={"id": {"S": item["id"]}})
    for key in [*stack.keys("loads/"), *stack.keys("undone/"), *stack.keys("writing/")]:
        stack.s3.delete_object(Bucket=stack.bucket, Key=key)
    for line in stack.runs():
        run = {"job_id": {"S": "csv_load"}, "job_run_time": {"N": str(line["job_run_time"])}}
        stack.dynamodb.delete_item(TableName=stack.outputs["CsvRunDetailsTableName"], Key=run)
    UNDONE.clear()


def snapshot(stack: CsvStack) -> dict[str, Any]:
    """Returns items, objects and run history, without end times and without the errors of earlier runs."""
    keys = [key for prefix in ("loads/", "undone/") for key in stack.keys(prefix) if "/failures/" not in key]
    objects: dict[str, Any] = {key: stack.read(key) for key in keys}
    for key in keys:
        if key.endswith("receipt.json") or key.startswith("undone/"):
            objects[key] = {name: value for name, value in json.loads(objects[key]).items() if name != "completed_at"}
    runs = [{name: value for name, value in line.items() if name != "ended_at"} for line in stack.runs()]
    return {"items": sorted(stack.raw_items(TABLE), key=lambda item: item["id"]), "objects": objects, "runs": runs}


def noticed(call: str, fault: Fault) -> bool:
    """Returns whether the fault fails the call. A throttled table only slows a chunk or its undo."""
    return not (fault is Fault.THROTTLED and call.endswith(("BatchWriteItem", "PutItem", "Scan", "DeleteItem")))


@pytest.mark.parametrize("phrase", SCENARIOS)
def test_fault_at_any_call_leaves_the_same_state(stack: CsvStack, proxy: FaultProxy, phrase: str) -> None:
    before, run, which, least_calls = SCENARIOS[phrase]

    def fresh() -> None:
        proxy.disarm()
        forget(stack)
        before(stack)
        proxy.disarm()

    fresh()
    run(stack)
    calls = list(proxy.calls)
    wanted = snapshot(stack)
    for fault in FAULTS:
        proxy.fault = fault
        for number, call in ((number, call) for number, call in enumerate(calls) if call.endswith(which)):
            fresh()
            proxy.strike(number)
            stopped = False
            try:
                run(stack)
            except FunctionError as error:
                stopped = True
                assert error.name in TRANSIENT or fault in CRASHES, f"{call}: {error}"
            finally:
                proxy.disarm()
            assert stopped or not noticed(call, fault), f"call {number} ({call}) was {fault.value}, but no error followed"
            run(stack)
            assert snapshot(stack) == wanted, f"call {number} ({call}): {fault.value}"
    print(f"{phrase}: {len(calls)} calls, state equal to the uninterrupted run's after each fault at each")
    assert sum(call.endswith(which) for call in calls) >= least_calls


def test_scenarios_do_what_they_say(stack: CsvStack, proxy: FaultProxy) -> None:
    """Checks each scenario's final state, because the fault test compares states only with each other."""
    proxy.disarm()
    forget(stack)
    loaded_before(stack)
    assert stack.items(TABLE) == expected(BODY).items
    receipt = json.loads(stack.read(f"loads/{LOAD[0]}/receipt.json"))
    assert receipt["counts"] == expected(BODY).counts() == {"read": 14, "written": 9, "duplicate": 4, "rejected": 1, "skipped": 0}
    assert len(receipt["chunks"]) == 3
    undo(stack)
    assert stack.items(TABLE) == {}


def test_unprocessed_items_are_put_again(stack: CsvStack) -> None:
    proxy = HalfTakingProxy(stack)
    through(stack, proxy)
    forget(stack)
    load(stack)
    assert stack.items(TABLE) == expected(BODY).items
    assert proxy.batches > 3, "three batches, and one more for each half that was not processed"
    proxy.close()
