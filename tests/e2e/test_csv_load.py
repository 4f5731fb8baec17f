"""CSV files into DynamoDB: every row is written, duplicate, rejected or skipped. The items equal those that Python's `csv` computes."""

from __future__ import annotations

import gzip
import io
import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from conftest import ROOT
from csv_stack import CSV_TEMPLATE, CsvStack, expected
from deployment import FunctionError, Lake
from local_aws.demos.csv_files import CsvFile
from stacks import Stacks

PEOPLE = {"types": {"price": "N", "active": "BOOL"}}


@pytest.fixture(scope="module")
def stack(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CsvStack]:
    """The CSV loader, deployed alone, with chunks of 20 rows."""
    with stacks.start(tmp_path_factory.mktemp("aws"), CSV_TEMPLATE, "csv-load", CsvChunkRows=20) as aws:
        yield CsvStack(aws, aws.outputs())


def rows(numbers: range, suffix: str = "") -> bytes:
    return b"id,name\n" + "".join(f"{number},name {number}{suffix}\n" for number in numbers).encode()


def test_an_upload_becomes_items_and_a_receipt(stack: CsvStack) -> None:
    text = "".join(f'{number},"name {number}, ""quoted""",{number}.50\n' for number in range(55))
    body = f"id,name,price\n{text}".encode()
    stack.put("raw/2025/first file.csv", body)
    run = stack.wait_for_event("raw/2025/first file.csv")
    assert run.status == "SUCCEEDED", run
    assert run.output["load"]["counts"] == expected(body).counts()
    assert stack.items("csv_items") == expected(body).items
    receipt = stack.receipt(run)
    assert [chunk["counts"]["read"] for chunk in receipt["chunks"]] == [20, 20, 15]
    [item] = [item for item in stack.raw_items("csv_items") if item["id"] == "7"]
    assert item["source_file"] == f"s3://{stack.bucket}/raw/2025/first file.csv"
    assert (item["load_id"], item["ingestion_timestamp"]) == (receipt["load_id"], receipt["ingestion_timestamp"])
    [line] = [line for line in stack.runs() if line["load_id"] == receipt["load_id"]]
    assert (line["status"], line["counts"]["written"]) == ("loaded", 55)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("hashed", [False, True], ids=["by id", "by hash"])
def test_every_oddity_is_accounted_for(stack: CsvStack, hashed: bool, packed: bool) -> None:
    """Compares the receipt with the planted rows, and the items with Python's `csv`, row by row."""
    file = CsvFile(1500, seed=3, delimiter=";", line_end="\r\n", byte_order_mark=True, hashed=hashed)
    out = io.BytesIO()
    planted = file.write(out)
    body = out.getvalue()
    table = f"csv_odd_{hashed}_{packed}"
    run = stack.load(gzip.compress(body) if packed else body, table, key=f"incoming/{table}", options=PEOPLE)
    assert run.status == "SUCCEEDED", run
    counts = run.output["load"]["counts"]
    assert counts == planted.counts()
    assert counts["rejected"] > 8 and counts["duplicate"] > 8
    found = expected(body, ";", numbers=("price",))
    assert counts == found.counts()
    assert [(row["line"], row["reason"]) for row in stack.quarantine(run)] == found.rejected
    for row in stack.quarantine(run):
        assert body[row["offset"] :].startswith(row["record"].encode()[:20]) or row["reason"] == "NotUtf8" or packed
    items = stack.items(table)
    assert {key: without_types(item) for key, item in items.items()} == {key: spelled(row) for key, row in found.items.items()}


def without_types(item: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) if name != "price" else float(value) for name, value in item.items()}


def spelled(row: dict[str, Any]) -> dict[str, Any]:
    row = {name: float(cell) if name == "price" else cell for name, cell in row.items()}
    return row | ({"active": {"true": "True", "false": "False"}[row["active"]]} if "active" in row else {})


def test_last_row_wins_within_and_across_chunks(stack: CsvStack) -> None:
    text = "".join(f"k{number % 37},{number}\n" for number in range(200))
    run = stack.load(f"id,n\n{text}".encode(), "csv_last")
    assert run.output["load"]["counts"] == {"read": 200, "written": 37, "duplicate": 163, "rejected": 0, "skipped": 0}
    last = {f"k{number % 37}": str(number) for number in range(200)}
    assert {key: item["n"] for key, item in stack.items("csv_last").items()} == last


def test_second_upload_of_same_bytes_is_recognised(stack: CsvStack) -> None:
    first = stack.load(rows(range(30)), "csv_again", key="incoming/first.csv")
    before = stack.raw_items("csv_again")
    second = stack.load(rows(range(30)), "csv_again", key="incoming/second.csv")
    assert (second.status, second.output["status"]) == ("SUCCEEDED", "already_loaded")
    assert second.output["plan"]["load_id"] == first.output["load"]["load_id"]
    assert stack.raw_items("csv_again") == before
    forced = stack.load(rows(range(30)), "csv_again", key="incoming/second.csv", force=True)
    assert forced.output["load"]["counts"]["written"] == 30
    assert {item["source_file"] for item in stack.raw_items("csv_again")} == {f"s3://{stack.bucket}/incoming/second.csv"}
    other = stack.load(rows(range(30)), "csv_again", options={"on_existing": "skip"})
    assert other.output["load"]["counts"]["skipped"] == 30, "other options make another load"


def test_recreated_table_is_loaded_again(stack: CsvStack) -> None:
    first = stack.load(rows(range(30)), "csv_remade")
    assert stack.load(rows(range(30)), "csv_remade").output["status"] == "already_loaded"
    stack.dynamodb.delete_table(TableName="csv_remade")
    again = stack.load(rows(range(30)), "csv_remade")
    assert (again.output["status"], again.output["load"]["load_id"]) == ("loaded", first.output["load"]["load_id"])
    assert len(stack.items("csv_remade")) == 30
    assert stack.receipt(again)["table_id"] == stack.dynamodb.describe_table(TableName="csv_remade")["Table"]["TableId"]


def test_existing_items_follow_on_existing(stack: CsvStack) -> None:
    stack.load(rows(range(10)), "csv_existing")
    skipped = stack.load(rows(range(5, 45), " new"), "csv_existing", options={"on_existing": "skip"})
    assert skipped.output["load"]["counts"] == {"read": 40, "written": 35, "duplicate": 0, "rejected": 0, "skipped": 5}
    items = stack.items("csv_existing")
    assert (items["7"]["name"], items["20"]["name"], len(items)) == ("name 7", "name 20 new", 45)
    failed = stack.load(rows(range(100, 130), " newer") + b"7,x\n", "csv_existing", options={"on_existing": "fail"})
    assert (failed.status, failed.error) == ("FAILED", "ItemExists"), failed
    assert "line 32 " in failed.cause and failed.cause.rstrip('"}').endswith(": 7"), failed
    assert stack.items("csv_existing")["7"]["name"] == "name 7"
    replaced = stack.load(rows(range(45), " newest"), "csv_existing")
    assert replaced.output["load"]["counts"]["written"] == 45
    assert stack.items("csv_existing")["7"]["name"] == "name 7 newest"


def test_two_loads_of_one_object_at_once_end_as_one(stack: CsvStack) -> None:
    stack.put("incoming/twice.csv", rows(range(300)))
    arns = [stack.start_load("incoming/twice.csv", table="csv_twice") for _ in range(3)]
    runs = [stack.wait(arn) for arn in arns]
    assert [run.status for run in runs] == ["SUCCEEDED"] * 3, runs
    outcomes = Counter(run.output["status"] for run in runs)
    assert outcomes["loaded"] + outcomes["already_loaded"] == 3 and outcomes["loaded"] >= 1
    items = stack.raw_items("csv_twice")
    assert len(items) == 300
    assert len({(item["load_id"], item["ingestion_timestamp"]) for item in items}) == 1
    load = runs[0].output["plan"]["load_id"]
    assert [line["counts"]["written"] for line in stack.runs() if line["load_id"] == load] == [300]


def test_slow_chunk_is_resumed(stack: CsvStack) -> None:
    """100 rows at 25 write units a second take 4 seconds. A call has 1 second."""
    with Variables(stack, "load-csv-chunk", WORK_SECS="1"), Variables(stack, "plan-csv", CSV_CHUNK_ROWS="100"):
        run = stack.load(rows(range(100)) + b"oops\n", "csv_slow", max_wcu=25)
    assert run.status == "SUCCEEDED", run
    assert run.output["load"]["counts"] == {"read": 101, "written": 100, "duplicate": 0, "rejected": 1, "skipped": 0}
    assert stack.items("csv_slow") == expected(rows(range(100))).items


def test_undone_load_can_be_loaded_again(stack: CsvStack) -> None:
    first = stack.load(rows(range(60)), "csv_undo")
    stack.load(rows(range(50, 80), " later"), "csv_undo")
    load = first.output["load"]["load_id"]
    undone = stack.wait(stack.start("CsvUndo", load_id=load))
    assert (undone.status, undone.output["undone"]) == ("SUCCEEDED", 50), undone
    assert set(stack.items("csv_undo")) == {str(number) for number in range(50, 80)}, "the other load's items stay"
    assert stack.keys(f"loads/{load}/") == []
    [line] = [line for line in stack.runs() if line["load_id"] == load]
    assert line["status"] == "undone"
    assert json.loads(stack.read(undone.output["receipt"]))["counts"]["written"] == 60
    again = stack.wait(stack.start("CsvUndo", load_id=load))
    assert (again.status, again.error) == ("FAILED", "LoadNotFound")
    [failed] = failures(stack, again.arn)
    assert (failed["undoing"], failed["error"]["name"], failed["load_id"]) == (True, "LoadNotFound", load)
    reloaded = stack.load(rows(range(60)), "csv_undo")
    assert reloaded.output["load"]["counts"]["written"] == 60
    assert reloaded.output["load"]["load_id"] == load


def failures(stack: CsvStack, arn: str) -> list[dict[str, Any]]:
    return [line for line in stack.runs() if line["execution_arn"] == arn and line["status"] == "failed"]


def test_failed_load_is_in_run_history_by_name(stack: CsvStack) -> None:
    """The cause is the file, the table, a chunk or the request. The item stays after a later run completes the load."""
    stack.load(rows(range(10)), "csv_history")
    wrong_key = {
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    }
    stack.dynamodb.create_table(TableName="csv_wrong_key", BillingMode="PAY_PER_REQUEST", **wrong_key)
    for body, table, options, error, words in [
        (b"id,n,n\n1,2,3\n", "csv_history", {}, "BadHeader", "columns 2 and 3"),
        (rows(range(3)), "csv_wrong_key", {}, "TableHasOtherKey", "csv_wrong_key"),
        (rows(range(9, 50)), "csv_history", {"on_existing": "fail"}, "ItemExists", "line 2 "),
        (rows(range(3)), "csv_history", {"delimiter": "x"}, "InvalidInput", "delimiter"),
    ]:
        run = stack.load(body, table, key=f"incoming/{error}.csv", options=options)
        assert (run.status, run.error) == ("FAILED", error), run
        [line] = failures(stack, run.arn)
        assert (line["error"]["name"], line["table"]) == (error, table)
        assert line["source_file"] == f"s3://{stack.bucket}/incoming/{error}.csv"
        assert words in line["error"]["message"] and "{" not in line["error"]["message"], line
        assert ("load_id" in line) == (error == "ItemExists"), "the load id is known after the plan"
        assert line["started_at"] < line["ended_at"]


def test_failure_stays_in_history_after_success(stack: CsvStack) -> None:
    stack.load(rows(range(5)), "csv_mended")
    request: dict[str, Any] = {"key": "incoming/mended.csv", "options": {"on_existing": "fail"}}
    failed = stack.load(rows(range(4, 50), " new"), "csv_mended", **request)
    assert failed.error == "ItemExists"
    stack.dynamodb.delete_item(TableName="csv_mended", Key={"id": {"S": "4"}})
    mended = stack.load(rows(range(4, 50), " new"), "csv_mended", **request)
    assert mended.output["load"]["counts"]["written"] == 46, mended
    lines = [line for line in stack.runs() if line.get("load_id") == mended.output["load"]["load_id"]]
    assert {(line["status"], line["execution_arn"]) for line in lines} == {("failed", failed.arn), ("loaded", mended.arn)}


def test_undo_of_running_load_stops_it(stack: CsvStack) -> None:
    """400 rows at 10 write units a second take 40 seconds. The undo starts before they end."""
    stack.put("incoming/undone.csv", rows(range(400)))
    arn = stack.start_load("incoming/undone.csv", table="csv_undone", max_wcu=10)
    while len(stack.items("csv_undone")) < 20:
        time.sleep(0.1)
    [load] = {item["load_id"] for item in stack.raw_items("csv_undone")}
    undoing = stack.start("CsvUndo", load_id=load)
    run = stack.wait(arn)
    assert (run.status, run.error) == ("FAILED", "LoadIsBeingUndone"), run
    [line] = failures(stack, arn)
    assert line["error"]["name"] == "LoadIsBeingUndone"
    assert (undone := stack.wait(undoing)).status == "SUCCEEDED" and 20 <= undone.output["undone"] < 400, undone
    assert stack.items("csv_undone") == {} and stack.keys(f"loads/{load}/") == []
    again = stack.load(rows(range(400)), "csv_undone", key="incoming/undone.csv")
    assert again.output["load"]["counts"]["written"] == 400, "the file can be loaded again"


def test_stopped_load_never_overwrites_the_next(stack: CsvStack) -> None:
    """The only chunk takes 5 seconds at 20 write units a second. Stopping its execution does not stop the call."""
    stack.put("incoming/wrong.csv", rows(range(100), " wrong"))
    with Variables(stack, "plan-csv", CSV_CHUNK_ROWS="100"):
        arn = stack.start_load("incoming/wrong.csv", table="csv_stopped", max_wcu=20)
        while not stack.items("csv_stopped"):
            time.sleep(0.1)
    stack.sfn.stop_execution(executionArn=arn)
    right = stack.load(rows(range(100), " right"), "csv_stopped", key="incoming/right.csv")
    assert right.output["load"]["counts"]["written"] == 100
    time.sleep(5)
    assert {item["name"].split()[-1] for item in stack.items("csv_stopped").values()} == {"right"}
    assert stack.keys("writing/") == []


def test_load_is_refused_while_it_is_undone(stack: CsvStack) -> None:
    loaded = stack.load(rows(range(30)), "csv_beside")
    load = loaded.output["load"]["load_id"]
    stack.invoke("undo-csv-load", {"load_id": load})
    requests: list[dict[str, Any]] = [{}, {"force": True}]
    for request in requests:
        run = stack.load(rows(range(30)), "csv_beside", **request)
        assert (run.status, run.error) == ("FAILED", "LoadIsBeingUndone"), run
    assert stack.wait(stack.start("CsvUndo", load_id=load)).output["undone"] == 30
    assert stack.load(rows(range(30)), "csv_beside").output["load"]["counts"]["written"] == 30


def test_zeros_after_gzip_are_ignored(stack: CsvStack) -> None:
    """gzip programs ignore zeros after the end too. Other bytes there are refused."""
    packed = gzip.compress(rows(range(50)))
    run = stack.load(packed + bytes(10_000), "csv_zeros")
    assert run.output["load"]["counts"]["written"] == 50
    assert stack.items("csv_zeros") == expected(rows(range(50))).items
    refused = stack.load(packed + bytes(100) + b"x", "csv_zeros")
    assert (refused.status, refused.error) == ("FAILED", "TrailingBytes")


def test_dry_run_reports_and_changes_nothing(stack: CsvStack) -> None:
    body = b"id,n,b\n1,1.5,true\n2,2.5,false\n2,3,true\nx\n"
    run = stack.load(body, "csv_dry", dry_run=True, options={"infer": True})
    plan = run.output["plan"]
    assert (run.status, run.output["status"]) == ("SUCCEEDED", "dry_run")
    assert (plan["rows"], plan["rejected"], plan["superseded"], plan["types"]) == (4, 1, 1, {"n": "N", "b": "BOOL"})
    assert "csv_dry" not in stack.dynamodb.list_tables()["TableNames"]
    assert stack.keys(f"loads/{plan['load_id']}/") == []


BAD = {
    "empty": (b"", "EmptyFile", "empty"),
    "UTF-16": ("id,n\n1,2\n".encode("utf-16"), "UnsupportedEncoding", "UTF-16"),
    "binary": (bytes(range(256)) * 20, "NotCsv", "NUL"),
    "workbook": (b"PK\x03\x04" + b"x" * 100, "NotCsv", "Excel"),
    "no name": (b"id,,n\n1,2,3\n", "BadHeader", "column 2"),
    "a name twice": (b"id,n,n\n1,2,3\n", "BadHeader", "columns 2 and 3"),
    "open quote": (b'id,n\n1,2\n2,"3\n4,5\n', "UnclosedQuote", "line 3"),
    "cut gzip": (gzip.compress(b"id,n\n" + b"1,2\n" * 9000)[:-20], "TruncatedArchive", "byte"),
}


@pytest.mark.parametrize("phrase", BAD)
def test_bad_file_is_refused_by_name(stack: CsvStack, phrase: str) -> None:
    body, error, words = BAD[phrase]
    run = stack.load(body, "csv_bad", key=f"incoming/{phrase}.csv")
    assert (run.status, run.error) == ("FAILED", error), run
    assert words in run.cause and f"incoming/{phrase}.csv" in run.cause
    assert stack.items("csv_bad") == {}


def test_unusual_files_are_loaded(stack: CsvStack) -> None:
    header_only = stack.load(b"id,n\n", "csv_unusual", key="incoming/header.csv")
    assert header_only.output["load"]["counts"]["read"] == 0
    names = [f"c{number}" for number in range(10_000)]
    wide = ",".join(names) + "\n" + ",".join("1" for _ in names) + "\n"
    run = stack.load(wide.encode(), "csv_unusual", key="incoming/wide.csv")
    assert run.output["load"]["counts"]["written"] == 1
    [item] = stack.items("csv_unusual").values()
    assert len(item) == 10_001
    headless = stack.load(b"1,x\n2,y\n", "csv_headless", options={"header": False, "id_column": "column_1"})
    assert headless.output["load"]["counts"]["written"] == 2
    assert stack.items("csv_headless")["2"] == {"id": "2", "column_1": "2", "column_2": "y"}


def test_invalid_request_is_refused(stack: CsvStack) -> None:
    stack.put("incoming/fine.csv", rows(range(3)))
    cases: list[tuple[dict[str, Any], str]] = [
        ({"table": "other_table"}, "begins with csv_"),
        ({"table": "csv_x", "options": {"delimiter": "x"}}, "delimiter"),
        ({"table": "csv_x", "options": {"type": {}}}, "type"),
        ({"table": "csv_x", "max_wcu": 0}, "max_wcu"),
        ({"table": "csv_x", "key": "loads/plan.json"}, "key"),
        ({"table": "csv_x", "bucket": "elsewhere"}, "bucket"),
    ]
    for request, words in cases:
        run = stack.wait(stack.start_load(**{"key": "incoming/fine.csv", **request}))
        assert (run.status, run.error) == ("FAILED", "InvalidInput"), (request, run)
        assert words in run.cause, (request, run)
    assert "other_table" not in stack.dynamodb.list_tables()["TableNames"]
    absent = stack.wait(stack.start_load("incoming/absent.csv", table="csv_x"))
    assert absent.error == "SourceNotFound"
    stack.dynamodb.create_table(
        TableName="csv_other_key",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    other = stack.wait(stack.start_load("incoming/fine.csv", table="csv_other_key"))
    assert other.error == "TableHasOtherKey"
    for attributes in ([("id", "N")], [("id", "N"), ("pk", "S")]):
        index = {
            "IndexName": "by_pk",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
        stack.dynamodb.create_table(
            TableName=f"csv_number_{len(attributes)}",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in attributes],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            **({"GlobalSecondaryIndexes": [index]} if len(attributes) > 1 else {}),
        )
        number = stack.wait(stack.start_load("incoming/fine.csv", table=f"csv_number_{len(attributes)}"))
        assert number.error == "TableHasOtherKey" and "id (S)" in number.cause


def test_roles_are_enforced(stack: CsvStack) -> None:
    """Only the role stops the function from writing a table outside the prefix, not its code."""
    with Variables(stack, "plan-csv", TABLE_PREFIX="other_"):
        stack.dynamodb.create_table(
            TableName="other_table",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        run = stack.load(rows(range(3)), "other_table", key="incoming/denied.csv")
    assert run.status == "FAILED" and stack.items("other_table") == {}, run


EVENTS = {
    "plan-csv-other-bucket": "InvalidInput",
    "load-csv-chunk-negative-chunk": "InvalidInput",
    "commit-csv-load-bad-load": "InvalidInput",
    "undo-csv-load-no-such-segment": "InvalidInput",
}
STEPS = ("plan-csv", "load-csv-chunk", "commit-csv-load", "undo-csv-load")


def event(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return event


def test_sample_events_load_the_sample_file(lake: Lake) -> None:
    assert {path.stem for path in (ROOT / "events").glob("*csv*.json")} == set(EVENTS) | set(STEPS)
    stack = CsvStack(lake.aws, lake.outputs | {"CsvRunDetailsTableName": lake.outputs["JobRunDetailsTableName"]})
    body = (ROOT / "events/people.csv").read_bytes()
    stack.put("raw/people.csv", body)
    assert stack.wait_for_event("raw/people.csv").status == "SUCCEEDED"
    assert stack.items("csv_items") == expected(body).items
    answers = {name: stack.invoke(name, event(name)) for name in STEPS}
    assert answers["plan-csv"]["load_id"] == event("load-csv-chunk")["load_id"], "events/*.json have the load id that plan-csv returns"
    assert answers["commit-csv-load"]["counts"] == expected(body).counts()
    assert answers["undo-csv-load"]["done"] and stack.items("csv_items") == {}
    for name, error in EVENTS.items():
        with pytest.raises(FunctionError) as failed:
            stack.invoke(next(step for step in STEPS if name.startswith(step)), event(name))
        assert failed.value.name == error, name


class Variables:
    """Changes environment variables of a function until the `with` block ends."""

    def __init__(self, stack: CsvStack, function: str, **changed: str) -> None:
        self.lambda_, self.name, self.changed = stack.lambda_, stack.function_name(function), changed

    def __enter__(self) -> None:
        self.before = self.lambda_.get_function_configuration(FunctionName=self.name)["Environment"]["Variables"]
        self.set(self.before | self.changed)

    def __exit__(self, *_: object) -> None:
        self.set(self.before)

    def set(self, values: dict[str, str]) -> None:
        self.lambda_.update_function_configuration(FunctionName=self.name, Environment={"Variables": values})
