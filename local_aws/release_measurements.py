"""`make measure`: measures the release binaries on the local AWS.

    .tools/local/bin/python -m local_aws.release_measurements [--events 150000] [--rounds 3]

- Size: the deployment package, which is one deflated binary.
- Cold start: the duration of a function's first invocation minus that of a later one, both with an input that it rejects.
- Hour: the duration of an execution of process-hour.
- Milliseconds of a function: from its log, for the invocations of one hour, one after the other.
- Peak memory: VmHWM of its processes.
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
from typing import Any

from local_aws.paths import ROOT
from local_aws.stack.archive_server import ArchiveServer
from local_aws.stack.aws import LocalAws
from local_aws.stack.build import archive_server_binary, functions, logical_id, target_folder
from local_aws.text_table import print_table

HOUR = "2026-06-01-15"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures sizes, cold starts and one large hour with the release binaries.")
    parser.add_argument("--events", type=int, default=150_000, help="records of the hour (default: 150000)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of the hour (default: 3)")
    options = parser.parse_args()
    packages = [argument for name in functions() for argument in ("--package", name)]
    subprocess.run(["cargo", "build", "--release", "--locked", *packages], cwd=ROOT, check=True)
    subprocess.run(["cargo", "build", "--locked", "--package", "archive-server"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options)


def measure(folder: Path, options: argparse.Namespace) -> None:
    sizes = make_packages(folder)
    hours = folder / "hours"
    hours.mkdir()
    file = hours / f"{HOUR}.json.gz"
    command: list[str | Path] = [archive_server_binary(), "generate", "--hour", HOUR, "--events", str(options.events), "--out", file]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    aws = LocalAws(folder / "aws")
    aws.functions = folder / "functions"
    with ArchiveServer(folder / "archive", ["--dir", hours]) as archive, aws:
        outputs = aws.deploy({"SourceUrls": archive.url, "EventStreamEnabled": "ENABLED"})
        rows = [[name, *sizes[name], *(f"{value:.0f}" for value in start_milliseconds(aws, name))] for name in functions()]
        titles = ["function", "binary MB", "zip MB", "cold start ms", "warm call ms"]
        print_table(titles, ["varchar", *["double"] * 4], rows)
        seconds = [run_hour(aws, outputs) for _ in range(options.rounds)]
        invoke_in_sequence(aws)
        show(aws, file, seconds, options.events)


def make_packages(folder: Path) -> dict[str, list[str]]:
    """Copies the release binaries for the deployment. Returns the MB of each, plain and deflated."""
    sizes = {}
    for name in functions():
        bootstrap = folder / "functions" / logical_id(name) / "bootstrap"
        bootstrap.parent.mkdir(parents=True)
        bootstrap.write_bytes((target_folder("release") / name).read_bytes())
        bootstrap.chmod(0o755)
        with zipfile.ZipFile(folder / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(bootstrap, "bootstrap")
        sizes[name] = [f"{path.stat().st_size / 1e6:.1f}" for path in (bootstrap, folder / f"{name}.zip")]
    return sizes


def start_milliseconds(aws: LocalAws, name: str) -> tuple[float, float]:
    """Milliseconds of the cold start and of a warm invocation (median of 9)."""
    client, function = aws.client("lambda"), aws.physical_id(logical_id(name))

    def call() -> float:
        begin = time.perf_counter()
        client.invoke(FunctionName=function, Payload=b"{}")["Payload"].read()
        return (time.perf_counter() - begin) * 1000

    first, warm = call(), statistics.median(call() for _ in range(9))
    return first - warm, warm


def run_hour(aws: LocalAws, outputs: dict[str, str]) -> float:
    """Seconds of one execution of process-hour."""
    client = aws.client("stepfunctions")
    request = {"stateMachineArn": outputs["ProcessHourStateMachineArn"], "input": json.dumps({"hour": HOUR})}
    arn = client.start_execution(**request)["executionArn"]
    while (ended := client.describe_execution(executionArn=arn))["status"] == "RUNNING":
        time.sleep(0.05)
    if ended["status"] != "SUCCEEDED":
        raise SystemExit(f"measure: {ended['status']} {ended.get('error')} {ended.get('cause')}")
    seconds: float = (ended["stopDate"] - ended["startDate"]).total_seconds()
    return seconds


def invoke_in_sequence(aws: LocalAws) -> None:
    """Makes the invocations of one hour one after the other, so that none slows another."""
    client = aws.client("lambda")

    def call(name: str, **event: Any) -> dict[str, Any]:
        reply = client.invoke(FunctionName=aws.physical_id(logical_id(name)), Payload=json.dumps(event).encode())
        output: dict[str, Any] = json.loads(reply["Payload"].read())
        if reply.get("FunctionError"):
            raise SystemExit(f"measure: {name}: {output}")
        return output

    fetched = call("fetch", hour=HOUR)
    target = {"hour": HOUR, "version": fetched["version"]}
    for chunk in range(fetched["chunks"]):
        call("convert-chunk", **target, chunk=chunk)
    run = {"execution_arn": "measure", "started_at": datetime.now(UTC).isoformat()}
    publication = call("register-partition", **target, **run, source=fetched["source"])
    del publication["hour"]
    redrive = {"redrive_count": 0, "resumed_redrive": 0}
    call("commit-bookmark", hour=HOUR, job_id="measure", **run, **redrive, outcome={"published": publication})


def show(aws: LocalAws, file: Path, seconds: list[float], events: int) -> None:
    median = statistics.median(seconds)
    print(f"\n{events:,} records, {file.stat().st_size / 1e6:.1f} MB gzip: {median:.2f} s from start to published")
    print(f"(median of {', '.join(f'{one:.2f}' for one in seconds)}), {events / median:,.0f} records per second\n")
    peaks = peak_megabytes(aws)
    milliseconds = logged_milliseconds(aws)
    rows = [[name, str(len(ms)), str(sum(ms)), str(max(ms)), f"{peaks.get(name, 0):.0f}"] for name, ms in milliseconds.items()]
    print_table(["function", "calls", "total ms", "longest ms", "peak MB"], ["varchar", *["double"] * 4], rows)


def logged_milliseconds(aws: LocalAws) -> dict[str, list[int]]:
    """The milliseconds of each function's successful invocations, from its log lines."""
    found: dict[str, list[int]] = {one: [] for one in functions()}
    name = None
    for line in aws.log.read_text(errors="replace").splitlines():
        if heading := re.search(r"Lambda \S*?-(" + "|".join(functions()) + ") output", line):
            name = heading[1]
        elif name and line.startswith("{") and (entry := json.loads(line)).get("message") == "done":
            found[name].append(entry["milliseconds"])
    return {name: ms for name, ms in found.items() if ms}


def peak_megabytes(aws: LocalAws) -> dict[str, float]:
    """The peak memory of each function's processes, in MB."""
    peaks: dict[str, float] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = dict(one.partition("=")[::2] for one in (process / "environ").read_text(errors="replace").split("\0"))
            function = environment.get("AWS_LAMBDA_FUNCTION_NAME", "")
            if environment.get("AWS_ENDPOINT_URL") != aws.endpoint or not function:
                continue
            found = re.search(r"VmHWM:\s+(\d+)", (process / "status").read_text())
        except OSError:  # the process ended
            continue
        if not found:
            continue
        name = next(one for one in functions() if function.endswith(one))
        peaks[name] = max(peaks.get(name, 0), int(found[1]) / 1000)
    return peaks


if __name__ == "__main__":
    main()
