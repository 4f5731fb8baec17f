"""`ghactivity load-csv` and `unload`, with the CSV loader deployed alone and as a part of the main stack."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import BINARIES
from csv_stack import CSV_TEMPLATE, CsvStack, expected
from deployment import Lake
from local_aws.stack.aws import LocalAws
from stacks import Stacks
from test_cli_runs import one_line

Run = Callable[..., "subprocess.CompletedProcess[str]"]
STACK = "csv-load"


@pytest.fixture(scope="module")
def stack(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CsvStack]:
    """The CSV loader, deployed alone, with chunks of 20 rows."""
    with stacks.start(tmp_path_factory.mktemp("aws"), CSV_TEMPLATE, STACK, CsvChunkRows=20) as aws:
        yield CsvStack(aws, aws.outputs())


def environment(aws: LocalAws) -> dict[str, str]:
    ours: dict[str, str] = aws.environment()
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | ours


@pytest.fixture(scope="module")
def command(stack: CsvStack, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("shell")

    def run(*arguments: Any, stack_name: str = STACK, **settings: Any) -> subprocess.CompletedProcess[str]:
        words = [str(BINARIES / "ghactivity"), *map(str, arguments), "--stack", stack_name]
        defaults = {"cwd": folder, "env": environment(stack.aws), "capture_output": True, "timeout": 300, "stdin": subprocess.DEVNULL}
        options: dict[str, Any] = defaults | settings
        return subprocess.run(words, text=True, check=False, **options)

    return run


def rows(numbers: range, suffix: str = "") -> bytes:
    return b"id,name,price\n" + "".join(f"{number},name {number}{suffix},{number}.5\n" for number in numbers).encode()


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(body: bytes, name: str = "people.csv") -> Path:
        (tmp_path / name).write_bytes(body)
        return tmp_path / name

    return write


def told(run: subprocess.CompletedProcess[str]) -> Any:
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_local_file_is_loaded_and_reported(stack: CsvStack, command: Run, file: Callable[..., Path]) -> None:
    body = rows(range(55)) + b"7,again,1\nx\n8,9\n"
    path = file(body)
    run = command("load-csv", path, "--table", "csv_cli")
    assert run.returncode == 0, run.stderr
    print(run.stdout, run.stderr)
    assert "58 rows: 55 items for csv_cli, 1 duplicate, 2 rejected" in run.stderr and "about $0.00" in run.stderr
    assert "loaded into csv_cli in " in run.stdout and "receipt s3://" in run.stdout
    [total] = [line.split() for line in run.stdout.splitlines() if line.startswith("all 3")]
    assert total[2:7] == ["58", "55", "1", "2", "0"]
    assert "line 58: CellCount: " in run.stdout
    assert stack.items("csv_cli") == expected(body).items
    again = command("load-csv", path, "--table", "csv_cli")
    assert again.returncode == 0 and "already loaded into csv_cli from the same bytes" in again.stdout, again.stderr
    forced = told(command("load-csv", path, "--table", "csv_cli", "--force", "--json"))
    assert (forced["outcome"], forced["counts"]["written"]) == ("loaded", 55)


def test_json_output_has_quote_and_receipt(stack: CsvStack, command: Run, file: Callable[..., Path]) -> None:
    body = rows(range(45)) + b"x\n"
    answer = told(command("load-csv", file(body), "--table", "csv_json", "--types", "price=N", "--json"))
    assert (answer["status"], answer["outcome"], answer["table"]) == ("succeeded", "loaded", "csv_json")
    assert answer["counts"] == expected(body).counts() == {"read": 46, "written": 45, "duplicate": 0, "rejected": 1, "skipped": 0}
    assert [chunk["counts"]["read"] for chunk in answer["chunks"]] == [20, 20, 6]
    assert answer["rejected_rows"] == [{"line": 47, "reason": "CellCount", "message": "the row has 1 cells, the header has 3"}]
    quote = answer["quote"]
    assert (quote["rows"], quote["items"], quote["write_units"]) == (46, 45, answer["write_units"])
    assert "aws.amazon.com/dynamodb/pricing" in quote["prices"] and quote["types"] == {"price": "N"}
    assert stack.raw_items("csv_json")[0]["price"] % 1 != 0, "the attribute is a number, not text"
    watched = told(command("watch", answer["execution"], "--json"))
    assert watched["counts"] == answer["counts"] and watched["chunks"] == answer["chunks"]


def test_types_are_read_from_file_or_cells(stack: CsvStack, command: Run, file: Callable[..., Path]) -> None:
    types = file(b'{"price": "N"}', "types.json")
    body = b"id;price;ok\n1;1.5;true\n2;;false\n"
    packed = file(gzip.compress(body) + bytes(512), "people.csv.gz")
    first = told(command("load-csv", packed, "--table", "csv_types", "--types", f"@{types}", "--infer", "--empty-cells", "keep", "--json"))
    assert first["plan"]["types"] == {"price": "N", "ok": "BOOL"} and first["plan"]["delimiter"] == ";"
    assert json.loads(stack.read(first["receipt"]))["types"] == {"price": "N", "ok": "BOOL"}
    assert stack.items("csv_types") == {"1": {"id": "1", "price": 1.5, "ok": True}, "2": {"id": "2", "price": None, "ok": False}}
    headless = told(command("load-csv", file(b"a|1\nb|2\n"), "--table", "csv_named", "--columns", "id,n", "--delimiter", "|", "--json"))
    assert headless["counts"]["written"] == 2 and stack.items("csv_named")["b"] == {"id": "b", "n": "2"}
    told_first = command("load-csv", packed, "--table", "csv_types_2", "--infer").stderr
    assert 0 < told_first.index("ok BOOL, price N, all else text") < told_first.index("arn:"), "types are printed before the load begins"
    bad = command("load-csv", packed, "--types", "price=int")
    assert (bad.returncode, bad.stdout) == (1, "") and "'int' is not a type: expected S, N or BOOL" in bad.stderr


def test_dry_run_quotes_and_changes_nothing(stack: CsvStack, command: Run, file: Callable[..., Path]) -> None:
    before = stack.keys("")
    path = file(rows(range(30)) + b"1,twice,2\nx\n")
    run = command("load-csv", path, "--table", "csv_dry", "--infer", "--dry-run")
    assert run.returncode == 0, run.stderr
    figures = {line[:24].strip(): line[24:].strip() for line in run.stdout.splitlines() if line}
    assert (figures["rows"], figures["items"], figures["rejected"], figures["write units, at most"]) == ("32", "30", "1", "30")
    assert "price N" in run.stdout and "line 33: CellCount" in run.stdout and "aws.amazon.com/dynamodb/pricing" in run.stdout
    stack.put("incoming/dry.csv", path.read_bytes())
    local = told(command("load-csv", path, "--table", "csv_dry", "--infer", "--dry-run", "--json"))
    remote = told(command("load-csv", f"s3://{stack.bucket}/incoming/dry.csv", "--table", "csv_dry", "--infer", "--dry-run", "--json"))
    assert local.pop("rejected_rows") and local == remote, "the command and plan-csv return the same plan"
    assert stack.keys("") == sorted([*before, "incoming/dry.csv"])
    assert "csv_dry" not in stack.dynamodb.list_tables()["TableNames"]


def test_object_of_any_bucket_is_loaded(stack: CsvStack, command: Run) -> None:
    body = rows(range(25))
    stack.put("incoming/of s3.csv", body)
    there = told(command("load-csv", f"s3://{stack.bucket}/incoming/of s3.csv", "--table", "csv_s3", "--json"))
    assert there["counts"]["written"] == 25
    assert {item["source_file"] for item in stack.raw_items("csv_s3")} == {f"s3://{stack.bucket}/incoming/of s3.csv"}
    stack.s3.create_bucket(Bucket="somebody-elses")
    stack.s3.put_object(Bucket="somebody-elses", Key="exports/März 1.csv", Body=rows(range(20, 40), " new"))
    address = "s3://somebody-elses/exports/März 1.csv"
    count = len(stack.keys("incoming/"))
    assert told(command("load-csv", address, "--table", "csv_s3", "--dry-run", "--json"))["rows"] == 20
    assert len(stack.keys("incoming/")) == count, "a dry run leaves no copy"
    copied = command("load-csv", address, "--table", "csv_s3", "--on-existing", "skip", "--json")
    assert f"copying {address} to s3://{stack.bucket}/incoming/" in copied.stderr
    assert told(copied)["counts"] == {"read": 20, "written": 15, "duplicate": 0, "rejected": 0, "skipped": 5}
    absent = one_line(command("load-csv", "s3://somebody-elses/absent.csv"))
    assert "s3://somebody-elses/absent.csv not found" in absent and "aws s3 ls" in absent
    stack.s3.put_object(Bucket="somebody-elses", Key="exports/bad.csv", Body=b"id,n,n\n1,2,3\n")
    before = stack.keys("")
    assert "BadHeader" in one_line(command("load-csv", "s3://somebody-elses/exports/bad.csv"))
    assert stack.keys("") == before, "the copy of a file that is not loaded is deleted"
    nowhere = one_line(command("load-csv", "s3://no-such-bucket/x.csv"))
    assert "s3://no-such-bucket/x.csv" in nowhere


BAD = {
    "bad header": (b"id,n,n\n1,2,3\n", ["BadHeader", "columns 2 and 3", "--no-header"]),
    "empty": (b"", ["EmptyFile", "UTF-8"]),
    "UTF-16": ("id,n\n1,2\n".encode("utf-16"), ["UnsupportedEncoding", "UTF-16", "save it in UTF-8"]),
    "workbook": (b"PK\x03\x04" + b"x" * 100, ["NotCsv", "Excel"]),
    "open quote": (b'id,n\n1,2\n2,"3\n4,5\n', ["UnclosedQuote", "line 3", "correct the line"]),
    "cut gzip": (gzip.compress(rows(range(5000)))[:-20], ["TruncatedArchive", "damaged"]),
}


@pytest.mark.parametrize("phrase", BAD)
def test_bad_file_is_refused_before_upload(stack: CsvStack, command: Run, file: Callable[..., Path], phrase: str) -> None:
    body, words = BAD[phrase]
    before = stack.keys("")
    path = file(body)
    line = one_line(command("load-csv", path, "--table", "csv_bad"))
    assert all(word in line for word in [str(path), *words]), line
    assert stack.keys("") == before and "csv_bad" not in stack.dynamodb.list_tables()["TableNames"]
    stack.put("incoming/bad.csv", body)
    of_s3 = command("load-csv", f"s3://{stack.bucket}/incoming/bad.csv", "--table", "csv_bad")
    assert words[0] in one_line(of_s3)
    stack.s3.delete_object(Bucket=stack.bucket, Key="incoming/bad.csv")


def test_usage_error_is_refused_before_any_call(stack: CsvStack, command: Run, file: Callable[..., Path]) -> None:
    before = stack.keys("")
    path = file(rows(range(3)))
    for arguments, words in [
        ((path, "--table", "other"), "names begin with csv_"),
        ((path, "--max-wcu", "0"), "--max-wcu"),
        ((path, "--delimiter", "x"), "not a delimiter"),
        ((path, "--on-existing", "maybe"), "overwrite"),
        (("s3://bucket",), "s3://BUCKET/KEY"),
        ((path, "--dry-run", "--yes"), "--yes"),
    ]:
        run = command("load-csv", *arguments)
        assert (run.returncode, run.stdout) == (1, "") and words in run.stderr, run.stderr
    absent = one_line(command("load-csv", "nowhere.csv"))
    assert "nowhere.csv" in absent and "choose another" in absent
    assert stack.keys("") == before


def test_load_is_undone(stack: CsvStack, command: Run, file: Callable[..., Path]) -> None:
    load = told(command("load-csv", file(rows(range(30))), "--table", "csv_unload", "--json"))["load_id"]
    told(command("load-csv", file(rows(range(20, 40), " later")), "--table", "csv_unload", "--json"))
    run = command("unload", load)
    assert run.returncode == 0 and f"load {load}: deleted 20 items from csv_unload" in run.stdout, run.stderr
    assert set(stack.items("csv_unload")) == {str(number) for number in range(20, 40)}
    unknown = one_line(command("unload", load))
    assert "LoadNotFound" in unknown and "job_run_details" in unknown
    assert command("unload", "everything").returncode == 1
    reloaded = told(command("load-csv", file(rows(range(30))), "--table", "csv_unload", "--json"))
    assert (reloaded["load_id"], reloaded["counts"]["written"]) == (load, 30)
    assert told(command("unload", load, "--json"))["undone"] == 30


def test_rate_limit_is_passed_and_ctrl_c_detaches(stack: CsvStack, command: Run, file: Callable[..., Path]) -> None:
    """120 rows at 20 write units a second take 6 seconds."""
    path = file(rows(range(120)))
    words: list[str | Path] = [BINARIES / "ghactivity", "load-csv", path, "--table", "csv_pace", "--max-wcu", "20", "--stack", STACK]
    with subprocess.Popen(words, env=environment(stack.aws), stderr=subprocess.PIPE, text=True, cwd="/") as watcher:
        assert watcher.stderr
        lines = iter(watcher.stderr.readline, "")
        arn = next(line.strip() for line in lines if line.strip().startswith("arn:"))
        began = time.monotonic()
        watcher.send_signal(signal.SIGINT)
        rest = watcher.stderr.read()
        assert watcher.wait(30) == 130
    assert f"ghactivity watch {arn}" in rest
    assert json.loads(stack.sfn.describe_execution(executionArn=arn)["input"])["max_wcu"] == 20
    watched = told(command("watch", arn, "--json"))
    assert watched["counts"]["written"] == 120
    assert time.monotonic() - began >= 5, "120 units at 20 a second take at least this long"


def test_failed_load_reports_why(stack: CsvStack, command: Run, file: Callable[..., Path]) -> None:
    told(command("load-csv", file(rows(range(5))), "--table", "csv_fail", "--json"))
    run = command("load-csv", file(rows(range(4, 60), " new")), "--table", "csv_fail", "--on-existing", "fail")
    line = one_line(run)
    assert "failed: ItemExists: " in line and "line 2 of" in line and "--on-existing skip" in line
    assert "{" not in line


def test_main_stack_loads_csv(lake: Lake, ghactivity: Run, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_bytes(rows(range(12)))
    answer = told(ghactivity("load-csv", str(tmp_path / "people.csv"), "--json"))
    assert (answer["table"], answer["counts"]["written"]) == (lake.outputs["CsvTableName"], 12)
    assert told(ghactivity("unload", answer["load_id"], "--json"))["undone"] == 12
    run = ghactivity("load-csv", str(tmp_path / "people.csv"), "--detach")
    assert run.returncode == 0 and run.stdout.startswith("arn:aws:states:")
    lake.wait(run.stdout.strip())
    assert told(ghactivity("unload", answer["load_id"], "--json"))["undone"] == 12
