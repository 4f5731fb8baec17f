"""Measures the release binaries on the local AWS: sizes, cold starts, and one large hour from start to end.

    .tools/local/bin/python -m local_aws.measure [--events 150000] [--rounds 3]

Sizes are those of the deployment packages (one binary, deflated). A cold start is a function's first call on a fresh local AWS
less a later one, both with an input that it refuses. An hour is a whole execution of process-hour. The functions'
milliseconds are from their own logs, of one hour's calls one after the other; their peak memory is what the kernel says of
their processes (VmHWM).
"""

import argparse
import json
import re
import statistics
import subprocess
import tempfile
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from local_aws.stack.archive_server import Archive
from local_aws.stack.build import ROOT, archive_server, functions, logical_id, target
from local_aws.stack.aws import LocalAws
from local_aws.text_table import print_table

HOUR = "2026-06-01-15"


def main():
    parser = argparse.ArgumentParser(description="Sizes, cold starts and one large hour, with the release binaries.")
    parser.add_argument("--events", type=int, default=150_000, help="records of the hour (default: 150000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often it is run (default: 3)")
    options = parser.parse_args()
    packages = [argument for name in functions() for argument in ("--package", name)]
    subprocess.run(["cargo", "build", "--release", "--locked", *packages], cwd=ROOT, check=True)
    subprocess.run(["cargo", "build", "--locked", "--package", "archive-server"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options)


def measure(folder, options):
    sizes = package(folder)
    hours = folder / "hours"
    hours.mkdir()
    file = hours / f"{HOUR}.json.gz"
    command = [archive_server(), "generate", "--hour", HOUR, "--events", str(options.events), "--out", file]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    aws = LocalAws(folder / "aws")
    aws.functions = folder / "functions"
    with Archive(folder / "archive", ["--dir", hours]) as archive, aws:
        outputs = aws.deploy({"SourceUrls": archive.url, "EventStreamEnabled": "ENABLED"})
        rows = [[name, *sizes[name], *(f"{value:.0f}" for value in starts(aws, name))] for name in functions()]
        titles = ["function", "binary MB", "zip MB", "cold start ms", "warm call ms"]
        print_table(titles, ["varchar", *["double"] * 4], rows)
        seconds = [run_hour(aws, outputs) for _ in range(options.rounds)]
        one_by_one(aws)
        show(aws, file, seconds, options.events)


def package(folder):
    """Puts the release binaries where the deployment looks; answers their sizes, plain and deflated, in MB."""
    sizes = {}
    for name in functions():
        bootstrap = folder / "functions" / logical_id(name) / "bootstrap"
        bootstrap.parent.mkdir(parents=True)
        bootstrap.write_bytes((target().parent / "release" / name).read_bytes())
        bootstrap.chmod(0o755)
        with zipfile.ZipFile(folder / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(bootstrap, "bootstrap")
        sizes[name] = [f"{path.stat().st_size / 1e6:.1f}" for path in (bootstrap, folder / f"{name}.zip")]
    return sizes


def starts(aws, name):
    """Milliseconds of the cold start and of a warm call (median of 9)."""
    client, function = aws.client("lambda"), aws.physical_id(logical_id(name))

    def call():
        begin = time.perf_counter()
        client.invoke(FunctionName=function, Payload=b"{}")["Payload"].read()
        return (time.perf_counter() - begin) * 1000

    first, warm = call(), statistics.median(call() for _ in range(9))
    return first - warm, warm


def run_hour(aws, outputs):
    client = aws.client("stepfunctions")
    request = {"stateMachineArn": outputs["ProcessHourStateMachineArn"], "input": json.dumps({"hour": HOUR})}
    arn = client.start_execution(**request)["executionArn"]
    while (ended := client.describe_execution(executionArn=arn))["status"] == "RUNNING":
        time.sleep(0.05)
    if ended["status"] != "SUCCEEDED":
        raise SystemExit(f"measure: {ended['status']} {ended.get('error')} {ended.get('cause')}")
    return (ended["stopDate"] - ended["startDate"]).total_seconds()


def one_by_one(aws):
    """The calls of one hour, none beside another."""
    client = aws.client("lambda")

    def call(name, **event):
        reply = client.invoke(FunctionName=aws.physical_id(logical_id(name)), Payload=json.dumps(event).encode())
        answer = json.loads(reply["Payload"].read())
        if reply.get("FunctionError"):
            raise SystemExit(f"measure: {name}: {answer}")
        return answer

    fetched = call("fetch", hour=HOUR)
    where = {"hour": HOUR, "version": fetched["version"]}
    for chunk in range(fetched["chunks"]):
        call("convert-chunk", **where, chunk=chunk)
    run = {"execution_arn": "measure", "started_at": datetime.now(UTC).isoformat()}
    publication = call("register-partition", **where, **run, source=fetched["source"])
    del publication["hour"]
    redrive = {"redrive_count": 0, "resumed_redrive": 0}
    call("commit-bookmark", hour=HOUR, job_id="measure", **run, **redrive, outcome={"published": publication})


def show(aws, file, seconds, events):
    median = statistics.median(seconds)
    print(f"\n{events:,} records, {file.stat().st_size / 1e6:.1f} MB gzip: {median:.2f} s from start to published")
    print(f"(median of {', '.join(f'{one:.2f}' for one in seconds)}), {events / median:,.0f} records per second\n")
    peaks = peak_megabytes(aws)
    milliseconds = worked_milliseconds(aws)
    rows = [[name, str(len(ms)), str(sum(ms)), str(max(ms)), f"{peaks.get(name, 0):.0f}"] for name, ms in milliseconds.items()]
    print_table(["function", "calls", "ms in all", "longest ms", "peak MB"], ["varchar", *["double"] * 4], rows)


def worked_milliseconds(aws):
    """The milliseconds of each function's successful calls, from its log lines."""
    found, name = {one: [] for one in functions()}, None
    for line in (aws.directory / "server.log").read_text(errors="replace").splitlines():
        if heading := re.search(r"Lambda \S*?-(" + "|".join(functions()) + ") output", line):
            name = heading[1]
        elif name and line.startswith("{") and (entry := json.loads(line)).get("message") == "done":
            found[name].append(entry["milliseconds"])
    return {name: ms for name, ms in found.items() if ms}


def peak_megabytes(aws):
    """The most memory that a process of each function has had."""
    peaks = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = dict(one.partition("=")[::2] for one in (process / "environ").read_text(errors="replace").split("\0"))
            function = environment.get("AWS_LAMBDA_FUNCTION_NAME", "")
            if environment.get("AWS_ENDPOINT_URL") != aws.endpoint or not function:
                continue
            peak = int(re.search(r"VmHWM:\s+(\d+)", (process / "status").read_text())[1]) / 1000
        except (OSError, TypeError):
            continue
        name = next(one for one in functions() if function.endswith(one))
        peaks[name] = max(peaks.get(name, 0), peak)
    return peaks


if __name__ == "__main__":
    main()
