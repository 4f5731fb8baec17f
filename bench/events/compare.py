"""Compares `process-events` with a Python handler that does the same with boto3 and pyarrow, in events per CPU second.

    make bench-events [ROUNDS=5]

DynamoDB and S3 return immediately (`answers.py`), so the result is the cost of the handler, from the text of an invocation to
its reply, including the calls. Each run is a separate process that handles the batch many times. The contestants take turns,
and a ratio is the median of the ratios of the rounds. All must make the same number of claims, objects and notes.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import statistics
import subprocess
import sys
import urllib.request
import uuid
from pathlib import Path
from random import Random
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))
from environment import PYTHON, ROOT, prepare, target

HERE = Path(__file__).parent
WORK = ROOT / ".local/bench-events"
TYPES = "account,billing,course,lesson,notification,page,payment,product,search,session,upload,user,other"
VARIABLES = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "DATA_BUCKET": "lake",
    "CLAIMS_TABLE": "claims",
    "EVENT_TYPES": TYPES,
    "MIMALLOC_PURGE_DELAY": "-1",
    "RUST_LOG": "error",
}
# Title, command, number of times that a run handles the batch, and arguments.
CONTESTANTS: dict[str, tuple[str, list[str | Path], int, list[str]]] = {
    "ours": ("process-events", [target() / "examples/handler_cost"], 40, []),
    "batched": ("Python, boto3, the same calls: 25 claims a call", [PYTHON, HERE / "handler_boto3.py"], 4, ["batched"]),
    "single": ("Python, boto3, a conditional put per event", [PYTHON, HERE / "handler_boto3.py"], 1, ["single"]),
}


def main() -> None:
    options = parse()
    if not options.no_build:
        prepare()
        build = ["cargo", "build", "--release", "--locked", "--quiet", "-p", "process-events", "--example", "handler_cost"]
        subprocess.run(build, cwd=ROOT, check=True)
    payload = WORK / "batch.json"
    payload.parent.mkdir(parents=True, exist_ok=True)
    payload.write_text(json.dumps(batch(options.events)))
    rates: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", flush=True)
        calls = {}
        for name in CONTESTANTS:
            measured, calls[name] = run(name, payload)
            rates[name].append(measured["events"] / measured["cpu_secs"])
        agree(calls)
    show(rates, options)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compares events per CPU second with Python and boto3.")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each contestant (default: 5)")
    parser.add_argument("--events", type=int, default=5000, help="events of a batch (default: 5000)")
    parser.add_argument("--no-build", action="store_true", help="skip the build and the installation")
    return parser.parse_args()


def batch(events: int) -> dict[str, Any]:
    """Returns the event of an invocation, always the same."""
    random, records = Random(7), []
    for number in range(events):
        name = f"{random.choice(TYPES.split(',')[:-1])}:{random.choice(['started', 'viewed', 'done:timeout'])}"
        event = {
            "event_uuid": str(uuid.UUID(int=random.getrandbits(128), version=4)),
            "event_name": name,
            "created_at": 1_763_683_200_000 + number,
            "user": {"id": random.randrange(5000), "plan": "school"},
            "minutes": random.randrange(90),
            "page": f"/courses/{random.randrange(500)}/lessons/{random.randrange(50)}",
        }
        sequence = f"49668{number:051}"
        part: dict[str, Any] = {"kinesisSchemaVersion": "1.0", "partitionKey": "key", "sequenceNumber": sequence}
        part |= {"data": base64.b64encode(json.dumps(event).encode()).decode(), "approximateArrivalTimestamp": 1763683205.5}
        records.append({"kinesis": part, "eventID": f"shardId-000000000000:{sequence}", "eventSource": "aws:kinesis"})
    return {"Records": records}


def run(name: str, payload: Path) -> tuple[dict[str, float], dict[str, int]]:
    """Runs one contestant against its own endpoint. Returns its output and its calls per batch."""
    _, command, rounds, style = CONTESTANTS[name]
    with subprocess.Popen([sys.executable, HERE / "answers.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin and server.stdout
        endpoint = f"http://127.0.0.1:{int(server.stdout.readline())}"
        environment = {**os.environ, **VARIABLES, "AWS_ENDPOINT_URL": endpoint}
        done = subprocess.run([*command, payload, str(rounds), *style], env=environment, check=True, capture_output=True)
        with urllib.request.urlopen(f"{endpoint}/counts") as reply:
            counts: dict[str, int] = json.load(reply)
        server.stdin.close()
    counts = {key: value // (rounds + 1) for key, value in counts.items() if key != "bytes"}
    return json.loads(done.stdout), counts


def agree(calls: dict[str, dict[str, int]]) -> None:
    claims = {name: one.get("statements", 0) + one.get("putitem", 0) for name, one in calls.items()}
    objects = {name: one["put"] for name, one in calls.items()}
    if len(set(claims.values())) > 1 or len(set(objects.values())) > 1:
        sys.exit(f"the handlers make different calls: {calls}")


def show(rates: dict[str, list[float]], options: argparse.Namespace) -> None:
    print(f"\n| handler, batches of {options.events} events | events per CPU second | ours to it |\n| --- | --- | --- |")
    for name, (title, *_) in CONTESTANTS.items():
        ratio = statistics.median(ours / theirs for ours, theirs in zip(rates["ours"], rates[name], strict=True))
        print(f"| {title} | {statistics.median(rates[name]):,.0f} | {ratio:.1f} |")


if __name__ == "__main__":
    main()
