"""Events per CPU second of `process-events`, beside a handler in Python that does the same with boto3 and pyarrow.

    make bench-events [ROUNDS=5]

DynamoDB and S3 answer at once (`answers.py`), so what is measured is the handler: from the text of an invocation to its
answer, calls included. Each run is a process of its own that handles the batch many times; the contestants take turns, and
the ratio is the median of the rounds' own ratios. Before the table is printed, the calls of all are compared: the same
number of claims, of objects and of notes.
"""

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

sys.path.append(str(Path(__file__).resolve().parents[1]))
from environment import PYTHON, ROOT, prepare, target  # noqa: E402

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
#: Title, command, and how many times a run handles the batch.
CONTESTANTS = {
    "ours": ("process-events", [target() / "examples/handler_cost"], 40, []),
    "batched": ("Python, boto3, the same calls: 25 claims a call", [PYTHON, HERE / "handler_boto3.py"], 4, ["batched"]),
    "single": ("Python, boto3, a conditional put per event", [PYTHON, HERE / "handler_boto3.py"], 1, ["single"]),
}


def main():
    options = parse()
    if not options.no_build:
        prepare()
        build = ["cargo", "build", "--release", "--locked", "--quiet", "-p", "process-events", "--example", "handler_cost"]
        subprocess.run(build, cwd=ROOT, check=True)
    payload = WORK / "batch.json"
    payload.parent.mkdir(parents=True, exist_ok=True)
    payload.write_text(json.dumps(batch(options.events)))
    rates = {name: [] for name in CONTESTANTS}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", flush=True)
        calls = {}
        for name in CONTESTANTS:
            measured, calls[name] = run(name, payload)
            rates[name].append(measured["events"] / measured["cpu_secs"])
        agree(calls)
    show(rates, options)


def parse():
    parser = argparse.ArgumentParser(description="Events per CPU second, beside Python and boto3.")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each (default: 5)")
    parser.add_argument("--events", type=int, default=5000, help="events of a batch (default: 5000)")
    parser.add_argument("--no-build", action="store_true", help="measure with what is built and installed")
    return parser.parse_args()


def batch(events):
    """An invocation's event, always the same."""
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
        part = {"kinesisSchemaVersion": "1.0", "partitionKey": "key", "sequenceNumber": sequence}
        part |= {"data": base64.b64encode(json.dumps(event).encode()).decode(), "approximateArrivalTimestamp": 1763683205.5}
        records.append({"kinesis": part, "eventID": f"shardId-000000000000:{sequence}", "eventSource": "aws:kinesis"})
    return {"Records": records}


def run(name, payload):
    """One run against endpoints of its own: what it printed, and the calls that it made for each batch."""
    _, command, rounds, style = CONTESTANTS[name]
    with subprocess.Popen([sys.executable, HERE / "answers.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        endpoint = f"http://127.0.0.1:{int(server.stdout.readline())}"
        environment = {**os.environ, **VARIABLES, "AWS_ENDPOINT_URL": endpoint}
        done = subprocess.run([*command, payload, str(rounds), *style], env=environment, check=True, capture_output=True)
        counts = json.load(urllib.request.urlopen(f"{endpoint}/counts"))
        server.stdin.close()
    counts = {key: value // (rounds + 1) for key, value in counts.items() if key != "bytes"}
    return json.loads(done.stdout), counts


def agree(calls):
    claims = {name: one.get("statements", 0) + one.get("putitem", 0) for name, one in calls.items()}
    objects = {name: one["put"] for name, one in calls.items()}
    if len(set(claims.values())) > 1 or len(set(objects.values())) > 1:
        sys.exit(f"the handlers do not do the same, so no table: {calls}")


def show(rates, options):
    print(f"\n| handler, batches of {options.events} events | events per CPU second | ours to it |\n| --- | --- | --- |")
    for name, (title, *_) in CONTESTANTS.items():
        ratio = statistics.median(ours / theirs for ours, theirs in zip(rates["ours"], rates[name]))
        print(f"| {title} | {statistics.median(rates[name]):,.0f} | {ratio:.1f} |")


if __name__ == "__main__":
    main()
